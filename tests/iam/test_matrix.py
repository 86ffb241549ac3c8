"""All synthesized roles against the table of who may do what: requests, trust policies, and completeness."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.iam.compositions import deployments
from tests.iam.kinds import KINDS, kind_of
from tests.iam.probes import OTHER_ACCOUNT, probes
from tests.iam.roles import Deployment, Role
from tests.iam.who_may import ACCOUNT_ROOT, Kind
from tests.iam_evaluator import Context, allowed, is_trusted

REQUESTS = 3000
"""Smallest number of requests that the matrix evaluates."""
SERVICES = sorted({kind.trusted for kind in KINDS} - {ACCOUNT_ROOT} | {"batch.amazonaws.com", "events.amazonaws.com"})
SOURCES = {
    "events.amazonaws.com": "arn:aws:events:{place}:rule/any",
    "states.amazonaws.com": "arn:aws:states:{place}:stateMachine:fairlane-campaigns",
    "ecs-tasks.amazonaws.com": "arn:aws:ecs:{place}:task/AWSBatch-any/0",
    "pods.eks.amazonaws.com": "arn:aws:eks:{place}:cluster/training",
    "scheduler.amazonaws.com": "arn:aws:scheduler:{place}:schedule-group/default",
    "vpc-flow-logs.amazonaws.com": "arn:aws:ec2:{place}:vpc-flow-log/fl-0123456789abcdef0",
}
"""ARNs that services send as `aws:SourceArn`."""


@pytest.fixture(scope="module")
def roles() -> list[tuple[Deployment, Role, Kind]]:
    return [(deployment, role, kind_of(role)) for deployment in deployments() for role in deployment.everyone()]


def mistakes(deployment: Deployment, role: Role, kind: Kind) -> Iterator[str]:
    """Yield the requests of a role whose outcome is not the one in the table."""
    requests = list(probes(deployment))
    for request, got in zip(requests, allowed(role.statements, requests), strict=True):
        if got != kind.allows(request, deployment):
            yield f"{role.path}: {'allowed' if got else 'denied'}: {request}"


def test_each_role_may_do_what_the_table_says_and_nothing_else(roles: list[tuple[Deployment, Role, Kind]]) -> None:
    found = [mistake for role in roles for mistake in mistakes(*role)]
    assert found == [], "\n".join(found)


def test_the_requests_are_enough_and_use_each_line_of_the_table(roles: list[tuple[Deployment, Role, Kind]]) -> None:
    requests = [(deployment, kind, list(probes(deployment))) for deployment, _, kind in roles]
    assert sum(len(of_role) for _, _, of_role in requests) >= REQUESTS
    used = {
        rule
        for deployment, kind, of_role in requests
        for rule in kind.may
        if any(rule.covers(request, deployment) for request in of_role)
    }
    assert [(kind.path, rule.actions) for kind in KINDS for rule in kind.may if rule not in used] == []
    assert [kind.path for kind in KINDS if kind not in [used for _, used, _ in requests]] == []


def test_a_permission_too_many_or_too_few_is_a_mistake(roles: list[tuple[Deployment, Role, Kind]]) -> None:
    (deployment, role, kind), *_ = (entry for entry in roles if entry[1].path.startswith("Training/ShareA"))
    more = {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": "*"}
    assert all(
        "ecr:PutImage" in found
        for found in mistakes(deployment, replace(role, statements=(*role.statements, more)), kind)
    )
    assert len(list(mistakes(deployment, replace(role, statements=(*role.statements, more)), kind))) > 1
    assert any("denied" in found for found in mistakes(deployment, replace(role, statements=role.statements[1:]), kind))
    with pytest.raises(AssertionError, match="Training/New has 0 kinds"):
        kind_of(replace(role, path="Training/New"))


def test_only_the_service_in_the_table_can_assume_a_role(roles: list[tuple[Deployment, Role, Kind]]) -> None:
    for deployment, role, kind in roles:
        trusted = {
            service
            for service in SERVICES
            if is_trusted(role.trust, service, _source(service, deployment.account, deployment.region), role.arn)
        }
        assert trusted == {kind.trusted} - {ACCOUNT_ROOT}, role.path
        if kind.for_own_account:
            other = _source(kind.trusted, OTHER_ACCOUNT, deployment.region)
            assert not is_trusted(role.trust, kind.trusted, other, role.arn), role.path
            assert not is_trusted(role.trust, kind.trusted, {}, role.arn), role.path


def test_people_of_the_account_can_assume_only_the_roles_of_the_tests(
    roles: list[tuple[Deployment, Role, Kind]],
) -> None:
    for _, role, kind in roles:
        person = "arn:aws:iam::111122223333:role/person"
        assert is_trusted(role.trust, person, {}, role.arn) == (kind.trusted == ACCOUNT_ROOT), role.path
        assert not is_trusted(role.trust, person.replace("111122223333", OTHER_ACCOUNT), {}, role.arn), role.path


def test_only_the_framework_of_the_cdk_uses_policies_of_aws(roles: list[tuple[Deployment, Role, Kind]]) -> None:
    for _, role, kind in roles:
        assert tuple(arn.rpartition("/")[2] for arn in role.managed_policies) == kind.managed_policies, role.path


def _source(service: str, account: str, region: str) -> Context:
    context = {"aws:SourceAccount": account}
    if service in SOURCES:
        context["aws:SourceArn"] = SOURCES[service].format(place=f"{region}:{account}")
    return context
