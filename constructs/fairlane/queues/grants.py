"""What permissions on queues of every kind have in common."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from aws_cdk import Arn, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct, Node

from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.share_identifiers import stands_for

_READ_QUEUE: Final = ["batch:GetJobQueueSnapshot", "batch:ListQuotaShares"]
_READ_ACCOUNT: Final = ["batch:DescribeJobQueues", "batch:DescribeSchedulingPolicies"]


class QueueGrants:
    """Permissions on one queue, as `queue.grants`.

    Source: "Actions, resources, and condition keys for AWS Batch" in the Service Authorization Reference.

    Args:
        queue: the construct of the queue, which errors name.
        job_queue_arn: the queue's ARN.
        scheduling: the queue's policy; None for a queue that was made elsewhere, whose shares are not known.
    """

    _READ_JOBS: ClassVar[Sequence[str]]
    """Actions that AWS allows for a whole account only."""

    def __init__(self, queue: Construct, job_queue_arn: str, scheduling: SchedulingPolicy | None) -> None:
        self._queue = queue
        self._arn = job_queue_arn
        self._scheduling = scheduling

    def observe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets somebody see the queue, its shares and its jobs; AWS lists and describes for a whole account only.

        cdk-nag finds the resource `*` of these statements; that is for the grantee's owner to acknowledge.

        Args:
            grantee: a role, user or group.

        Raises:
            ConfigurationError: for a service principal.
        """
        self._refuse("observe", check_grantee(grantee))
        return grant(
            grantee,
            [
                statement(_READ_QUEUE, [self._arn]),
                statement(["batch:DescribeQuotaShare"], [f"{self._arn}/quota-share/*"]),
                statement([*_READ_ACCOUNT, *self._READ_JOBS], ["*"]),
            ],
            {"/quota-share/*": "all quota shares of this one queue are meant"},
        )

    def _near(self, resource: str) -> str:
        """The ARN of a resource in the queue's account and Region."""
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
            yield Problem((keyword,), shares, "a list of one or more")
        elif self._scheduling is not None and not isinstance(self._scheduling, policy):
            kind = type(self._scheduling).__name__
            yield Problem((keyword,), list(shares), f"this keyword only with {policy.__name__}; the queue has {kind}")
        elif self._scheduling is not None:
            known = list(_names(self._scheduling))
            for share in shares:
                if not is_token(share) and not any(stands_for(name, share) for name in known):
                    yield Problem((keyword,), share, f"shares of the queue: {', '.join(known)}")

    def _refuse(self, verb: str, problems: Iterable[Problem]) -> None:
        if found := list(problems):
            raise ConfigurationError(f"{self._queue.node.path}.grants.{verb}", found)


def statement(
    actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    """A statement that allows."""
    return iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions or None)


def grant(
    grantee: iam.IGrantable, statements: Sequence[iam.PolicyStatement], wildcards: Mapping[str, str]
) -> iam.Grant:
    """Gives somebody all statements at once.

    Args:
        grantee: who gets them.
        statements: what they get.
        wildcards: by the end of a resource, why its wildcard is there.
    """
    first, *others = (
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=allowed.actions,
            resource_arns=allowed.resources,
            conditions=allowed.conditions,
        )
        for allowed in statements
    )
    for other in others:
        first = first.combine(other)
    if isinstance(getattr(grantee, "node", None), Node):  # an imported role is no Construct in Python
        explain(cast(IConstruct, grantee), statements, wildcards)
    return first


def explain(scope: IConstruct, statements: Iterable[iam.PolicyStatement], wildcards: Mapping[str, str]) -> None:
    """Tells cdk-nag why the wildcards of these statements are there; `*` alone is left for the owner to judge."""
    resources = {resource for allowed in statements for resource in allowed.resources}
    endings = {resource: ending for resource in resources for ending in wildcards if resource.endswith(ending)}
    acknowledge_wildcards(scope, {resource: wildcards[ending] for resource, ending in endings.items()})


def _names(scheduling: SchedulingPolicy) -> Iterator[str]:
    match scheduling:
        case FairShare():
            yield from scheduling.weight_factors
        case QuotaManagement():
            yield from (share.name for share in scheduling.shares)


def check_grantee(grantee: iam.IGrantable | None) -> Iterator[Problem]:
    """Checks that somebody may be given permissions on a queue."""
    if grantee is not None and isinstance(grantee.grant_principal, iam.ServicePrincipal):
        yield Problem(("grantee",), grantee.grant_principal.service, "a role, user or group: no service submits jobs")
