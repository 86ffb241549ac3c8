"""A job queue for SageMaker training jobs."""

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
from fairlane.queues.native_metrics import ServiceQueueMetrics
from fairlane.queues.resources import managed_policy, policy_resource, queue_by_arn, queue_by_name, time_limits
from fairlane.queues.service_environment_claims import (
    AnyServiceEnvironment,
    arn_of,
    capacity_of,
    claim,
    claim_problems,
    name_of,
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
    """A queue for SageMaker training jobs, made here or elsewhere.

    Attributes:
        job_queue_arn: its ARN.
        job_queue_name: its name, which people submit to.
        scheduling: its policy; None where it is not known.
    """

    scheduling: SchedulingPolicy | None = None

    @property
    def grants(self) -> TrainingQueueGrants:
        """Permissions to submit to the queue, to manage its jobs and to look."""
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
        """The same as `grants.submit`, as a managed policy: for people whose role is not in the app.

        Args:
            construct_id: the policy's id, inside the queue's construct.
            share_identifiers: as for `grants.submit`.
            quota_shares: as for `grants.submit`.
            max_priority: as for `grants.submit`.
            execution_role: as for `grants.submit`.
        """
        statements = self.grants.submit_statements(share_identifiers, quota_shares, max_priority, execution_role)
        return managed_policy(self, construct_id, statements, WILDCARDS)


class TrainingQueue(TrainingQueueBase):
    """A queue for SageMaker training jobs: what it may use, and who goes next.

    Jobs are submitted with `SubmitServiceJob` or the SageMaker SDK's `TrainingQueue`, by the queue's name.

    Updates: priority, state, time-limit actions, tags, capacity, weights and the settings of shares in place, and
    nothing that runs is stopped, save by a quota share that now owns less than it uses. Another `queue_name`
    replaces queue, environment and shares, and jobs that wait in the old ones are lost: disable the queue and let
    it drain first. Another kind of scheduling is refused by AWS: make a new queue under a new construct id and name.
    Sources: `CreateJobQueue` and `UpdateJobQueue` in the Batch API; "Service quotas" in the user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        queue_name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; one of its kind in an account and Region.
        scheduling: `Fifo`, `FairShare` or `QuotaManagement`.
        capacity: makes a service environment, named as the queue, with this many instances: a number for `Fifo` and
            `FairShare`, a number for each `ml.*` type for `QuotaManagement`.
        service_environment: takes one that exists instead. Several queues may have one that counts instances; with
            `QuotaManagement` it must have no other queue.
        priority: 0 to 1000; among queues with the same service environment, the highest is served first.
        state: a disabled queue drains: it takes no new jobs, and those that it has may finish.
        time_limit_actions: what to do with jobs that cannot start and block the head of the queue.
        tags: at most 50, for the queue and all that is made with it.

    Attributes:
        job_queue: the underlying resource.
        service_environment: the environment, made or taken.
        scheduling_policy: the underlying resource; None for `Fifo`.
        quota_shares: the underlying resources by the shares' names.
        scheduling: as given.

    Raises:
        ConfigurationError: with every value that AWS would refuse, and every job that could never start.
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
        claims = Claims.at(scope)
        problems = [
            *training_queue_problems(
                queue_name=queue_name,
                scheduling=scheduling,
                capacity=capacity,
                service_environment=None if service_environment is None else name_of(service_environment),
                environment_capacity=capacity_of(service_environment),
                priority=priority,
                state=state,
                time_limit_actions=time_limit_actions,
                tags=tags,
                region=claims.region,
            ),
            *claim_problems(claims, queue_name, capacity, service_environment, scheduling),
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
                    order=1, service_environment=arn_of(self.service_environment)
                )
            ],
            job_state_time_limit_actions=time_limits(time_limit_actions, JobAction.TERMINATE),
        )
        self.job_queue_arn = self.job_queue.attr_job_queue_arn
        self.job_queue_name = queue_name
        shares = scheduling.shares if isinstance(scheduling, QuotaManagement) else ()
        self.quota_shares = MappingProxyType(_quota_shares(self, self.job_queue_arn, shares))
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        claim(claims, queue_name, self.service_environment, scheduling, self)
        self._advise(scheduling)

    @staticmethod
    def from_job_queue_name(scope: Construct, construct_id: str, job_queue_name: str) -> TrainingQueueBase:
        """Takes a queue that exists in the account and Region of `scope`'s stack."""
        return queue_by_name(TrainingQueueBase, scope, construct_id, job_queue_name)

    @staticmethod
    def from_job_queue_arn(scope: Construct, construct_id: str, job_queue_arn: str) -> TrainingQueueBase:
        """Takes a queue that exists, in whatever account and Region its ARN names."""
        return queue_by_arn(TrainingQueueBase, scope, construct_id, job_queue_arn)

    def _advise(self, scheduling: SchedulingPolicy) -> None:
        limits = capacity_of(self.service_environment)
        for advice in scheduling.advice(limits) if limits else ():
            Annotations.of(self).add_warning_v2(advice.id, advice.message)


def _quota_shares(scope: Construct, job_queue_arn: str, shares: Sequence[QuotaShare]) -> dict[str, batch.CfnQuotaShare]:
    resources = batch.CfnQuotaShare
    parent = Construct(scope, "Shares") if shares else scope
    return {
        share.name: resources(
            parent,
            f"Share{number}" if is_token(share.name) else share.name,
            job_queue=job_queue_arn,
            quota_share_name=share.name,
            state=share.state,
            capacity_limits=[
                resources.QuotaShareCapacityLimitProperty(capacity_unit=unit, max_capacity=instances)
                for unit, instances in share.capacity.items()
            ],
            resource_sharing_configuration=resources.QuotaShareResourceSharingConfigurationProperty(
                strategy=share.sharing, borrow_limit=_borrow_limit(share)
            ),
            preemption_configuration=resources.QuotaSharePreemptionConfigurationProperty(
                in_share_preemption=_enabled(share.in_share_preemption)
            ),
        )
        for number, share in enumerate(shares, start=1)
    }


def _borrow_limit(share: QuotaShare) -> int | None:
    if share.borrow_limit is None and share.sharing == Sharing.LEND_AND_BORROW:
        return UNLIMITED  # said outright, so that taking a limit away also takes it away in AWS
    return share.borrow_limit


def _enabled(flag: bool) -> str:
    if is_token(flag):
        return Token.as_string(flag)
    return "ENABLED" if flag else "DISABLED"
