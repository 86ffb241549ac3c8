"""Base class and helpers for IAM permissions on queues."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from fairlane._internal.argument_types import check_methods
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.queues.combined_grants import ANY_IDENTIFIER, NO_IDENTIFIER, SubmitGrant
from fairlane.queues.grant_warnings import construct_of, warn_excess, warn_without_effect
from fairlane.queues.native_metrics import QueueMetrics
from fairlane.scheduling import FairShare, SchedulingPolicy

_READ_QUEUE: Final = ["batch:GetJobQueueSnapshot", "batch:ListQuotaShares"]
_READ_ACCOUNT: Final = ["batch:DescribeJobQueues", "batch:DescribeSchedulingPolicies", "cloudwatch:GetMetricData"]


@check_methods
class QueueGrants:
    """Permissions on one queue, as `queue.grants`.

    Source: "Actions, resources, and condition keys for AWS Batch" in the Service Authorization Reference.

    Args:
        queue: Construct of the queue. Errors name its path.
        job_queue_arn: ARN of the queue.
        scheduling: Scheduling policy of the queue. None if the queue is imported, because its shares are unknown.
    """

    _READ_JOBS: ClassVar[Sequence[str]]
    """Actions without resource-level permissions: AWS allows them only for the whole account."""

    def __init__(self, queue: QueueMetrics, job_queue_arn: str, scheduling: SchedulingPolicy | None) -> None:
        self._queue = queue
        self._arn = job_queue_arn
        self._scheduling = scheduling

    def observe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read the queue, its shares, its jobs and metrics.

        AWS allows metrics and most of the list and describe actions only for the whole account. cdk-nag reports the
        resource `*` of these statements: the owner of the grantee must acknowledge it.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the grantee is a service principal.
        """
        self._raise_problems("observe", check_grantee(grantee))
        return self._grant(
            grantee,
            [
                statement(_READ_QUEUE, [self._arn]),
                statement(["batch:DescribeQuotaShare"], [f"{self._arn}/quota-share/*"]),
                statement([*_READ_ACCOUNT, *self._READ_JOBS], ["*"]),
            ],
            {"/quota-share/*": "the statement covers all quota shares of one queue"},
        )

    def _grant(
        self,
        grantee: iam.IGrantable,
        statements: Sequence[iam.PolicyStatement],
        wildcards: Mapping[str, str],
        jobs: SubmitGrant | None = None,
    ) -> iam.Grant:
        """Grant all statements to a principal, and warn if they have no effect or add up with other grants.

        Args:
            grantee: Principal.
            statements: Statements with the effect Allow.
            wildcards: Reasons for wildcards in resources, by the end of the resource.
            jobs: Jobs that the statements allow to submit. Default: none.
        """
        first, *others = (
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=permission.actions,
                resource_arns=permission.resources,
                conditions=permission.conditions,
            )
            for permission in statements
        )
        _, region, account = self._place()
        if not warn_without_effect(self._queue, account, grantee, first) and jobs is not None:
            warn_excess(self._queue, (type(self).__name__, region, account), grantee, jobs)
        for other in others:
            first = first.combine(other)
        if (construct := construct_of(grantee)) is not None:
            acknowledge_statements(construct, statements, wildcards)
        return first

    def _place(self) -> tuple[str, str, str]:
        """Return the partition, Region and account of the queue."""
        parts = self._arn.split(":", maxsplit=5)
        if len(parts) < 6:  # a token
            stack = Stack.of(self._queue)
            return stack.partition, stack.region, stack.account
        return parts[1], parts[3], parts[4]

    def _regional_arn(self, resource: str) -> str:
        """Return the ARN of a resource in the queue's account and Region."""
        partition, region, account = self._place()
        return f"arn:{partition}:batch:{region}:{account}:{resource}"

    def _submit_grant(
        self,
        share_identifiers: Sequence[str] | None,
        quota_shares: Sequence[str] | None = None,
        job_definitions: Sequence[Construct] | None = None,
    ) -> SubmitGrant:
        """Return the jobs that a grant allows. In a queue with fair share, and in no other, jobs have an identifier."""
        identifiers: tuple[str, ...] = (NO_IDENTIFIER,)
        if share_identifiers is not None:
            identifiers = tuple(share_identifiers)
        elif isinstance(self._scheduling, FairShare):
            identifiers = (ANY_IDENTIFIER,)
        elif self._scheduling is None and quota_shares is None:
            identifiers = (NO_IDENTIFIER, ANY_IDENTIFIER)
        name = self._queue.job_queue_name
        names = {"job_definitions": tuple(job.node.path for job in job_definitions)} if job_definitions else {}
        return SubmitGrant(self._queue.node.path if is_token(name) else name, identifiers, **names)

    def _raise_problems(self, method: str, problems: Iterable[Problem]) -> None:
        """Raise an error with the problems, if there are any."""
        if found_problems := list(problems):
            raise ConfigurationError(f"{self._queue.node.path}.grants.{method}", found_problems)


def statement(
    actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    """Return a statement with the effect Allow."""
    return iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions or None)


def acknowledge_statements(
    scope: IConstruct, statements: Iterable[iam.PolicyStatement], wildcards: Mapping[str, str]
) -> None:
    """Acknowledge the wildcards of statements for cdk-nag, except for the resource `*`."""
    resources = {resource for permission in statements for resource in permission.resources}
    endings = {resource: ending for resource in resources for ending in wildcards if resource.endswith(ending)}
    acknowledge_wildcards(scope, {resource: wildcards[ending] for resource, ending in endings.items()})


def grant_statements(
    owner: Construct,
    method: str,
    grantee: Any,
    statements: Sequence[iam.PolicyStatement],
    wildcards: Mapping[str, str],
) -> iam.Grant:
    """Add statements to the policies of a grantee, and acknowledge their wildcards for cdk-nag.

    Args:
        owner: Construct whose `grants` the caller uses.
        method: Name of the method of `grants`.
        grantee: IAM role, user or group.
        statements: Statements, one or more.
        wildcards: Reasons for wildcards in resources, by the end of the resource.

    Raises:
        ConfigurationError: If the CDK cannot change the policies of the grantee.
    """
    first, *others = (
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=permission.actions,
            resource_arns=permission.resources,
            conditions=permission.conditions,
        )
        for permission in statements
    )
    if not first.success:
        got = str(grantee.grant_principal)
        problem = Problem(("grantee",), got, "an IAM role, user or group whose policies the CDK can change")
        raise ConfigurationError(f"{owner.node.path}.grants.{method}", [problem])
    if (construct := construct_of(grantee)) is not None:
        acknowledge_statements(construct, statements, wildcards)
    for other in others:
        first = first.combine(other)
    return first


def check_grantee(grantee: iam.IGrantable | None) -> Iterator[Problem]:
    """Check that a principal can get permissions on a queue."""
    if grantee is not None and isinstance(grantee.grant_principal, iam.ServicePrincipal):
        service = grantee.grant_principal.service
        yield Problem(("grantee",), service, "an IAM role, user or group, because services do not submit jobs")
