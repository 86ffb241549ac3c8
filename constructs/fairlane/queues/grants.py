"""Base class and helpers for IAM permissions on queues."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from fairlane._internal.checks import check_name
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token, without_tokens
from fairlane.errors import ConfigurationError, Problem
from fairlane.queues.combined_grants import ANY_IDENTIFIER, NO_IDENTIFIER, SubmitGrant
from fairlane.queues.grant_warnings import construct_of, warn_excess, warn_without_effect
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.share_identifiers import check_share_identifier, stands_for

_SHARE_IDENTIFIER: Final = "batch:ShareIdentifier"

_READ_QUEUE: Final = ["batch:GetJobQueueSnapshot", "batch:ListQuotaShares"]
_READ_ACCOUNT: Final = ["batch:DescribeJobQueues", "batch:DescribeSchedulingPolicies"]


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

    def __init__(self, queue: Construct, job_queue_arn: str, scheduling: SchedulingPolicy | None) -> None:
        self._queue = queue
        self._arn = job_queue_arn
        self._scheduling = scheduling

    def observe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read the queue, its shares and its jobs.

        AWS allows most of the list and describe actions only for the whole account. cdk-nag reports the resource `*` of
        these statements: the owner of the grantee must acknowledge it.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the grantee is a service principal.
        """
        self._raise_problems("observe", check_grantee(grantee))
        return grant(
            grantee,
            [
                statement(_READ_QUEUE, [self._arn]),
                statement(["batch:DescribeQuotaShare"], [f"{self._arn}/quota-share/*"]),
                statement([*_READ_ACCOUNT, *self._READ_JOBS], ["*"]),
            ],
            {"/quota-share/*": "the statement covers all quota shares of one queue"},
        )

    def _regional_arn(self, resource: str) -> str:
        """Return the ARN of a resource in the queue's account and Region."""
        if is_token(self._arn):
            return Stack.of(self._queue).format_arn(
                service="batch", resource=resource, arn_format=ArnFormat.NO_RESOURCE_NAME
            )
        queue = Arn.split(self._arn, ArnFormat.SLASH_RESOURCE_NAME)
        return f"arn:{queue.partition}:batch:{queue.region}:{queue.account}:{resource}"

    def _check_shares(
        self, keyword: str, shares: Sequence[str] | None, policy: type[SchedulingPolicy]
    ) -> Iterator[Problem]:
        if shares is None:
            return
        if isinstance(shares, str) or not shares or not all(isinstance(share, str) for share in shares):
            yield Problem((keyword,), shares, "a list of one or more names")
        elif self._scheduling is not None and not isinstance(self._scheduling, policy):
            sentence = f"requires {policy.__name__}, and the queue has {type(self._scheduling).__name__}"
            yield Problem.relation((keyword,), f"{sentence}: remove {keyword}")
        elif self._scheduling is not None:
            names = list(_share_names(self._scheduling))
            for share in shares:
                if not is_token(share) and not any(stands_for(name, share) for name in names):
                    yield Problem((keyword,), share, f"a share of the queue: {', '.join(names)}")

    def _raise_problems(self, method: str, problems: Iterable[Problem]) -> None:
        """Raise an error with the problems, if there are any."""
        if found_problems := list(problems):
            raise ConfigurationError(f"{self._queue.node.path}.grants.{method}", found_problems)


def statement(
    actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    """Return a statement with the effect Allow."""
    return iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions or None)


def grant(
    grantee: iam.IGrantable, statements: Sequence[iam.PolicyStatement], wildcards: Mapping[str, str]
) -> iam.Grant:
    """Grant all statements to a principal.

    Args:
        grantee: Principal.
        statements: Statements with the effect Allow.
        wildcards: Reasons for wildcards in resources, by the end of the resource.
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
    for other in others:
        first = first.combine(other)
    if isinstance(getattr(grantee, "node", None), Node):  # an imported role is no Construct in Python
        acknowledge_statements(cast(IConstruct, grantee), statements, wildcards)
    return first


def acknowledge_statements(
    scope: IConstruct, statements: Iterable[iam.PolicyStatement], wildcards: Mapping[str, str]
) -> None:
    """Acknowledge the wildcards of statements for cdk-nag, except for the resource `*`."""
    resources = {resource for permission in statements for resource in permission.resources}
    endings = {resource: ending for resource in resources for ending in wildcards if resource.endswith(ending)}
    acknowledge_wildcards(scope, {resource: wildcards[ending] for resource, ending in endings.items()})


def _share_names(scheduling: SchedulingPolicy) -> Iterator[str]:
    match scheduling:
        case FairShare():
            yield from scheduling.weight_factors
        case QuotaManagement():
            yield from (share.name for share in scheduling.shares)


def check_grantee(grantee: iam.IGrantable | None) -> Iterator[Problem]:
    """Check that a principal can get permissions on a queue."""
    if grantee is not None and isinstance(grantee.grant_principal, iam.ServicePrincipal):
        service = grantee.grant_principal.service
        yield Problem(("grantee",), service, "an IAM role, user or group, because services do not submit jobs")
