"""Job queue for SageMaker training jobs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from aws_cdk import Annotations, Tags, Token
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.capacity import ServiceEnvironment
from fairlane.errors import ConfigurationError
from fairlane.queues.environment_place import AnyServiceEnvironment, environment_reference
from fairlane.queues.native_metrics import ServiceQueueMetrics
from fairlane.queues.resources import managed_policy, policy_resource, queue_by_arn, queue_by_name, time_limits
from fairlane.queues.retention import retain
from fairlane.queues.service_environment_claims import (
    claim,
    claim_problems,
    environment_limits,
    environment_name,
)
from fairlane.queues.training_grants import WILDCARDS, TrainingQueueGrants
from fairlane.queues.training_queue_rules import training_queue_problems
from fairlane.scheduling import (
    UNLIMITED,
    Capacity,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    SchedulingPolicy,
    Sharing,
    State,
)


class TrainingQueueBase(ServiceQueueMetrics):
    """Queue for SageMaker training jobs, created in the app or imported.

    Attributes:
        job_queue_arn: ARN of the queue.
        job_queue_name: Name of the queue, which job submissions use.
        scheduling: Scheduling policy. None if the queue is imported, because the policy is unknown.
    """

    scheduling: SchedulingPolicy | None = None

    @property
    def grants(self) -> TrainingQueueGrants:
        """Permissions to submit jobs to the queue, to manage its jobs and to observe it."""
        return TrainingQueueGrants(self, self.job_queue_arn, self.scheduling)

    def submit_policy(
        self,
        construct_id: str,
        *,
        share_identifiers: Sequence[str] | None = None,
        quota_shares: Sequence[str] | None = None,
        max_priority: int | None = None,
        execution_role: iam.IRole | None = None,
    ) -> iam.ManagedPolicy:
        """Create a managed policy with the permissions of `grants.submit`, for roles outside the app.

        Args:
            construct_id: Id of the policy, in the scope of the queue.
            share_identifiers: Share identifiers that are allowed, as in `grants.submit`. Default: all.
            quota_shares: Quota shares that are allowed, as in `grants.submit`. Default: all.
            max_priority: Highest scheduling priority that is allowed, as in `grants.submit`. Default: any priority.
            execution_role: Execution role of the jobs, as in `grants.submit`. Default: no permission to pass a role.
        """
        statements = self.grants.submit_statements(share_identifiers, quota_shares, max_priority, execution_role)
        return managed_policy(self, construct_id, statements, WILDCARDS)


class TrainingQueue(TrainingQueueBase):
    """Queue for SageMaker training jobs, with a service environment and a scheduling policy.

    Jobs are submitted with `SubmitServiceJob` or the SageMaker SDK's `TrainingQueue`, by the name of the queue.

    Updates: priority, state, time-limit actions, tags, capacity, weights and the settings of shares in place. An update
    stops no running job, except in a quota share that now owns less than it uses. A new `queue_name` replaces the
    queue, its service environment and its shares, and the jobs that wait in the old queue are lost: disable the old
    queue and let it drain first. AWS refuses another kind of scheduling: create a new queue with a new construct id and
    a new name.

    Removal: deletes the queue with its jobs. In a stack that is created with `termination_protection=True`,
    CloudFormation instead keeps a queue that is removed or replaced, its policy, its service environment and its
    shares, unless the state of the queue or of the share was `State.DISABLED` in the deployed template.

    Sources: `CreateJobQueue` and `UpdateJobQueue` in the Batch API; "Service quotas" in the user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        queue_name: Name of the queue, 1 to 128 characters of A-Z, a-z, 0-9, - and _, unique in an account and Region.
        scheduling: Scheduling policy, `Fifo`, `FairShare` or `QuotaManagement`.
        capacity: Number of instances of a new service environment, which gets the name of the queue: one number for
            `Fifo` and `FairShare`, a number for each `ml.*` instance type for `QuotaManagement`. Mutually exclusive
            with `service_environment`.
        service_environment: Existing service environment in the account and Region of the queue. Several queues can
            share an environment that counts instances. With `QuotaManagement`, no other queue can use the environment.
            A queue refers to an environment of another stack by its name, if it has one. Mutually exclusive with
            `capacity`.
        priority: Priority of the queue, 0 to 1000. Among queues with the same service environment, AWS Batch serves the
            queue with the highest priority first. Default: 1.
        state: State of the queue. A disabled queue drains: it accepts no new jobs, and its current jobs can finish.
            Default: `State.ENABLED`.
        time_limit_actions: Actions on jobs that cannot start and block the head of the queue. Default: none.
        tags: Tags of the queue and of all resources that are created with it, at most 50. Default: none.

    Attributes:
        job_queue: Underlying L1 resource.
        service_environment: Service environment, created or given.
        scheduling_policy: Underlying L1 resource of the policy. None for `Fifo`.
        quota_shares: Underlying L1 resources of the quota shares, by share name.
        scheduling: Scheduling policy, as given.

    Raises:
        ConfigurationError: If AWS would refuse a value, or if jobs of a share could never start.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queue_name: str,
        scheduling: SchedulingPolicy,
        capacity: Capacity | None = None,
        service_environment: AnyServiceEnvironment | None = None,
        priority: int = 1,
        state: State = State.ENABLED,
        time_limit_actions: Sequence[JobStateTimeLimitAction] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        problems = [
            *training_queue_problems(
                queue_name=queue_name,
                scheduling=scheduling,
                capacity=capacity,
                service_environment=None if service_environment is None else environment_name(service_environment),
                environment_capacity=environment_limits(service_environment),
                priority=priority,
                state=state,
                time_limit_actions=time_limit_actions,
                tags=tags,
                region=claims.region,
            ),
            *claim_problems(claims, queue_name, capacity, service_environment, scheduling, scope),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        self.scheduling = scheduling
        self.service_environment: AnyServiceEnvironment
        if service_environment is not None:
            self.service_environment = service_environment
        elif capacity is not None:
            self.service_environment = ServiceEnvironment(
                self, "ServiceEnvironment", capacity=capacity, service_environment_name=queue_name
            )
        self.scheduling_policy = policy_resource(self, scheduling)
        self.job_queue = batch.CfnJobQueue(
            self,
            "Resource",
            job_queue_name=queue_name,
            job_queue_type="SAGEMAKER_TRAINING",
            priority=priority,
            state=state,
            scheduling_policy_arn=self.scheduling_policy.attr_arn if self.scheduling_policy else None,
            service_environment_order=[
                batch.CfnJobQueue.ServiceEnvironmentOrderProperty(
                    order=1, service_environment=environment_reference(self, self.service_environment)
                )
            ],
            job_state_time_limit_actions=time_limits(time_limit_actions, JobAction.TERMINATE),
        )
        self.job_queue_arn = self.job_queue.attr_job_queue_arn
        self.job_queue_name = queue_name
        shares = scheduling.shares if isinstance(scheduling, QuotaManagement) else ()
        self.quota_shares = MappingProxyType(_quota_shares(self, self.job_queue_arn, shares))
        self._retain(state, shares)
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        claim(claims, queue_name, self.service_environment, scheduling, self)
        self._advise(scheduling)

    @staticmethod
    def from_job_queue_name(scope: Construct, construct_id: str, job_queue_name: str) -> TrainingQueueBase:
        """Import a queue by its name, from the account and Region of `scope`'s stack."""
        return queue_by_name(TrainingQueueBase, scope, construct_id, job_queue_name)

    @staticmethod
    def from_job_queue_arn(scope: Construct, construct_id: str, job_queue_arn: str) -> TrainingQueueBase:
        """Import a queue by its ARN, from any account and Region."""
        return queue_by_arn(TrainingQueueBase, scope, construct_id, job_queue_arn)

    def _retain(self, state: State, shares: Sequence[QuotaShare]) -> None:
        retain(state, self.job_queue, *filter(None, [self.scheduling_policy]))
        if isinstance(self.service_environment, ServiceEnvironment):
            retain(state, self.service_environment.service_environment)
        for share in shares:
            retain(State.DISABLED if state == State.DISABLED else share.state, self.quota_shares[share.name])

    def _advise(self, scheduling: SchedulingPolicy) -> None:
        limits = environment_limits(self.service_environment)
        for advice in scheduling.advice(limits) if limits else ():
            Annotations.of(self).add_warning_v2(advice.id, advice.message)


def _quota_shares(scope: Construct, job_queue_arn: str, shares: Sequence[QuotaShare]) -> dict[str, batch.CfnQuotaShare]:
    quota_share = batch.CfnQuotaShare
    parent = Construct(scope, "Shares") if shares else scope
    return {
        share.name: quota_share(
            parent,
            f"Share{number}" if is_token(share.name) else share.name,
            job_queue=job_queue_arn,
            quota_share_name=share.name,
            state=share.state,
            capacity_limits=[
                quota_share.QuotaShareCapacityLimitProperty(capacity_unit=unit, max_capacity=instances)
                for unit, instances in share.capacity.items()
            ],
            resource_sharing_configuration=quota_share.QuotaShareResourceSharingConfigurationProperty(
                strategy=share.sharing, borrow_limit=_borrow_limit(share)
            ),
            preemption_configuration=quota_share.QuotaSharePreemptionConfigurationProperty(
                in_share_preemption=_enabled(share.in_share_preemption)
            ),
        )
        for number, share in enumerate(shares, start=1)
    }


def _borrow_limit(share: QuotaShare) -> int | None:
    if share.borrow_limit is None and share.sharing == Sharing.LEND_AND_BORROW:
        return UNLIMITED  # explicit, so that removing the limit from the code also removes it in AWS
    return share.borrow_limit


def _enabled(flag: bool) -> str:
    if is_token(flag):
        return Token.as_string(flag)
    return "ENABLED" if flag else "DISABLED"
