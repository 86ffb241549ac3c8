"""Environment-file model of a Region: the home Region, or a Region under `regions`."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

from fairlane._internal.checks import check_name
from fairlane.environment.alarms import AlarmSettings
from fairlane.environment.base import Model
from fairlane.environment.compute_environments import ComputeEnvironmentSettings
from fairlane.environment.execution_roles import TrainingExecutionRoleModel
from fairlane.environment.hyperpod import HyperPodModel
from fairlane.environment.images import ImageModel, ReplicationField
from fairlane.environment.job_archive import JobArchiveModel
from fairlane.environment.job_definitions import JobDefinitionField, job_problems
from fairlane.environment.job_metrics import JobMetricsModel
from fairlane.environment.keys import Keys
from fairlane.environment.network import NetworkField
from fairlane.environment.queues import GpuQueueModel, QueueField, TrainingQueueModel
from fairlane.environment.schedules import ScheduleModel
from fairlane.environment.scheduling import QuotaManagementModel
from fairlane.environment.service_environments import ServiceEnvironmentModel
from fairlane.environment.sweeps import SweepStoreModel
from fairlane.errors import Problem
from fairlane.images.names import Place
from fairlane.monitoring.archive.archive_rules import ARCHIVE_NAME
from fairlane.queues.rules import MAX_QUEUES

MAX_ENVIRONMENTS: Final = 50
"""Most service environments, and most compute environments, of an account in a Region."""


class RegionModel(Model, title="Region"):
    """Resources of one Region."""

    execution_roles: dict[str, TrainingExecutionRoleModel] = {}
    """IAM roles of SageMaker training jobs, by a name of your choice, which becomes part of a stack output's name.
    Default: none."""
    service_environments: dict[str, ServiceEnvironmentModel] = {}
    """Capacity that several training queues share, by a name of your choice. Default: none."""
    network: NetworkField | None = None
    """VPC of the GPU instances: `vpc_id` and `subnet_ids` of an existing VPC, or `{}` for a new VPC. With a new VPC,
    each HyperPod cluster has a VPC of its own. Required with compute_environments and hyperpod."""
    compute_environments: dict[str, Annotated[ComputeEnvironmentSettings, Keys()]] = {}
    """GPU instances for queues of containers, by a name of your choice. Default: none."""
    queues: dict[str, QueueField] = {}
    """Queues, by name. A queue with `compute_environments` is for containers on GPU instances, any other queue for
    SageMaker training jobs. At most 50. Default: none."""
    job_definitions: dict[str, JobDefinitionField] = {}
    """Job definitions for queues of containers, by name. A job definition with `nodes` runs on several instances.
    Default: none."""
    schedules: dict[str, ScheduleModel] = {}
    """Jobs that are submitted on a schedule, by name. The name, 1 to 43 characters of A-Z, a-z, 0-9, - and _, is also
    the start of the jobs' names. Default: none."""
    sweeps: dict[str, SweepStoreModel] = {}
    """Stores of hyperparameter sweeps, by name. Default: none."""
    hyperpod: dict[str, HyperPodModel] = {}
    """SageMaker HyperPod clusters on Amazon EKS, by name. Default: none."""

    images: dict[str, ImageModel] = {}
    """Repositories of container images, by name, and the Regions that the images are replicated to. Default: none."""
    image_replication: ReplicationField = "own"
    """Owner of the registry's replication rules. own: the stack replaces all rules. merge: the stack keeps the rules of
    others. external: the stack changes no rules and outputs the rules to add. Default: own."""

    log_encryption_key: str | None = None
    """ARN of the KMS key that encrypts all log groups of the Region's stacks: of functions, jobs and the flow log. The
    key is in the same account and Region, and its policy allows CloudWatch Logs to use it. Default: encryption with a
    key of CloudWatch Logs."""
    job_metrics: JobMetricsModel | None = None
    """Exporter of metrics that AWS Batch does not publish; `{}` uses the defaults. Default: no exporter."""
    job_archive: JobArchiveModel | None = None
    """Archive of ended jobs, which AWS Batch keeps for seven days; `{}` uses the defaults. Default: no archive."""
    alarms: Annotated[AlarmSettings, Keys()] | None = None
    """Alarms on queues, HyperPod clusters, failed replications of images and failed submissions of schedules. Requires
    job_metrics, hyperpod, images or schedules in the Region. Default: alarms with default limits, without
    notifications."""

    @property
    def has_training_resources(self) -> bool:
        """True if the Region has queues or resources for jobs."""
        return any(
            (
                self.queues,
                self.service_environments,
                self.compute_environments,
                self.job_definitions,
                self.execution_roles,
                self.sweeps,
            )
        )

    @property
    def has_resources(self) -> bool:
        """True if the Region has resources of its own."""
        return self.has_training_resources or bool(self.images or self.hyperpod)

    @property
    def training_queues(self) -> dict[str, TrainingQueueModel]:
        """Queues for SageMaker training jobs, by name."""
        return {name: queue for name, queue in self.queues.items() if isinstance(queue, TrainingQueueModel)}

    @property
    def gpu_queues(self) -> dict[str, GpuQueueModel]:
        """Queues for containers on GPU instances, by name."""
        return {name: queue for name, queue in self.queues.items() if isinstance(queue, GpuQueueModel)}

    def regional_problems(self, region: str) -> Iterator[Problem]:
        """Yield the problems of the Region's resources."""
        if len(self.queues) > MAX_QUEUES:
            yield _too_many("queues", len(self.queues), MAX_QUEUES)
        own = sum(queue.service_environment is None for queue in self.training_queues.values())
        for kind, count in (
            ("service_environments", own + len(self.service_environments)),
            ("compute_environments", len(self.compute_environments)),
        ):
            if count > MAX_ENVIRONMENTS:
                yield _too_many(kind, count, MAX_ENVIRONMENTS)
        if self.network is not None:
            for problem in self.network.problems(region):
                yield problem.within("network")
        elif self.compute_environments or self.hyperpod:
            yield Problem(("network",), None, "vpc_id and subnet_ids of an existing VPC, or {} for a new VPC")
        if self.job_metrics is not None:
            for problem in self.job_metrics.problems():
                yield problem.within("job_metrics")
        if self.job_archive is not None:
            for problem in self.job_archive.problems(region):
                yield problem.within("job_archive")
            if ARCHIVE_NAME in self.sweeps:
                sentence = f"{ARCHIVE_NAME} is the name of the job archive: rename the store"
                yield Problem.relation(("sweeps", ARCHIVE_NAME), sentence)
        yield from self._alarm_problems(region)
        for kind, models in (
            ("execution_roles", self.execution_roles),
            ("service_environments", self.service_environments),
        ):
            for name, model in models.items():
                for problem in (*check_name((), name), *model.problems()):
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
        for name, schedule in self.schedules.items():
            for problem in schedule.problems(name):
                yield problem.within("schedules", name)
        for name, store in self.sweeps.items():
            for problem in store.problems(name, region):
                yield problem.within("sweeps", name)
        for name, image in self.images.items():
            for problem in image.problems(name, Place("", region)):
                yield problem.within("images", name)
        yield from self._sharing_problems()
        for kind in (
            "compute_environments",
            "queues",
            "job_definitions",
            "execution_roles",
            "service_environments",
            "schedules",
        ):
            if {"Default", "Resource"} <= set(getattr(self, kind)):  # ids that the CDK reserves for the default child
                sentence = "the names Default and Resource exclude each other: rename one of them"
                yield Problem.relation((kind, "Default"), sentence)

    def _alarm_problems(self, region: str) -> Iterator[Problem]:
        queue_limits = {name: queue.alarms for name, queue in self.queues.items() if queue.alarms is not None}
        # An interval above 60 minutes is a problem of its own. Without polls, no limit is too short.
        interval = min(self.job_metrics.interval_minutes, 60) if self.job_metrics else 1
        common = self.alarms or AlarmSettings()
        for problem in common.regional_problems(region, interval, queue_limits):
            yield problem.within("alarms")
        for name, alarms in queue_limits.items():
            for problem in alarms.problems(interval, common):
                yield problem.within("queues", name, "alarms")

    def _sharing_problems(self) -> Iterator[Problem]:
        users = Counter(queue.service_environment for queue in self.training_queues.values())
        for name, queue in self.training_queues.items():
            quotas = isinstance(queue.scheduling, QuotaManagementModel)
            if quotas and queue.service_environment is not None and users[queue.service_environment] > 1:
                sentence = (
                    f"a queue with quota-management cannot share service environment {queue.service_environment}: "
                    "use capacity instead"
                )
                yield Problem.relation(("queues", name, "service_environment"), sentence)


def _too_many(kind: str, count: int, most: int) -> Problem:
    sentence = f"{count} {kind.replace('_', ' ')} are too many: an account has at most {most} in a Region"
    return Problem.relation((kind,), sentence)
