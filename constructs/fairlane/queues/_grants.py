"""Who may submit to which share of a queue, who may manage its jobs, and who may look."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from aws_cdk import Arn, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from fairlane._checks import check_whole_number
from fairlane._nag import acknowledge_wildcards
from fairlane._problems import ConfigurationError, Problem
from fairlane._tokens import is_token
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy

MAX_JOB_PRIORITY: Final = 9999

_SUBMIT: Final = ["batch:SubmitServiceJob"]
_READ_ACCOUNT: Final = [
    "batch:DescribeJobQueues",
    "batch:DescribeSchedulingPolicies",
    "batch:DescribeServiceEnvironments",
    "batch:DescribeServiceJob",
    "batch:ListServiceJobs",
]
_WHY_WILDCARD: Final = {
    ":service-job*": "a job has no ARN before it is submitted; the queue's own statement and conditions bound it",
    "/quota-share/*": "all quota shares of this one queue are meant",
}
_READ_QUEUE: Final = ["batch:GetJobQueueSnapshot", "batch:ListQuotaShares"]


class QueueGrants:
    """Permissions on one queue for SageMaker training jobs, as `queue.grants`.

    What AWS cannot express, so that nobody relies on it: a share identifier and a priority cannot be tied to a queue.
    Whoever may submit to two fair-share queues may use the identifiers of either on both, and the higher of the two
    priorities; give their identifiers different names. Quota shares are resources of their queue and do not mix.
    Managing jobs cannot be limited to a queue at all.

    Source: "Actions, resources, and condition keys for AWS Batch" in the Service Authorization Reference.

    Args:
        queue: the construct of the queue, which errors name.
        job_queue_arn: the queue's ARN.
        scheduling: the queue's policy; None for a queue that was made elsewhere, whose shares are not known.
    """

    def __init__(self, queue: Construct, job_queue_arn: str, scheduling: SchedulingPolicy | None) -> None:
        self._queue = queue
        self._arn = job_queue_arn
        self._scheduling = scheduling

    def submit(
        self,
        grantee: iam.IGrantable,
        *,
        share_identifiers: Sequence[str] | None = None,
        quota_shares: Sequence[str] | None = None,
        max_priority: int | None = None,
        execution_role: iam.IRole | None = None,
    ) -> iam.Grant:
        """Lets somebody submit jobs to the queue, or to some of its shares only.

        A queue with quota management has quota shares, one with fair share has share identifiers; of a queue that was
        made elsewhere either may be named.

        Args:
            grantee: a role, user or group.
            share_identifiers: the only ones allowed, with `*` at the end for a prefix; all by default.
            quota_shares: the only ones allowed; all by default.
            max_priority: the highest scheduling priority allowed, 0 to 9999; any by default. A job without one passes.
            execution_role: the role that the jobs run with, which the grantee may then pass, to SageMaker only.

        Raises:
            ConfigurationError: for a share that the queue does not have, a keyword that does not fit its policy, a
                priority out of range, a service principal, or a role of another account.
        """
        statements = self.submit_statements(share_identifiers, quota_shares, max_priority, execution_role, grantee)
        return _grant(grantee, statements)

    def manage(self, grantee: iam.IGrantable, *, max_priority: int | None = None) -> iam.Grant:
        """Lets somebody terminate service jobs and change their priority, in all queues of the account and Region.

        Args:
            grantee: a role, user or group.
            max_priority: the highest scheduling priority that may be set, 0 to 9999; any by default.

        Raises:
            ConfigurationError: for a priority out of range, or a service principal.
        """
        self._refuse("manage", [*_check_priority(max_priority), *_check_grantee(grantee)])
        ceiling = {"NumericLessThanEquals": {"batch:SchedulingPriority": max_priority}}
        return _grant(
            grantee,
            [
                _statement(["batch:TerminateServiceJob"], [self._jobs]),
                _statement(["batch:UpdateServiceJob"], [self._jobs], {} if max_priority is None else ceiling),
            ],
        )

    def observe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets somebody see the queue, its shares and its jobs; AWS lists and describes for a whole account only.

        cdk-nag finds the resource `*` of these statements; that is for the grantee's owner to acknowledge.

        Args:
            grantee: a role, user or group.

        Raises:
            ConfigurationError: for a service principal.
        """
        self._refuse("observe", _check_grantee(grantee))
        return _grant(
            grantee,
            [
                _statement(_READ_QUEUE, [self._arn]),
                _statement(["batch:DescribeQuotaShare"], [f"{self._arn}/quota-share/*"]),
                _statement(_READ_ACCOUNT, ["*"]),
            ],
        )

    def submit_statements(
        self,
        share_identifiers: Sequence[str] | None,
        quota_shares: Sequence[str] | None,
        max_priority: int | None,
        execution_role: iam.IRole | None,
        grantee: iam.IGrantable | None = None,
    ) -> list[iam.PolicyStatement]:
        """The statements behind `submit`, for a policy of one's own; arguments and errors are the same."""
        self._refuse(
            "submit",
            [
                *self._check_shares("share_identifiers", share_identifiers, FairShare),
                *self._check_shares("quota_shares", quota_shares, QuotaManagement),
                *_check_priority(max_priority),
                *_check_grantee(grantee),
                *self._check_role(execution_role),
            ],
        )
        conditions: dict[str, Any] = {}
        if share_identifiers is not None:
            conditions["StringLike"] = {"batch:ShareIdentifier": list(share_identifiers)}
        if max_priority is not None:
            conditions["NumericLessThanEqualsIfExists"] = {"batch:SchedulingPriority": max_priority}
        statements = [_statement(_SUBMIT, [self._arn]), _statement(_SUBMIT, [self._jobs], conditions)]
        if quota_shares is not None or isinstance(self._scheduling, QuotaManagement):
            shares = ["*"] if quota_shares is None else quota_shares
            statements.append(_statement(_SUBMIT, [f"{self._arn}/quota-share/{share}" for share in shares]))
        if execution_role is not None:
            to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
            statements.append(_statement(["iam:PassRole"], [execution_role.role_arn], to_sagemaker))
        return statements

    @property
    def _jobs(self) -> str:
        stack = Stack.of(self._queue)
        if is_token(self._arn):
            return stack.format_arn(service="batch", resource="service-job*", arn_format=ArnFormat.NO_RESOURCE_NAME)
        queue = Arn.split(self._arn, ArnFormat.SLASH_RESOURCE_NAME)
        return f"arn:{queue.partition}:batch:{queue.region}:{queue.account}:service-job*"

    def _check_shares(
        self, keyword: str, shares: Sequence[str] | None, policy: type[SchedulingPolicy]
    ) -> Iterator[Problem]:
        if shares is None:
            return
        if isinstance(shares, str) or not shares:
            yield Problem((keyword,), shares, "a list of one or more")
        elif self._scheduling is not None and not isinstance(self._scheduling, policy):
            kind = type(self._scheduling).__name__
            yield Problem((keyword,), list(shares), f"this keyword only with {policy.__name__}; the queue has {kind}")
        elif self._scheduling is not None:
            known = list(_names(self._scheduling))
            for share in shares:
                if not is_token(share) and not _covered(share, known):
                    yield Problem((keyword,), share, f"shares of the queue: {', '.join(known)}")

    def _check_role(self, role: iam.IRole | None) -> Iterator[Problem]:
        if role is None:
            return
        queue, theirs = Stack.of(self._queue).account, role.env.account
        known = not is_token(queue) and not is_token(theirs)
        if known and queue != theirs:
            yield Problem(("execution_role",), f"a role of account {theirs}", f"a role of the queue's account {queue}")

    def _refuse(self, verb: str, problems: Iterable[Problem]) -> None:
        if found := list(problems):
            raise ConfigurationError(f"{self._queue.node.path}.grants.{verb}", found)


def _statement(
    actions: Sequence[str], resources: Sequence[str], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions or None)


def _grant(grantee: iam.IGrantable, statements: Sequence[iam.PolicyStatement]) -> iam.Grant:
    first, *others = (
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=statement.actions,
            resource_arns=statement.resources,
            conditions=statement.conditions,
        )
        for statement in statements
    )
    for other in others:
        first = first.combine(other)
    if isinstance(grantee, Construct):
        acknowledge_job_wildcards(grantee, statements)
    return first


def acknowledge_job_wildcards(scope: IConstruct, statements: Iterable[iam.PolicyStatement]) -> None:
    """Tells cdk-nag why the wildcards of these statements are there; `*` alone is left for the owner to judge."""
    resources = {resource for statement in statements for resource in statement.resources}
    endings = {resource: ending for resource in resources for ending in _WHY_WILDCARD if resource.endswith(ending)}
    acknowledge_wildcards(scope, {resource: _WHY_WILDCARD[ending] for resource, ending in endings.items()})


def _names(scheduling: SchedulingPolicy) -> Iterator[str]:
    match scheduling:
        case FairShare():
            yield from scheduling.weight_factors
        case QuotaManagement():
            yield from (share.name for share in scheduling.shares)


def _covered(share: str, known: Iterable[str]) -> bool:
    return any(share == name or (name.endswith("*") and share.startswith(name[:-1])) for name in known)


def _check_priority(max_priority: int | None) -> Iterator[Problem]:
    if max_priority is not None:
        yield from check_whole_number(("max_priority",), max_priority, 0, MAX_JOB_PRIORITY)


def _check_grantee(grantee: iam.IGrantable | None) -> Iterator[Problem]:
    if grantee is not None and isinstance(grantee.grant_principal, iam.ServicePrincipal):
        yield Problem(("grantee",), grantee.grant_principal.service, "a role, user or group: no service submits jobs")
