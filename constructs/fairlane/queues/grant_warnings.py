"""Warnings about grants on queues: grants without effect, and grants that together allow more than each alone."""

from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from constructs import Construct, Dependable, IConstruct, Node

from fairlane._internal.tokens import is_token
from fairlane.queues.combined_grants import SubmitGrant, excesses

_CREATED_ROLE: Final = (iam.Role, iam.LazyRole)
_WRAPPERS: Final = (iam.PrincipalWithConditions, iam.SessionTagsPrincipal)
"""Principals around another principal, which the CDK does not show."""

_granted: "WeakKeyDictionary[IConstruct, dict[tuple[str, ...], list[SubmitGrant]]]" = WeakKeyDictionary()


def construct_of(grantee: iam.IGrantable) -> IConstruct | None:
    """Return the construct of a grantee. None for a principal without a construct, such as `ArnPrincipal`."""
    is_construct = isinstance(getattr(grantee, "node", None), Node)  # an imported role is no Construct in Python
    return grantee if is_construct else None  # type: ignore[return-value]


def warn_without_effect(queue: Construct, account: str, grantee: iam.IGrantable, grant: iam.Grant) -> bool:
    """Warn if a grant has no effect, and return True in this case.

    Args:
        queue: Construct of the queue.
        account: Account of the queue.
        grantee: Principal of the grant.
        grant: Grant, as made by the CDK. `success` is also True for a role that the CDK cannot change.
    """
    principal = grantee.grant_principal
    owner = getattr(principal, "principal_account", None)
    if owner is not None and not is_token(owner) and not is_token(account) and owner != account:
        _warn(
            queue,
            grantee,
            "otherAccount",
            f"the grant on the queue {queue.node.path} has no effect, because the grantee is in account {owner}, the "
            f"queue is in account {account}, and AWS Batch has no resource policies: grant the permission to a role in "
            f"account {account} that the grantee can assume",
        )
        return True
    changeable = isinstance(principal, (*_CREATED_ROLE, *_WRAPPERS)) or Dependable.of(grant).dependency_roots
    if grant.success and changeable:
        return False
    _warn(
        queue,
        grantee,
        "notGranted",
        f"the grant on the queue {queue.node.path} has no effect, because the CDK cannot change the policies of the "
        "grantee: grant to a role of the app, or attach a policy such as queue.submit_policy(...) to the grantee",
    )
    return True


def warn_excess(queue: Construct, place: tuple[str, ...], grantee: iam.IGrantable, grant: SubmitGrant) -> None:
    """Record a grant, and warn about each queue for which the grants of the principal now allow more than each alone.

    Args:
        queue: Construct of the queue.
        place: Service, account and Region in which grants add up.
        grantee: Principal of the grant.
        grant: Jobs that the grant allows.
    """
    name = _principal_name(grantee.grant_principal)
    grants = _granted.setdefault(queue.node.root, {}).setdefault((name, *place), [])
    known = {excess.queue for excess in excesses(grants)}
    grants.append(grant)
    for excess in excesses(grants):
        if excess.queue not in known:
            known.add(excess.queue)
            _warn(
                queue,
                grantee,
                "combined",
                f"the grants of this principal add up: it can submit {excess}, which no grant alone allows, because "
                "IAM binds neither a share identifier nor a job definition to a queue: use a role for each grant",
            )


def _principal_name(principal: iam.IPrincipal) -> str:
    if isinstance(principal, _CREATED_ROLE):
        return principal.node.path  # the ARN would create a LazyRole
    return str(principal.policy_fragment.principal_json)


def _warn(queue: Construct, grantee: iam.IGrantable, name: str, message: str) -> None:
    Annotations.of(construct_of(grantee) or queue).add_warning_v2(f"fairlane:QueueGrants.{name}", message)
