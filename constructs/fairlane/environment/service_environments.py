"""Environment-file model of `service_environments`."""

from collections.abc import Iterator

from fairlane._internal.checks import check_tags
from fairlane.environment.base import CapacityField, Model
from fairlane.errors import Problem
from fairlane.scheduling.capacity import check_capacity


class ServiceEnvironmentModel(Model, title="service environment"):
    """Capacity that several queues share."""

    capacity: CapacityField
    """Number of instances, 1 or more; or, for quota-management, the number of each ml.* instance type, 1 to 5 types.
    Required."""
    tags: dict[str, str] = {}
    """Tags of the service environment, at most 50. Default: none."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the capacity and the tags."""
        yield from check_capacity(("capacity",), self.capacity)
        yield from check_tags(self.tags)
