"""Policies of one resource from creation to deletion."""

from typing import Any

import pytest

from tests.fairlane_lambda.hyperpod_governance.fake_sagemaker import FakeSageMaker
from tests.fairlane_lambda.hyperpod_governance.requests import (
    CLUSTER,
    STACK,
    Context,
    Resource,
    call,
    quota,
    request,
    scheduler,
)

OTHER_CLUSTER = CLUSTER.replace("abc", "xyz")


@pytest.fixture
def client() -> FakeSageMaker:
    return FakeSageMaker()


def weight(policy: dict[str, Any]) -> Any:
    if policy["noun"] == "ComputeQuota":
        return policy["ComputeQuotaConfig"]["ComputeQuotaResources"][0]["Count"]
    return policy["SchedulerConfig"]["PriorityClasses"][0]["Weight"]


BOTH = pytest.mark.parametrize("properties", [quota, scheduler])


@BOTH
def test_create_update_and_delete(client: FakeSageMaker, properties: Any) -> None:
    resource = Resource(client)
    resource.create(properties("4"))
    (policy,) = client.alive
    assert (resource.physical_id, policy["status"], weight(policy)) == (policy["id"], "Created", 4)
    resource.update(properties("5"))
    (policy,) = client.alive
    assert (resource.physical_id, policy["status"], weight(policy), policy["version"]) == (
        policy["id"],
        "Updated",
        5,
        2,
    )
    resource.delete()
    assert client.alive == []
    assert resource.failures == []


def test_text_of_cloudformation_becomes_the_numbers_of_the_api(client: FakeSageMaker) -> None:
    Resource(client).create(quota())
    (policy,) = client.alive
    assert policy["ComputeQuotaConfig"] == {
        "ComputeQuotaResources": [
            {"InstanceType": "ml.p5.48xlarge", "Count": 4, "MemoryInGiB": 10.5},
            {"InstanceType": "ml.p5.48xlarge", "AcceleratorPartition": {"Type": "mig-1g.10gb", "Count": 7}},
        ],
        "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": 300},
        "PreemptTeamTasks": "LowerPriority",
    }
    assert policy["ComputeQuotaTarget"] == {"TeamName": "research", "FairShareWeight": 60}
    assert "ServiceToken" not in policy


@BOTH
def test_a_policy_of_another_owner_is_neither_changed_nor_deleted(client: FakeSageMaker, properties: Any) -> None:
    owner = request("Create", properties("4"), LogicalResourceId="Other")
    call(client, owner)
    before = dict(client.alive[0])
    resource = Resource(client)
    resource.create(properties("5"))
    assert "that this stack did not create: delete it or use another name" in resource.failures[0]
    assert client.alive == [before]


def test_a_policy_is_found_among_pages_by_its_whole_name(client: FakeSageMaker) -> None:
    for name in ("research-1", "my-research", "research-2", "research-3"):
        call(client, request("Create", quota(name=name, team=name), LogicalResourceId=name))
    call(client, request("Create", quota("4")))
    call(client, request("Create", quota("5")))
    assert [weight(policy) for policy in client.alive if policy["Name"] == "research"] == [5]
    assert len(client.alive) == 5


def test_a_conflict_of_versions_is_repeated_after_a_description(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))

    def change() -> None:
        client.alive[0]["version"] += 1

    client.before_update = [change]
    resource.update(quota("5"))
    assert resource.failures == []
    assert [(weight(policy), policy["version"]) for policy in client.alive] == [(5, 3)]


def test_a_lasting_conflict_is_the_failure(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))

    def change() -> None:
        client.alive[0]["version"] += 1

    client.before_update = [change] * 10
    fields = {"OldResourceProperties": quota("4"), "PhysicalResourceId": resource.physical_id}
    response = call(client, request("Update", quota("5"), **fields))
    assert response == (resource.physical_id, "ConflictException: text of SageMaker")
    assert client.calls.count("UpdateComputeQuota") == 6


@pytest.mark.parametrize("lag", [1, 3])
def test_a_repeated_create_finds_a_policy_that_lists_do_not_show_yet(client: FakeSageMaker, lag: int) -> None:
    client.lag = lag
    client.kill_at, client.kill_after = 2, True
    resource = Resource(client)
    resource.create(quota())
    assert resource.failures == []
    assert [policy["id"] for policy in client.alive] == [resource.physical_id]


@pytest.mark.parametrize("verb", ["Create", "Update", "Delete"])
def test_a_failure_of_sagemaker_is_the_failure(client: FakeSageMaker, verb: str) -> None:
    resource = Resource(client)
    if verb != "Create":
        resource.create(quota())
    client.failures[verb] = "no capacity"
    fields = {"PhysicalResourceId": resource.physical_id, "OldResourceProperties": quota()} if verb != "Create" else {}
    response = call(client, request(verb, quota("5"), **fields))
    assert response.failure == f"SageMaker reports {verb}Failed: no capacity"


def test_an_update_waits_for_its_own_version(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))
    client.stale, client.failures["Update"] = 2, "no capacity"
    fields = {"PhysicalResourceId": resource.physical_id, "OldResourceProperties": quota("4")}
    response = call(client, request("Update", quota("5"), **fields))
    assert response.failure == "SageMaker reports UpdateFailed: no capacity"


def test_a_delete_that_failed_before_is_tried_again(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota())
    client.failures["Delete"] = "in use"
    assert call(client, request("Delete", quota(), PhysicalResourceId=resource.physical_id)).failure
    resource.delete()
    assert client.alive == []


def test_a_failed_create_leaves_nothing(client: FakeSageMaker) -> None:
    client.failures["Create"] = "no capacity"
    resource = Resource(client)
    resource.create(quota())
    assert resource.failures == ["SageMaker reports CreateFailed: no capacity"]
    assert client.alive == []


def test_a_failed_update_is_rolled_back(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))
    client.failures["Update"] = "no capacity"
    resource.update(quota("5"))
    assert [weight(policy) for policy in client.alive] == [4]


def test_a_delete_of_what_is_gone_succeeds(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota())
    client.policies.clear()
    resource.delete()
    for physical_id in ("not-created", "hyperpod-Quota-1A2B3C"):
        assert call(client, request("Delete", quota(), PhysicalResourceId=physical_id)).failure is None


def test_an_update_of_what_is_gone_creates_it(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))
    before = resource.physical_id
    client.policies.clear()
    resource.update(quota("5"))
    assert [policy["id"] for policy in client.alive] == [resource.physical_id] != [before]


@BOTH
@pytest.mark.parametrize("fails_elsewhere", [False, True])
def test_another_cluster_or_name_replaces_the_policy(
    client: FakeSageMaker, properties: Any, fails_elsewhere: bool
) -> None:
    for change in ({"cluster": OTHER_CLUSTER}, {"name": "another"}):
        resource = Resource(client)
        resource.create(properties("4"))
        resource.update(properties("5", **change), fails_elsewhere=fails_elsewhere)
        client.settle()
        (policy,) = client.alive
        assert (policy["id"], weight(policy)) == (resource.physical_id, 4 if fails_elsewhere else 5)
        resource.properties = properties("4", **({} if fails_elsewhere else change))
        resource.delete()


def test_a_replacement_that_fails_leaves_the_old_policy_only(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))
    client.failures["Create"] = "no capacity"
    resource.update(quota("5", cluster=OTHER_CLUSTER))
    assert [(policy["ClusterArn"], weight(policy)) for policy in client.alive] == [(CLUSTER, 4)]


def test_another_team_needs_another_name(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota())
    resource.update(quota(team="inference"))
    assert "the team of the ComputeQuota research cannot change: use another Name" in resource.failures[0]
    assert [policy["ComputeQuotaTarget"]["TeamName"] for policy in client.alive] == ["research"]
    resource.update(quota(team="inference", name="inference"))
    assert [policy["ComputeQuotaTarget"]["TeamName"] for policy in client.alive] == ["inference"]


def test_a_create_waits_for_the_deletion_of_its_predecessor(client: FakeSageMaker) -> None:
    resource = Resource(client)
    resource.create(quota("4"))
    client._delete("ComputeQuota", {"ComputeQuotaId": resource.physical_id})
    resource.create(quota("5"))
    assert [(policy["id"], weight(policy)) for policy in client.alive] == [(resource.physical_id, 5)]


def test_an_operation_that_lasts_too_long_is_a_failure(client: FakeSageMaker) -> None:
    response = call(client, request("Create", quota()), Context(35_000))
    assert response.failure == "SageMaker still reports Creating, and no time is left: deploy again"


def test_neither_log_nor_output_has_a_payload(client: FakeSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    client.failures["Create"] = "secret reason"
    response = call(client, request("Create", quota()))
    assert response.failure is not None
    text = "".join(capsys.readouterr())
    assert text == "Create of not-created failed: GovernanceError\n"


def test_marks_differ_by_stack_and_resource(client: FakeSageMaker) -> None:
    call(client, request("Create", quota()))
    call(client, request("Create", quota(name="b", team="b"), StackId=STACK + "2"))
    call(client, request("Create", quota(name="c", team="c"), LogicalResourceId="Other"))
    assert len({policy["Tags"][0]["Value"] for policy in client.alive}) == 3


def test_a_request_of_another_type_is_a_failure(client: FakeSageMaker) -> None:
    assert call(client, request("Create", quota(), ResourceType="Custom::Other")).failure == "KeyError"
