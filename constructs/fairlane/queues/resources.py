"""Parts of all queues: scheduling policies, time-limit actions, managed policies and imports."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.checks import check_name, is_single_resource
from fairlane.errors import ConfigurationError, Problem
from fairlane.queues.grants import acknowledge_statements
from fairlane.queues.native_metrics import QueueMetrics
from fairlane.scheduling import FairShare, JobAction, JobStateTimeLimitAction, QuotaManagement, SchedulingPolicy

_ARN: Final = re.compile(r"arn:[a-z-]+:batch:[a-z0-9-]+:[0-9]{12}:job-queue/[A-Za-z0-9_-]+")

Queue = TypeVar("Queue", bound=QueueMetrics)


def policy_resource(scope: Construct, scheduling: SchedulingPolicy) -> batch.CfnSchedulingPolicy | None:
    """Create the resource of a scheduling policy. Return None for first-in, first-out."""
    policy = batch.CfnSchedulingPolicy
    match scheduling:
        case FairShare():
            fair_share = policy.FairsharePolicyProperty(
                share_decay_seconds=scheduling.share_decay_seconds,
                compute_reservation=scheduling.compute_reservation,
                share_distribution=[
                    policy.ShareAttributesProperty(share_identifier=identifier, weight_factor=weight)
                    for identifier, weight in scheduling.weight_factors.items()
                ],
            )
            return policy(scope, "SchedulingPolicy", fairshare_policy=fair_share)
        case QuotaManagement():
            quotas = policy.QuotaSharePolicyProperty(idle_resource_assignment_strategy="FIFO")
            return policy(scope, "SchedulingPolicy", quota_share_policy=quotas)
        case _:
            return None


def time_limits(
    actions: Sequence[JobStateTimeLimitAction], default: JobAction
) -> list[batch.CfnJobQueue.JobStateTimeLimitActionProperty] | None:
    """Render time-limit actions. `default` replaces a missing action."""
    return [
        batch.CfnJobQueue.JobStateTimeLimitActionProperty(
            action=action.action or default,
            reason=action.reason,
            max_time_seconds=action.max_time_seconds,
            state="RUNNABLE",
        )
        for action in actions
    ] or None


def queue_by_name(kind: type[Queue], scope: Construct, construct_id: str, name: str) -> Queue:
    """Import a queue by its name, from the account and Region of `scope`'s stack."""
    if problems := list(check_name(("job_queue_name",), name)):
        raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
    arn = Stack.of(scope).format_arn(service="batch", resource="job-queue", resource_name=name)
    return _with_identity(kind(scope, construct_id), arn, name)


def queue_by_arn(kind: type[Queue], scope: Construct, construct_id: str, arn: str) -> Queue:
    """Import a queue by its ARN, from any account and Region."""
    if not is_single_resource(arn, _ARN):
        is_name = not any(check_name((), arn))
        allowed = "the ARN of one queue" + ("; from_job_queue_name imports a queue by its name" if is_name else "")
        problem = Problem(("job_queue_arn",), arn, allowed)
        raise ConfigurationError(f"{scope.node.path}/{construct_id}", [problem])
    name = Stack.of(scope).split_arn(arn, ArnFormat.SLASH_RESOURCE_NAME).resource_name
    return _with_identity(kind(scope, construct_id), arn, str(name))


def _with_identity(queue: Queue, arn: str, name: str) -> Queue:
    queue.job_queue_arn, queue.job_queue_name = arn, name
    return queue


def managed_policy(
    queue: QueueMetrics, construct_id: str, statements: Sequence[iam.PolicyStatement], wildcards: Mapping[str, str]
) -> iam.ManagedPolicy:
    """Create a managed policy with permission to submit jobs, in the scope of the queue."""
    description = f"Submit jobs to {queue.job_queue_name}"
    policy = iam.ManagedPolicy(queue, construct_id, description=description, statements=statements)
    acknowledge_statements(policy, statements, wildcards)
    return policy
