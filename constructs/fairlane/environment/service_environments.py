"""Environment-file model of `service_environments`."""

from collections.abc import Iterator

from fairlane._internal.checks import check_tags
from fairlane.environment.base import CapacityField, Model
from fairlane.errors import Problem
from fairlane.scheduling.capacity import check_capacity


class ServiceEnvironmentModel(Model):
    """A limit on instances that several queues have together."""

    capacity: CapacityField
    """A number of instances, or a number for each ml.* type."""
    tags: dict[str, str] = {}

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_capacity(("capacity",), self.capacity)
        yield from check_tags(self.tags)
