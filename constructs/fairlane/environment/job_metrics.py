"""The part of an environment file that monitoring is in."""

from collections.abc import Iterator

from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.exporter.rules import exporter_problems


class JobMetricsModel(Model):
    """The exporter of what AWS Batch does not publish of its queues."""

    interval_minutes: int = 1
    """How often the queues are polled, 1 to 60 minutes."""
    namespace: str = "Fairlane"
    """Where the metrics are in CloudWatch."""

    def problems(self) -> Iterator[Problem]:
        """Yields every value that cannot be right."""
        yield from exporter_problems(self.interval_minutes, self.namespace)
