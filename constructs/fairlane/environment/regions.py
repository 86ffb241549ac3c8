"""Environment-file model of a Region: the home Region, and each under `regions`."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

from fairlane._internal.checks import check_name
from fairlane.environment.alarms import AlarmSettings
from fairlane.environment.base import Model
from fairlane.environment.compute_environments import ComputeEnvironmentSettings
from fairlane.environment.execution_roles import TrainingExecutionRoleModel
from fairlane.environment.images import ImageModel, ReplicationField
from fairlane.environment.job_definitions import JobDefinitionField, job_problems
from fairlane.environment.job_metrics import JobMetricsModel
from fairlane.environment.keys import Keys
from fairlane.environment.network import NetworkField
from fairlane.environment.queues import GpuQueueModel, QueueField, TrainingQueueModel
from fairlane.environment.scheduling import QuotaManagementModel
from fairlane.environment.service_environments import ServiceEnvironmentModel
from fairlane.errors import Problem
from fairlane.images.names import Place
from fairlane.queues.rules import MAX_QUEUES

MAX_ENVIRONMENTS: Final = 50
"""Service environments, and as many compute environments."""


class RegionModel(Model):
    """What stands in one Region."""

    execution_roles: dict[str, TrainingExecutionRoleModel] = {}
    """Roles that training jobs run with, by a name of yours that becomes part of their output's name."""
    service_environments: dict[str, ServiceEnvironmentModel] = {}
    """Service environments that several queues have together."""
    network: NetworkField | None = None
    """Where machines of compute_environments start: a VPC that exists, or one that is made."""
    compute_environments: dict[str, Annotated[ComputeEnvironmentSettings, Keys()]] = {}
    """Machines with GPUs for queues of containers, by a name of yours."""
    queues: dict[str, QueueField] = {}
    """Queues by name: of containers if they have compute_environments, of SageMaker training jobs if not."""
    job_definitions: dict[str, JobDefinitionField] = {}
    """Job definitions for queues of containers, by the name that people submit; with nodes, of several machines."""

    images: dict[str, ImageModel] = {}
    """Repositories of images by name, and the Regions that they are replicated to."""
    image_replication: ReplicationField = "own"
    """Whose the registry's replication rules are: own, merge with others', or external, which says what to add."""

    job_metrics: JobMetricsModel | None = None
    """Exports what AWS Batch does not publish of the queues; {} for all as it is by default."""
    alarms: Annotated[AlarmSettings, Keys()] | None = None
    """With job_metrics or images: alarms on queues, with limits for training by default, and on failed replications."""

    @property
    def training_queues(self) -> dict[str, TrainingQueueModel]:
        """The queues of SageMaker training jobs."""
        return {name: queue for name, queue in self.queues.items() if isinstance(queue, TrainingQueueModel)}

    @property
    def gpu_queues(self) -> dict[str, GpuQueueModel]:
        """The queues of containers."""
        return {name: queue for name, queue in self.queues.items() if isinstance(queue, GpuQueueModel)}

    def regional_problems(self, region: str) -> Iterator[Problem]:
        """Yields every mistake of what stands in the Region."""
        if len(self.queues) > MAX_QUEUES:
            yield Problem(("queues",), f"{len(self.queues)} queues", f"at most {MAX_QUEUES} in an account and Region")
        own = sum(queue.service_environment is None for queue in self.training_queues.values())
        for kind, count in (
            ("service_environments", own + len(self.service_environments)),
            ("compute_environments", len(self.compute_environments)),
        ):
            if count > MAX_ENVIRONMENTS:
                allowed = f"at most {MAX_ENVIRONMENTS} in an account and Region"
                yield Problem((kind,), f"{count} {kind.replace('_', ' ')}", allowed)
        if self.network is not None:
            for problem in self.network.problems(region):
                yield problem.within("network")
        elif self.compute_environments:
            yield Problem(("network",), None, "vpc_id and subnet_ids, or {} for a VPC to be made")
        if self.job_metrics is not None:
            for problem in self.job_metrics.problems():
                yield problem.within("job_metrics")
        yield from self._alarm_problems(region)
        for kind, things in (
            ("execution_roles", self.execution_roles),
            ("service_environments", self.service_environments),
        ):
            for name, thing in things.items():
                for problem in (*check_name((), name), *thing.problems()):
                    yield problem.within(kind, name)
        for name, instances in self.compute_environments.items():
            for problem in (*check_name((), name), *instances.regional_problems(region)):
                yield problem.within("compute_environments", name)
        for name, queue in self.queues.items():
            for problem in (
                queue.problems(name)
                if isinstance(queue, GpuQueueModel)
                else queue.problems(name, region, self.service_environments)
            ):
                yield problem.within("queues", name)
        for name, job in self.job_definitions.items():
            for problem in job_problems(job, name, region):
                yield problem.within("job_definitions", name)
        for name, image in self.images.items():
            for problem in image.problems(name, Place("", region)):
                yield problem.within("images", name)
        yield from self._sharing_problems()
        for kind in ("compute_environments", "queues", "job_definitions", "execution_roles", "service_environments"):
            if {"Default", "Resource"} <= set(getattr(self, kind)):  # the CDK would take either for its parent
                yield Problem((kind, "Default"), "Default", "another name beside one that is called Resource")

    def _alarm_problems(self, region: str) -> Iterator[Problem]:
        special = {name: queue.alarms for name, queue in self.queues.items() if queue.alarms is not None}
        # If it is more, that is told of itself; without queues to poll, no limit is too short for it.
        interval = min(self.job_metrics.interval_minutes, 60) if self.job_metrics else 1
        for problem in (self.alarms or AlarmSettings()).regional_problems(region, interval, special):
            yield problem.within("alarms")
        for name, alarms in special.items():
            for problem in alarms.problems(interval):
                yield problem.within("queues", name, "alarms")

    def _sharing_problems(self) -> Iterator[Problem]:
        users = Counter(queue.service_environment for queue in self.training_queues.values())
        for name, queue in self.training_queues.items():
            quotas = isinstance(queue.scheduling, QuotaManagementModel)
            if quotas and queue.service_environment is not None and users[queue.service_environment] > 1:
                allowed = "with quota-management, an environment that no other queue has"
                yield Problem(("queues", name, "service_environment"), queue.service_environment, allowed)
