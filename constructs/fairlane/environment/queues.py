"""The part of an environment file that queues and what SageMaker training jobs need are in."""

from collections.abc import Iterator, Mapping
from typing import Annotated, TypedDict

from pydantic import ConfigDict, Field, Tag

from fairlane.environment.base import CapacityField, Model, StateField, branch, of_key, state_of
from fairlane.environment.keys import Keys
from fairlane.environment.scheduling import FairShareModel, FifoModel, QuotaManagementModel
from fairlane.environment.service_environments import ServiceEnvironmentModel
from fairlane.errors import Problem
from fairlane.monitoring.alarms.alarm_limits import AlarmLimits
from fairlane.queues.rules import check_compute_environments, gpu_queue_problems
from fairlane.queues.training_queue_rules import training_queue_problems
from fairlane.scheduling import Capacity, JobStateTimeLimitAction, SchedulingPolicy, State
from fairlane.scheduling.capacity import check_instance_type


class QueueSettings(TypedDict):
    """Keyword arguments of every queue's construct that an environment file has under the same names."""

    scheduling: SchedulingPolicy
    priority: int
    state: State
    time_limit_actions: list[JobStateTimeLimitAction]
    tags: dict[str, str]


class TrainingQueueSettings(QueueSettings):
    """Those of `TrainingQueue`."""

    capacity: Capacity | None


class QueueModel(Model):
    """What queues of every kind have."""

    model_config = ConfigDict(json_schema_extra={"required": ["scheduling"]})

    # Required, but absent until problems() says so: else its absence would hide what else is wrong with the queue.
    scheduling: Annotated[FifoModel | FairShareModel | QuotaManagementModel, Field(discriminator="policy")] | None = (
        None
    )
    """Who goes next when several wait."""
    priority: int = 1
    """0 to 1000; among queues with the same service or compute environment, the highest is served first."""
    state: StateField = "enabled"
    """A draining queue takes no new jobs; those that it has may finish."""
    time_limit_actions: list[Annotated[JobStateTimeLimitAction, Keys()]] = []
    """What to do with jobs that cannot start and block the queue."""
    alarms: Annotated[AlarmLimits, Keys()] | None = None
    """Limits of this queue's alarms, where they are not those of all queues."""
    tags: dict[str, str] = {}

    @property
    def queue_settings(self) -> QueueSettings:
        """What a queue's construct and its rules take alike, as `fairlane.scheduling` objects."""
        return {
            "scheduling": self.scheduling.build() if self.scheduling else None,  # type: ignore[typeddict-item]
            "priority": self.priority,
            "state": state_of(self.state),
            "time_limit_actions": self.time_limit_actions,
            "tags": self.tags,
        }


class TrainingQueueModel(QueueModel):
    """A queue for SageMaker training jobs."""

    capacity: CapacityField | None = None
    """A number of instances for fifo and fair-share, a number for each ml.* type for quota-management."""
    service_environment: str | None = None
    """Instead of capacity: one of service_environments."""
    instance_type: str | None = None
    """With a number of instances: the ml.* type that people are to use; a hint for them and for estimates."""

    @property
    def settings(self) -> TrainingQueueSettings:
        """Keyword arguments of `TrainingQueue`, as `fairlane.scheduling` objects."""
        return {**self.queue_settings, "capacity": self.capacity}

    def problems(
        self, name: str, region: str, environments: Mapping[str, ServiceEnvironmentModel]
    ) -> Iterator[Problem]:
        """Yields every mistake of the queue, with AWS's rules for its policy and its environment."""
        shared = environments.get(self.service_environment or "")
        if self.instance_type is not None:
            yield from check_instance_type(("instance_type",), self.instance_type)
            if isinstance(self.capacity or (shared and shared.capacity), dict):
                allowed = "a hint only where capacity is a number: this capacity names its types"
                yield Problem(("instance_type",), self.instance_type, allowed)
        for problem in training_queue_problems(
            queue_name=name,
            service_environment=self.service_environment,
            environment_capacity=shared.capacity if shared else None,
            region=region,
            **self.settings,
        ):
            yield of_key(problem, "queue_name")


class GpuQueueModel(QueueModel):
    """A queue for containers on GPU machines."""

    model_config = ConfigDict(json_schema_extra={"required": ["compute_environments", "scheduling"]})

    compute_environments: list[str]
    """One to three of compute_environments, in the order in which they are filled."""

    @property
    def settings(self) -> QueueSettings:
        """Keyword arguments of `GpuQueue`, as `fairlane.scheduling` objects."""
        return self.queue_settings

    def problems(self, name: str) -> Iterator[Problem]:
        """Yields every mistake of the queue."""
        for problem in gpu_queue_problems(queue_name=name, **self.settings):
            yield of_key(problem, "queue_name")
        yield from check_compute_environments(self.compute_environments)


QueueField = Annotated[
    Annotated[GpuQueueModel, Tag("<containers>")] | Annotated[TrainingQueueModel, Tag("<training>")],
    branch("<containers>", "compute_environments", otherwise="<training>"),
]
