"""A job queue for containers on GPU machines of EC2."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_batch import IComputeEnvironmentRef
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.capacity import GpuComputeEnvironment, TrainingVpc
from fairlane.capacity.fit import fit_problems, splitting_advice
from fairlane.errors import ConfigurationError, Problem
from fairlane.queues.gpu_grants import WILDCARDS, GpuQueueGrants
from fairlane.queues.job_definition_base import JobDefinitionBase
from fairlane.queues.native_metrics import ComputeQueueMetrics
from fairlane.queues.resources import managed_policy, policy_resource, queue_by_arn, queue_by_name, time_limits
from fairlane.queues.rules import check_compute_environments, gpu_queue_problems
from fairlane.queues.service_environment_claims import QUEUE
from fairlane.scheduling import JobAction, JobStateTimeLimitAction, SchedulingPolicy, State

AnyComputeEnvironment: TypeAlias = GpuComputeEnvironment | IComputeEnvironmentRef


class GpuQueueBase(ComputeQueueMetrics):
    """A queue for containers, made here or elsewhere.

    Attributes:
        job_queue_arn: its ARN.
        job_queue_name: its name, which people submit to.
        scheduling: its policy; None where it is not known.
    """

    scheduling: SchedulingPolicy | None = None

    @property
    def grants(self) -> GpuQueueGrants:
        """Permissions to submit to the queue, to manage its jobs and to look."""
        return GpuQueueGrants(self, self.job_queue_arn, self.scheduling)

    def submit_policy(
        self,
        construct_id: str,
        *,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None = None,
    ) -> iam.ManagedPolicy:
        """The same as `grants.submit`, as a managed policy: for people whose role is not in the app.

        Args:
            construct_id: the policy's id, inside the queue's construct.
            job_definitions: as for `grants.submit`.
            share_identifiers: as for `grants.submit`.
        """
        statements = self.grants.submit_statements(job_definitions, share_identifiers)
        return managed_policy(self, construct_id, statements, WILDCARDS)


class GpuQueue(GpuQueueBase):
    """A queue for containers on GPU machines: what it may use, in which order, and who goes next.

    Jobs are submitted with `SubmitJob`, by the queue's and the definition's names. With fair share every job needs a
    priority, which Fairlane's job definitions always have.

    Updates: priority, state, environments, time-limit actions and weights in place, and no job is stopped. Another
    `queue_name` replaces the queue, and jobs that wait in the old one are lost: disable it and let it drain first.
    Another kind of scheduling is refused by AWS: make a new queue under a new construct id and name.
    Sources: `CreateJobQueue` and `UpdateJobQueue` in the Batch API; "Service quotas" in the user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        queue_name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; one of its kind in an account and Region.
        compute_environments: one to three; Batch fills the first before it starts machines of the next, so put what is
            reserved first, then on demand, then Spot. Those made elsewhere are not checked against jobs.
        scheduling: `Fifo` or `FairShare`.
        priority: 0 to 1000; among queues with the same compute environment, the highest is served first.
        state: a disabled queue drains: it takes no new jobs, and those that it has may finish.
        time_limit_actions: what to do with jobs that cannot start and block the head of the queue.
        tags: at most 50, for the queue and its policy.

    Attributes:
        job_queue: the underlying resource.
        scheduling_policy: the underlying resource; None for `Fifo`.
        compute_environments: as given.
        scheduling: as given.

    Raises:
        ConfigurationError: With every value, environment and policy that AWS Batch would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queue_name: str,
        compute_environments: Sequence[AnyComputeEnvironment],
        scheduling: SchedulingPolicy,
        priority: int = 1,
        state: State = State.ENABLED,
        time_limit_actions: Sequence[JobStateTimeLimitAction] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims = Claims.at(scope)
        problems = [
            *gpu_queue_problems(
                queue_name=queue_name,
                scheduling=scheduling,
                priority=priority,
                state=state,
                time_limit_actions=time_limit_actions,
                tags=tags,
            ),
            *_environment_problems(compute_environments),
            *claims.name_problems(QUEUE, "queue_name", queue_name),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        claims.add(QUEUE, queue_name, self)
        self.scheduling = scheduling
        self.compute_environments = tuple(compute_environments)
        self.scheduling_policy = policy_resource(self, scheduling)
        self.job_queue = batch.CfnJobQueue(
            self,
            "Resource",
            job_queue_name=queue_name,
            job_queue_type="ECS",
            priority=priority,
            state=state,
            scheduling_policy_arn=self.scheduling_policy.attr_arn if self.scheduling_policy else None,
            compute_environment_order=[
                batch.CfnJobQueue.ComputeEnvironmentOrderProperty(order=order, compute_environment=_arn_of(environment))
                for order, environment in enumerate(compute_environments, start=1)
            ],
            job_state_time_limit_actions=time_limits(time_limit_actions, JobAction.CANCEL),
        )
        self.job_queue_arn = self.job_queue.attr_job_queue_arn
        self.job_queue_name = queue_name
        for key, value in (tags or {}).items():
            cdk.Tags.of(self).add(key, value)

    @staticmethod
    def from_job_queue_name(scope: Construct, construct_id: str, job_queue_name: str) -> GpuQueueBase:
        """Takes a queue that exists in the account and Region of `scope`'s stack."""
        return queue_by_name(GpuQueueBase, scope, construct_id, job_queue_name)

    @staticmethod
    def from_job_queue_arn(scope: Construct, construct_id: str, job_queue_arn: str) -> GpuQueueBase:
        """Takes a queue that exists, in whatever account and Region its ARN names."""
        return queue_by_arn(GpuQueueBase, scope, construct_id, job_queue_arn)

    def accepts(self, *jobs: JobDefinitionBase) -> None:
        """Checks that jobs can run on every compute environment of the queue, and warns of machines split badly.

        Args:
            jobs: `GpuJobDefinition`s and `MultiNodeGpuJobDefinition`s.

        Raises:
            ConfigurationError: for each job that an environment has no machine for, with the machine that comes closest
                and what it lacks.
        """
        specs = {
            environment.node.path: environment.spec
            for environment in self.compute_environments
            if isinstance(environment, GpuComputeEnvironment)
        }
        instance_types = [name for spec in specs.values() for name in spec.instance_types]
        for job in jobs:
            if problems := list(fit_problems(job.size, specs)):
                raise ConfigurationError(f"{job.node.path} on {self.node.path}", problems)
            for advice in splitting_advice(job.size, instance_types):
                cdk.Annotations.of(job).add_warning_v2(advice.id, advice.message)
            self._warn_of_images_out_of_reach(job)

    def _warn_of_images_out_of_reach(self, job: JobDefinitionBase) -> None:
        region = Claims.at(self).region
        closed = any(
            isinstance(environment, GpuComputeEnvironment)
            and isinstance(environment.vpc, TrainingVpc)
            and not environment.vpc.nat_gateways
            for environment in self.compute_environments
        )
        if closed and not is_token(region) and not is_token(job.image) and f".dkr.ecr.{region}." not in job.image:
            cdk.Annotations.of(job).add_warning_v2(
                "fairlane:GpuQueue.imageOutOfReach",
                f"{job.image} is not in Amazon ECR in {region}, and machines of the queue reach nothing else",
            )


def _arn_of(environment: AnyComputeEnvironment) -> str:
    if isinstance(environment, GpuComputeEnvironment):
        return environment.compute_environment_arn
    return environment.compute_environment_ref.compute_environment_arn


def _environment_problems(environments: Sequence[AnyComputeEnvironment]) -> Iterator[Problem]:
    wrong = False
    for index, environment in enumerate(environments if isinstance(environments, list | tuple) else ()):
        field = ("compute_environments", index)
        if not isinstance(environment, GpuComputeEnvironment) and not hasattr(environment, "compute_environment_ref"):
            wrong = True
            yield Problem(field, environment, "a GpuComputeEnvironment")
        elif _is_fargate(environment):
            yield Problem(field, environment.node.path, "an environment of EC2 machines: Fargate has no GPUs")
    if not wrong:
        yield from check_compute_environments(environments)


def _is_fargate(environment: AnyComputeEnvironment) -> bool:
    if isinstance(environment, batch.FargateComputeEnvironment):
        return True
    if not isinstance(environment, batch.CfnComputeEnvironment):
        return False
    resources = environment.compute_resources
    kind = resources.get("type") if isinstance(resources, dict) else getattr(resources, "type", "")
    return str(kind).upper().startswith("FARGATE")
