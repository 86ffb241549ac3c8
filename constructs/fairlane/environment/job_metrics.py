"""Environment-file model of `job_metrics`."""

from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_whole_number
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.exporter.rules import exporter_problems

MAX_MONITORING_STACKS: Final = 50


class JobMetricsModel(Model, title="job metrics"):
    """Exporter of metrics that AWS Batch does not publish: of queues, shares, jobs and failures."""

    interval_minutes: int = 1
    """Number of minutes between two polls of the queues, 1 to 60. Default: 1."""
    namespace: str = "Fairlane"
    """CloudWatch namespace of the metrics: 1 to 255 characters of A-Z, a-z, 0-9, . - _ / # and :, without AWS/ or : at
    the start. Default: Fairlane."""

    stacks: int = 1
    """Smallest number of monitoring stacks of the Region, 1 to 50. Set it to the present number, so that alarms stay in
    their stacks when queues are removed. Default: 1."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the interval, the namespace and the number of stacks."""
        yield from exporter_problems(self.interval_minutes, self.namespace)
        yield from check_whole_number(("stacks",), self.stacks, 1, MAX_MONITORING_STACKS)
