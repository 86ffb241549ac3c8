"""Grants that give no permission: to principals of other accounts, and to principals that the CDK cannot change."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from fairlane import FairShare, TrainingQueue
from tests.grants import grant_warnings, role
from tests.iam.roles import Deployment


def queue(stack: Stack) -> TrainingQueue:
    return TrainingQueue(stack, "fair", queue_name="fair", capacity=1, scheduling=FairShare({"vision": 1.0}))


def imported_role(stack: Stack, account: str = "111122223333", **settings: Any) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "Imported", f"arn:aws:iam::{account}:role/imported", **settings)


def foreign_role(stack: Stack) -> iam.IGrantable:
    elsewhere = Stack(App.of(stack), "Elsewhere", env=cdk.Environment(account="444455556666", region="us-east-1"))
    return iam.Role(elsewhere, "Role", role_name="elsewhere", assumed_by=iam.AccountRootPrincipal())


OTHER_ACCOUNT = "the grantee is in account 444455556666, the queue is in account 111122223333"
UNCHANGEABLE = "the CDK cannot change the policies of the grantee"


@pytest.mark.parametrize(
    ("grantee", "path", "reason"),
    [
        (lambda stack: imported_role(stack, "444455556666"), "/Stack/Imported", OTHER_ACCOUNT),
        (lambda stack: imported_role(stack, "444455556666", mutable=False), "/Stack/Imported", OTHER_ACCOUNT),
        (lambda stack: imported_role(stack, mutable=False), "/Stack/Imported", UNCHANGEABLE),
        (lambda stack: role(stack).without_policy_updates(), "/Stack/ImmutableRoleRole", UNCHANGEABLE),
        (lambda _: iam.ArnPrincipal("arn:aws:iam::111122223333:role/imported"), "/Stack/fair", UNCHANGEABLE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["submit", "manage", "observe"])
def test_a_grant_without_effect_warns(
    stack: Stack, grantee: Callable[[Stack], iam.IGrantable], path: str, reason: str, method: str
) -> None:
    getattr(queue(stack).grants, method)(grantee(stack))
    ((found, text),) = grant_warnings(stack)
    assert found == path
    assert "the grant on the queue Stack/fair has no effect" in text
    assert reason in text
    assert Deployment.of(stack).statements() == []


def test_a_grant_to_a_role_that_the_app_creates_in_another_account_warns(stack: Stack) -> None:
    grantee = foreign_role(stack)
    queue(stack).grants.observe(grantee)
    elsewhere = Stack.of(grantee)  # type: ignore[arg-type]
    assert [path for path, text in grant_warnings(elsewhere) if OTHER_ACCOUNT in text] == ["/Elsewhere/Role"]


@pytest.mark.parametrize(
    "grantee",
    [
        role,
        imported_role,
        lambda stack: iam.User(stack, "User"),
        lambda stack: iam.Group(stack, "Group"),
        lambda stack: iam.User.from_user_name(stack, "User", "imported"),
    ],
)
def test_a_grant_with_an_effect_does_not_warn(stack: Stack, grantee: Callable[[Stack], iam.IGrantable]) -> None:
    queue(stack).grants.submit(grantee(stack), share_identifiers=["vision"])
    assert grant_warnings(stack) == []
    assert [statement["Action"] for statement in Deployment.of(stack).statements()] == ["batch:SubmitServiceJob"] * 2


@pytest.mark.parametrize("is_used", [True, False])
def test_a_grant_does_not_create_a_lazy_role(stack: Stack, is_used: bool) -> None:
    person = iam.LazyRole(stack, "Lazy", assumed_by=iam.AccountRootPrincipal())
    queue(stack).grants.submit(person)
    if is_used:
        cdk.CfnOutput(stack, "Use", value=person.role_arn)
    assert grant_warnings(stack) == []
    assert len(Deployment.of(stack).statements()) == 2 * is_used


def test_roles_of_unknown_accounts_do_not_warn() -> None:
    stack = Stack(App(), "Anywhere")
    queue(stack).grants.submit(imported_role(stack, "444455556666"))
    assert grant_warnings(stack) == []


@pytest.mark.parametrize(
    "wrap",
    [
        iam.SessionTagsPrincipal,
        lambda inner: iam.PrincipalWithConditions(inner, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ],
)
def test_a_principal_around_a_role_gets_the_permission_without_a_warning(wrap: Callable[[iam.IPrincipal], Any]) -> None:
    stack = Stack(App(), "Stack")
    queue(stack).grants.submit(wrap(role(stack)), share_identifiers=["vision"])

    assert list(grant_warnings(stack, "notGranted")) == []
