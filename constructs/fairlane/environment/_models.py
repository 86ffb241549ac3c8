"""What stands in an environment file: pydantic checks its shape, the objects of `fairlane.scheduling` its meaning."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypedDict

from pydantic import ConfigDict, Field

from fairlane._checks import check_name, check_tags, check_text
from fairlane._problems import Problem
from fairlane._training_permissions import training_permission_problems
from fairlane.environment._scheduling_models import (
    CapacityField,
    FairShareModel,
    FifoModel,
    Model,
    QuotaManagementModel,
    StateField,
    TimeLimitActionModel,
    state_of,
)
from fairlane.scheduling import (
    Capacity,
    JobStateTimeLimitAction,
    SchedulingPolicy,
    State,
    check_capacity,
    check_instance_type,
    training_queue_problems,
)

MAX_QUEUES: Final = 50
MAX_SERVICE_ENVIRONMENTS: Final = 50

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_ACCOUNT: Final = re.compile(r"\d{12}")


class ServiceEnvironmentModel(Model):
    """A limit on instances that several queues have together."""

    capacity: CapacityField
    """A number of instances, or a number for each ml.* type."""
    tags: dict[str, str] = {}

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_capacity(("capacity",), self.capacity)
        yield from check_tags(self.tags)


class QueueSettings(TypedDict):
    """Keyword arguments of `TrainingQueue` that an environment file has under the same names."""

    scheduling: SchedulingPolicy
    capacity: Capacity | None
    priority: int
    state: State
    time_limit_actions: list[JobStateTimeLimitAction]
    tags: dict[str, str]


class TrainingQueueModel(Model):
    """A queue for SageMaker training jobs."""

    model_config = ConfigDict(json_schema_extra={"required": ["scheduling"]})

    # Required, but absent until problems() says so: else its absence would hide what else is wrong with the queue.
    scheduling: Annotated[FifoModel | FairShareModel | QuotaManagementModel, Field(discriminator="policy")] | None = (
        None
    )
    """Who goes next when several wait."""
    capacity: CapacityField | None = None
    """A number of instances for fifo and fair-share, a number for each ml.* type for quota-management."""
    service_environment: str | None = None
    """Instead of capacity: one of service_environments."""
    instance_type: str | None = None
    """With a number of instances: the ml.* type that people are to use; a hint for them and for estimates."""
    priority: int = 1
    """0 to 1000; among queues with one service environment, the highest is served first."""
    state: StateField = "enabled"
    """A draining queue takes no new jobs; those that it has may finish."""
    time_limit_actions: list[TimeLimitActionModel] = []
    """What to do with jobs that cannot start and block the queue."""
    tags: dict[str, str] = {}

    @property
    def settings(self) -> QueueSettings:
        """What a queue's construct and its rules take alike, as `fairlane.scheduling` objects."""
        return {
            "scheduling": self.scheduling.build() if self.scheduling else None,  # type: ignore[typeddict-item]
            "capacity": self.capacity,
            "priority": self.priority,
            "state": state_of(self.state),
            "time_limit_actions": [action.build() for action in self.time_limit_actions],
            "tags": self.tags,
        }

    def problems(
        self, name: str, region: str, environments: Mapping[str, ServiceEnvironmentModel]
    ) -> Iterator[Problem]:
        """Yields every mistake of the queue, with AWS's rules for its policy and its environment."""
        shared = environments.get(self.service_environment or "")
        if self.service_environment is not None and shared is None:
            allowed = ", ".join(environments) or "a key of service_environments, which is empty"
            yield Problem(("service_environment",), self.service_environment, allowed)
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
            yield Problem((), problem.got, problem.allowed) if problem.field == ("queue_name",) else problem


class TrainingExecutionRoleModel(Model):
    """A role that SageMaker assumes to run training jobs."""

    read: list[str] = []
    """S3 URIs of prefixes to read from, each with / at the end."""
    write: list[str] = []
    """S3 URIs of prefixes to write to and read from, each with / at the end."""
    repositories: list[str] = []
    """ECR repositories to pull images from: names in the account and Region, or ARNs."""
    kms_keys: list[str] = []
    """ARNs of the KMS keys of those buckets and of the jobs' volumes."""
    tags: dict[str, str] = {}

    def problems(self) -> Iterator[Problem]:
        """Yields every URI, name and ARN that cannot be right."""
        yield from training_permission_problems(
            read=self.read, write=self.write, repositories=self.repositories, kms_keys=self.kms_keys
        )
        yield from check_tags(self.tags)


class RegionModel(Model):
    """What stands in one Region."""

    execution_roles: dict[str, TrainingExecutionRoleModel] = {}
    """Roles that training jobs run with, by a name of yours that becomes part of their output's name."""
    service_environments: dict[str, ServiceEnvironmentModel] = {}
    """Service environments that several queues have together."""
    queues: dict[str, TrainingQueueModel] = {}
    """Queues by name."""

    def regional_problems(self, region: str) -> Iterator[Problem]:
        """Yields every mistake of what stands in the Region."""
        if len(self.queues) > MAX_QUEUES:
            yield Problem(("queues",), f"{len(self.queues)} queues", f"at most {MAX_QUEUES} in an account and Region")
        own = sum(queue.service_environment is None for queue in self.queues.values())
        if (count := own + len(self.service_environments)) > MAX_SERVICE_ENVIRONMENTS:
            allowed = f"at most {MAX_SERVICE_ENVIRONMENTS} in an account and Region"
            yield Problem(("service_environments",), f"{count} service environments", allowed)
        for name, role in self.execution_roles.items():
            for problem in (*check_name((), name), *role.problems()):
                yield problem.within("execution_roles", name)
        for name, environment in self.service_environments.items():
            for problem in (*check_name((), name), *environment.problems()):
                yield problem.within("service_environments", name)
        for name, queue in self.queues.items():
            for problem in queue.problems(name, region, self.service_environments):
                yield problem.within("queues", name)
        yield from self._sharing_problems()

    def _sharing_problems(self) -> Iterator[Problem]:
        users = Counter(queue.service_environment for queue in self.queues.values())
        for name, queue in self.queues.items():
            quotas = isinstance(queue.scheduling, QuotaManagementModel)
            if quotas and queue.service_environment is not None and users[queue.service_environment] > 1:
                allowed = "with quota-management, an environment that no other queue has"
                yield Problem(("queues", name, "service_environment"), queue.service_environment, allowed)


class Environment(RegionModel):
    """One account of a platform team: its home Region, and others under `regions`."""

    model_config = ConfigDict(json_schema_extra={"required": ["region"]})

    region: str = ""
    """The home Region; required."""
    account: str | None = None
    """Twelve digits in quotes; if absent, the account of whoever deploys."""
    termination_protection: bool = False
    """Whether the stacks refuse to be deleted."""
    tags: dict[str, str] = {}
    """Tags for all that is made."""
    regions: dict[str, RegionModel] = {}
    """Other Regions, each with the same keys as the home Region."""

    def by_region(self) -> dict[str, RegionModel]:
        """What stands in each Region, the home Region first."""
        return {self.region: self, **self.regions}

    def problems(self) -> Iterator[Problem]:
        """Yields every mistake of the environment."""
        yield from _check_region(("region",), self.region or None)
        if self.account is not None:
            yield from check_text(("account",), self.account, _ACCOUNT.fullmatch, "twelve digits in quotes")
        yield from check_tags(self.tags)
        yield from self.regional_problems(self.region)
        for region, model in self.regions.items():
            yield from _check_region(("regions", region), region)
            if region == self.region:
                yield Problem(("regions", region), region, "Regions other than the home region, whose keys stand above")
            for problem in model.regional_problems(region):
                yield problem.within("regions", region)


def _check_region(field: tuple[str, ...], region: str | None) -> Iterator[Problem]:
    yield from check_text(field, region, _REGION.fullmatch, "a Region such as us-east-1")
