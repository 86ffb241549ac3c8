"""Function killed before and after each of its calls, with and without a second run of the request."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fairlane_lambda.hyperpod_governance.fake_sagemaker import FakeSageMaker
from tests.fairlane_lambda.hyperpod_governance.requests import CLUSTER, Resource, quota, scheduler
from tests.fairlane_lambda.stack_resource import Event

OTHER_CLUSTER = CLUSTER.replace("abc", "xyz")

Properties = Callable[..., Event]
Step = Callable[[Resource, Properties], None]
STEPS: dict[str, Step] = {
    "update": lambda resource, properties: resource.update(properties("5")),
    "rollback": lambda resource, properties: resource.update(properties("5"), fails_elsewhere=True),
    "replace": lambda resource, properties: resource.update(properties("5", cluster=OTHER_CLUSTER)),
    "delete": lambda resource, properties: resource.delete(),
}


def number(policy: dict[str, Any]) -> tuple[Any, Any]:
    if policy["noun"] == "ComputeQuota":
        return policy["ClusterArn"], policy["ComputeQuotaConfig"]["ComputeQuotaResources"][0]["Count"]
    return policy["ClusterArn"], policy["SchedulerConfig"]["PriorityClasses"][0]["Weight"]


def calls_of(run: Callable[[FakeSageMaker], None]) -> int:
    client = FakeSageMaker()
    run(client)
    return len(client.calls)


@pytest.mark.parametrize("retried", [True, False])
@pytest.mark.parametrize("properties", [quota, scheduler])
def test_a_create_killed_at_any_call_leaves_the_right_policy_or_none(properties: Properties, retried: bool) -> None:
    total = calls_of(lambda client: Resource(client).create(properties()))
    assert total >= 4
    for kill_at in range(1, total + 1):
        for kill_after in (False, True):
            client = FakeSageMaker()
            client.kill_at, client.kill_after = kill_at, kill_after
            resource = Resource(client, retried=retried)
            resource.create(properties())
            client.settle()
            if retried:
                assert [(policy["id"], number(policy)) for policy in client.alive] == [
                    (resource.physical_id, (CLUSTER, 4) if properties is quota else (CLUSTER, 70))
                ]
            else:
                assert client.alive == [], (kill_at, kill_after)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("properties", [quota, scheduler])
def test_a_change_killed_at_any_call_and_repeated_ends_like_without_the_kill(properties: Properties, step: str) -> None:
    def run(client: FakeSageMaker, kill_at: int | None = None, kill_after: bool = False) -> Resource:
        resource = Resource(client)
        resource.create(properties("4"))
        client.kill_at = None if kill_at is None else len(client.calls) + kill_at
        client.kill_after = kill_after
        STEPS[step](resource, properties)
        client.settle()
        return resource

    expected = FakeSageMaker()
    run(expected)
    created = calls_of(lambda client: Resource(client).create(properties("4")))
    for kill_at in range(1, len(expected.calls) - created + 1):
        for kill_after in (False, True):
            client = FakeSageMaker()
            resource = run(client, kill_at, kill_after)
            assert client.kill_at is None
            assert resource.failures == []
            assert list(map(number, client.alive)) == list(map(number, expected.alive)), (kill_at, kill_after)
            if step != "delete":
                assert [policy["id"] for policy in client.alive] == [resource.physical_id]


@pytest.mark.parametrize("change", [{}, {"cluster": OTHER_CLUSTER}, {"name": "another"}])
@pytest.mark.parametrize("properties", [quota, scheduler])
def test_an_update_killed_for_good_is_rolled_back(properties: Properties, change: dict[str, str]) -> None:
    for kill_at in range(1, 12):
        for kill_after in (False, True):
            client = FakeSageMaker()
            resource = Resource(client)
            resource.create(properties("4"))
            resource.retried = False
            client.kill_at, client.kill_after = len(client.calls) + kill_at, kill_after
            resource.update(properties("5", **change))
            if not resource.failures:
                continue
            client.settle()
            assert [(policy["id"], number(policy)) for policy in client.alive] == [
                (resource.physical_id, (CLUSTER, 4))
            ], (kill_at, kill_after)


@given(
    st.sampled_from([quota, scheduler]),
    st.lists(
        st.tuples(
            st.integers(1, 9).map(str),
            st.sampled_from([CLUSTER, OTHER_CLUSTER]),
            st.booleans(),
            st.booleans(),
            st.none() | st.integers(1, 14),
            st.booleans(),
        ),
        max_size=6,
    ),
)
def test_any_series_of_changes_with_kills_leaves_one_policy_the_right_one(
    properties: Properties, changes: list[tuple[str, str, bool, bool, int | None, bool]]
) -> None:
    client = FakeSageMaker()
    resource = Resource(client)
    resource.create(properties("4"))
    expected = (CLUSTER, 4)
    for count, cluster, fails_elsewhere, retried, kill_at, kill_after in changes:
        client.kill_at = None if kill_at is None else len(client.calls) + kill_at
        client.kill_after, resource.retried, failures = kill_after, retried, len(resource.failures)
        resource.update(properties(count, cluster=cluster), fails_elsewhere=fails_elsewhere)
        if not fails_elsewhere and len(resource.failures) == failures:
            expected = (cluster, int(count))
    client.settle()
    assert [(policy["id"], number(policy)) for policy in client.alive] == [(resource.physical_id, expected)]
