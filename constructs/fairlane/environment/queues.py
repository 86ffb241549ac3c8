"""Environment-file models of `queues`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, TypedDict

from pydantic import ConfigDict, Tag

from fairlane.environment.base import CapacityField, Model, StateField, batch_state, branch, entry_problem
from fairlane.environment.grantees import GranteeModel, ManagerModel, SubmitterModel
from fairlane.environment.keys import Keys
from fairlane.environment.scheduling import SchedulingField
from fairlane.environment.service_environments import ServiceEnvironmentModel
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.alarm_limits import AlarmLimits
from fairlane.queues.rules import check_compute_environments, gpu_queue_problems
from fairlane.queues.training_queue_rules import training_queue_problems
from fairlane.scheduling import Capacity, JobStateTimeLimitAction, SchedulingPolicy, State
from fairlane.scheduling.capacity import check_instance_type

_ALARM_LIMITS = (
    "Limits of the alarms of one queue: for each kind of alarm, a limit for each severity. `null` removes a severity."
)


class QueueSettings(TypedDict):
    """Keyword arguments that the constructs of all queues have in common."""

    scheduling: SchedulingPolicy
    priority: int
    state: State
    time_limit_actions: list[JobStateTimeLimitAction]
    tags: dict[str, str]


class TrainingQueueSettings(QueueSettings):
    """Keyword arguments of `TrainingQueue`."""

    capacity: Capacity | None


class QueueModel(Model):
    """Keys that queues of all kinds have in common."""

    model_config = ConfigDict(json_schema_extra={"required": ["scheduling"]})

    _refused_keys: ClassVar[Mapping[str, str]]
    """Sentences about keys that a grantee of the queue cannot have."""

    # Required. None, so that problems() reports a missing value together with all other problems of the queue.
    scheduling: SchedulingField | None = None
    """Scheduling policy: the order in which waiting jobs start. Required."""
    priority: int = 1
    """Priority among the queues with the same service environment or compute environment, 0 to 1000; the queue with
    the highest number is served first. Default: 1."""
    state: StateField = "enabled"
    """A draining queue takes no new jobs; its jobs can finish. Default: enabled."""
    time_limit_actions: list[Annotated[JobStateTimeLimitAction, Keys()]] = []
    """Actions on jobs that block the head of the queue because they cannot start. Default: none."""
    alarms: Annotated[AlarmLimits, Keys(description=_ALARM_LIMITS)] | None = None
    """Limits of this queue's alarms. Kinds and severities that are not listed have the limits of `alarms` of the
    Region; `null` removes the alarms of a severity, and `{}` those of a kind."""
    tags: dict[str, str] = {}
    """Tags of the queue, at most 50. Default: none."""
    submitters: dict[str, SubmitterModel] = {}
    """IAM roles and managed policies that can submit jobs, by a name of your choice. Default: none."""
    managers: dict[str, ManagerModel] = {}
    """IAM roles and managed policies that can stop jobs and change their priority, by a name of your choice. The
    permission applies to all queues of the same kind in the account and Region. Default: none."""
    observers: dict[str, GranteeModel] = {}
    """IAM roles and managed policies that can read the queue and its jobs, by a name of your choice. AWS Batch allows
    reading jobs only for the whole account. Default: none."""

    @property
    def grantees(self) -> dict[Path, GranteeModel]:
        """Entries of `submitters`, `managers` and `observers`, by their path in the queue."""
        kinds: dict[str, Mapping[str, GranteeModel]] = {
            "submitters": self.submitters,
            "managers": self.managers,
            "observers": self.observers,
        }
        return {(kind, name): entry for kind, entries in kinds.items() for name, entry in entries.items()}

    def grantee_problems(self) -> Iterator[Problem]:
        """Yield the problems of each grantee by itself, and the keys that it cannot have in this kind of queue."""
        for path, entry in self.grantees.items():
            for problem in entry.problems():
                yield problem.within(*path)
            for key, sentence in self._refused_keys.items():
                if getattr(entry, key, None):
                    yield Problem.relation((*path, key), f"{sentence}: remove {key}")

    @property
    def queue_settings(self) -> QueueSettings:
        """Keyword arguments that all queues and their rules have in common, as objects of `fairlane.scheduling`."""
        return {
            "scheduling": self.scheduling.build() if self.scheduling else None,  # type: ignore[typeddict-item]
            "priority": self.priority,
            "state": batch_state(self.state),
            "time_limit_actions": self.time_limit_actions,
            "tags": self.tags,
        }


class TrainingQueueModel(QueueModel, title="training queue"):
    """Queue for SageMaker training jobs."""

    _refused_keys = {"job_definitions": "only queues with compute_environments have job definitions"}

    capacity: CapacityField | None = None
    """Number of instances for fifo and fair-share, 1 or more; for quota-management, the number of each ml.* instance
    type, 1 to 5 types. Required without `service_environment`."""
    service_environment: str | None = None
    """Key of `service_environments`. Replaces `capacity`."""
    instance_type: str | None = None
    """Instance type ml.* of the jobs: a hint for users and for estimates, which AWS does not enforce. Only if the
    capacity is a number. Default: none."""

    @property
    def settings(self) -> TrainingQueueSettings:
        """Keyword arguments of `TrainingQueue`, as objects of `fairlane.scheduling`."""
        return {**self.queue_settings, "capacity": self.capacity}

    def problems(
        self, name: str, region: str, environments: Mapping[str, ServiceEnvironmentModel]
    ) -> Iterator[Problem]:
        """Yield the problems of the queue, including those of its policy with its service environment.

        Args:
            name: Name of the queue.
            region: Region of the queue.
            environments: Service environments of the Region.
        """
        shared = environments.get(self.service_environment or "")
        if self.instance_type is not None:
            yield from check_instance_type(("instance_type",), self.instance_type)
            if isinstance(self.capacity or (shared and shared.capacity), dict):
                sentence = "the capacity already names its instance types: remove instance_type"
                yield Problem.relation(("instance_type",), sentence)
        for problem in training_queue_problems(
            queue_name=name,
            service_environment=self.service_environment,
            environment_capacity=shared.capacity if shared else None,
            region=region,
            **self.settings,
        ):
            yield entry_problem(problem, "queue_name")
        yield from self.grantee_problems()


class GpuQueueModel(QueueModel, title="GPU queue"):
    """Queue for containers on GPU instances."""

    model_config = ConfigDict(json_schema_extra={"required": ["compute_environments", "scheduling"]})
    _refused_keys = {
        "max_priority": "IAM has no condition for the priority of jobs of containers",
        "execution_roles": "the job definitions of containers have their own roles",
    }

    compute_environments: list[str]
    """1 to 3 keys of `compute_environments`. AWS Batch fills the compute environments in this order. Required."""

    @property
    def settings(self) -> QueueSettings:
        """Keyword arguments of `GpuQueue`, as objects of `fairlane.scheduling`."""
        return self.queue_settings

    def problems(self, name: str) -> Iterator[Problem]:
        """Yield the problems of the queue.

        Args:
            name: Name of the queue.
        """
        for problem in gpu_queue_problems(queue_name=name, **self.settings):
            yield entry_problem(problem, "queue_name")
        yield from check_compute_environments(self.compute_environments)
        yield from self.grantee_problems()


QueueField = Annotated[
    Annotated[GpuQueueModel, Tag("<gpu>")] | Annotated[TrainingQueueModel, Tag("<training>")],
    branch("<gpu>", "compute_environments", otherwise="<training>"),
]
