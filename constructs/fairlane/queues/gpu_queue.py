"""Job queue for containers on EC2 GPU instances."""

from collections.abc import Iterator, Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.capacity import GpuComputeEnvironment, TrainingVpc
from fairlane.capacity.fit import fit_problems, splitting_advice
from fairlane.errors import ConfigurationError, Problem
from fairlane.queues.environment_place import AnyComputeEnvironment, environment_arn, place_problems
from fairlane.queues.gpu_grants import WILDCARDS, GpuQueueGrants
from fairlane.queues.job_definition_base import JobDefinitionBase
from fairlane.queues.native_metrics import ComputeQueueMetrics
from fairlane.queues.resources import managed_policy, policy_resource, queue_by_arn, queue_by_name, time_limits
from fairlane.queues.retention import retain, retain_instances
from fairlane.queues.rules import check_compute_environments, gpu_queue_problems
from fairlane.queues.service_environment_claims import QUEUE
from fairlane.scheduling import JobAction, JobStateTimeLimitAction, SchedulingPolicy, State


class GpuQueueBase(ComputeQueueMetrics):
    """Queue for containers, created in the app or imported.

    Attributes:
        job_queue_arn: ARN of the queue.
        job_queue_name: Name of the queue, which job submissions use.
        scheduling: Scheduling policy. None if the queue is imported, because the policy is unknown.
    """

    scheduling: SchedulingPolicy | None = None

    @property
    def grants(self) -> GpuQueueGrants:
        """Permissions to submit jobs to the queue, to manage its jobs and to observe it."""
        return GpuQueueGrants(self, self.job_queue_arn, self.scheduling)

    def submit_policy(
        self,
        construct_id: str,
        *,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None = None,
    ) -> iam.ManagedPolicy:
        """Create a managed policy with the permissions of `grants.submit`, for roles outside the app.

        Args:
            construct_id: Id of the policy, in the scope of the queue.
            job_definitions: Job definitions, as in `grants.submit`.
            share_identifiers: Share identifiers that are allowed, as in `grants.submit`. Default: all.
        """
        statements = self.grants.submit_statements(job_definitions, share_identifiers)
        return managed_policy(self, construct_id, statements, WILDCARDS)


class GpuQueue(GpuQueueBase):
    """Queue for containers on EC2 GPU instances, with compute environments and a scheduling policy.

    Jobs are submitted with `SubmitJob`, by the names of the queue and the job definition. With fair share, every job
    needs a priority. Fairlane's job definitions always have a priority.

    Updates: priority, state, environments, time-limit actions and weights in place, without stopping a job. A new
    `queue_name` replaces the queue, and the jobs that wait in the old queue are lost: disable the old queue and let it
    drain first. AWS refuses another kind of scheduling: create a new queue with a new construct id and a new name.

    Removal: deletes the queue with its jobs. In a stack that is created with `termination_protection=True`,
    CloudFormation instead keeps a queue that is removed or replaced, its policy and its compute environments, unless
    the state of the queue was `State.DISABLED` in the deployed template.

    Sources: `CreateJobQueue` and `UpdateJobQueue` in the Batch API; "Service quotas" in the user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        queue_name: Name of the queue, 1 to 128 characters of A-Z, a-z, 0-9, - and _, unique in an account and Region.
        compute_environments: Compute environments, 1 to 3, of the account and Region of the queue. AWS Batch fills the
            first environment before it starts instances in the next one: put reserved capacity first, then On-Demand,
            then Spot. Imported environments are not checked against jobs. The environment of a capacity block is in the
            stack of the queue, because a queue in another stack prevents its replacement.
        scheduling: Scheduling policy, `Fifo` or `FairShare`.
        priority: Priority of the queue, 0 to 1000. Among queues with the same compute environment, AWS Batch serves the
            queue with the highest priority first. Default: 1.
        state: State of the queue. A disabled queue drains: it accepts no new jobs, and its current jobs can finish.
            Default: `State.ENABLED`.
        time_limit_actions: Actions on jobs that cannot start and block the head of the queue. Default: none.
        tags: Tags of the queue and its scheduling policy, at most 50. Default: none.

    Attributes:
        job_queue: Underlying L1 resource.
        scheduling_policy: Underlying L1 resource of the policy. None for `Fifo`.
        compute_environments: Compute environments, as given.
        scheduling: Scheduling policy, as given.

    Raises:
        ConfigurationError: If AWS Batch would refuse a value, a compute environment or the policy.
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
        claims = Claims.regional(scope)
        problems = [
            *gpu_queue_problems(
                queue_name=queue_name,
                scheduling=scheduling,
                priority=priority,
                state=state,
                time_limit_actions=time_limit_actions,
                tags=tags,
            ),
            *_environment_problems(compute_environments, claims, scope),
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
                batch.CfnJobQueue.ComputeEnvironmentOrderProperty(
                    order=order, compute_environment=environment_arn(environment)
                )
                for order, environment in enumerate(compute_environments, start=1)
            ],
            job_state_time_limit_actions=time_limits(time_limit_actions, JobAction.CANCEL),
        )
        self.job_queue_arn = self.job_queue.attr_job_queue_arn
        self.job_queue_name = queue_name
        retain(state, self.job_queue, *filter(None, [self.scheduling_policy]))
        for environment in self.compute_environments:
            if isinstance(environment, GpuComputeEnvironment):
                retain_instances(state, environment)
        for key, value in (tags or {}).items():
            cdk.Tags.of(self).add(key, value)

    @staticmethod
    def from_job_queue_name(scope: Construct, construct_id: str, job_queue_name: str) -> GpuQueueBase:
        """Import a queue by its name, from the account and Region of `scope`'s stack."""
        return queue_by_name(GpuQueueBase, scope, construct_id, job_queue_name)

    @staticmethod
    def from_job_queue_arn(scope: Construct, construct_id: str, job_queue_arn: str) -> GpuQueueBase:
        """Import a queue by its ARN, from any account and Region."""
        return queue_by_arn(GpuQueueBase, scope, construct_id, job_queue_arn)

    def accepts(self, *jobs: JobDefinitionBase) -> None:
        """Check that jobs can run on every compute environment of the queue, and warn about GPUs that would idle.

        Args:
            jobs: `GpuJobDefinition` and `MultiNodeGpuJobDefinition` constructs.

        Raises:
            ConfigurationError: If a compute environment has no instance type for a job. The error names the closest
                instance type and its shortcomings.
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
            self._warn_about_unreachable_image(job)

    def _warn_about_unreachable_image(self, job: JobDefinitionBase) -> None:
        region = Claims.regional(self).region
        closed = any(
            isinstance(environment, GpuComputeEnvironment)
            and isinstance(environment.vpc, TrainingVpc)
            and not environment.vpc.nat_gateways
            for environment in self.compute_environments
        )
        if closed and not is_token(region) and not is_token(job.image) and f".dkr.ecr.{region}." not in job.image:
            cdk.Annotations.of(job).add_warning_v2(
                "fairlane:GpuQueue.imageOutOfReach",
                f"{job.image} is not in Amazon ECR in {region}, and instances of the queue cannot reach other "
                "registries: copy the image to Amazon ECR in this Region, or use a VPC with NAT gateways",
            )


def _environment_problems(
    environments: Sequence[AnyComputeEnvironment], claims: Claims, scope: Construct
) -> Iterator[Problem]:
    malformed = False
    for index, environment in enumerate(environments if isinstance(environments, list | tuple) else ()):
        field = ("compute_environments", index)
        if not isinstance(environment, GpuComputeEnvironment) and not hasattr(environment, "compute_environment_ref"):
            malformed = True
            yield Problem(field, environment, "a GpuComputeEnvironment")
        elif _is_fargate(environment):
            sentence = f"{environment.node.path} is a Fargate environment, which has no GPUs"
            yield Problem.relation(field, f"{sentence}: use an environment of EC2 instances")
        else:
            yield from place_problems(field, environment, claims, scope)
    if not malformed:
        yield from check_compute_environments(environments)


def _is_fargate(environment: AnyComputeEnvironment) -> bool:
    if isinstance(environment, batch.FargateComputeEnvironment):
        return True
    if not isinstance(environment, batch.CfnComputeEnvironment):
        return False
    resources = environment.compute_resources
    resource_type = resources.get("type") if isinstance(resources, dict) else getattr(resources, "type", "")
    return str(resource_type).upper().startswith("FARGATE")
