"""Environment-file model of `job_metrics`."""

from collections.abc import Iterator

from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.exporter.rules import exporter_problems


class JobMetricsModel(Model, title="job metrics"):
    """Exporter of metrics that AWS Batch does not publish: of queues, shares, jobs and failures."""

    interval_minutes: int = 1
    """Number of minutes between two polls of the queues, 1 to 60. Default: 1."""
    namespace: str = "Fairlane"
    """CloudWatch namespace of the metrics: 1 to 255 characters of A-Z, a-z, 0-9, . - _ / # and :, without AWS/ or : at
    the start. Default: Fairlane."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the interval and the namespace."""
        yield from exporter_problems(self.interval_minutes, self.namespace)
