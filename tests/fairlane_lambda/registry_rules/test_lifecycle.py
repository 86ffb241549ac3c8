"""What one resource puts, changes and takes away, and what it leaves alone."""

import pytest

from tests.fairlane_lambda.registry_rules.cloudformation import STACK, Resource, call, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import (
    MARK,
    FakeRegistry,
    Killed,
    client_error,
    is_marked,
    raises,
    rule,
)

THEIRS = (
    rule("ml/"),
    rule(None, "eu-west-1", "us-west-2", deleteReplication={"enabled": True}),
    rule("ml/", "ap-south-1", futureField={"mode": ["a", None, 1.5]}),
)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry(*THEIRS)


@pytest.fixture
def resource(registry: FakeRegistry) -> Resource:
    return Resource(registry, "Rules")


def test_rules_are_put_after_those_of_others_with_a_mark(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("train/", "eu-west-1", "us-west-2")))
    assert registry.rules[:3] == list(THEIRS)
    (made,) = registry.rules[3:]
    assert made["destinations"] == rule("train/", "eu-west-1", "us-west-2")["destinations"]
    assert made["repositoryFilters"] == [
        {"filter": "train/", "filterType": "PREFIX_MATCH"},
        {"filter": resource.physical_id, "filterType": "PREFIX_MATCH"},
    ]
    assert resource.physical_id.startswith(MARK)
    assert made.keys() == {"destinations", "repositoryFilters"}


def test_what_else_a_configuration_has_is_kept(registry: FakeRegistry, resource: Resource) -> None:
    registry.configuration = {"futureMode": "x", "rules": [], "futureRules": [1]}
    resource.create(properties(rule()))
    assert {**registry.configuration, "rules": []} == {"futureMode": "x", "rules": [], "futureRules": [1]}
    assert list(registry.configuration) == ["futureMode", "rules", "futureRules"]


def test_a_registry_that_never_had_rules() -> None:
    registry = FakeRegistry()
    registry.configuration = {}
    Resource(registry, "Rules").create(properties(rule()))
    assert len(registry.rules) == 1


def test_a_rule_of_somebody_else_that_is_alike_is_neither_counted_nor_removed(
    registry: FakeRegistry, resource: Resource
) -> None:
    before = registry.others
    resource.create(properties(rule("ml/")))
    assert registry.of(resource.physical_id) == [rule("ml/")]
    resource.delete()
    assert registry.others == before
    assert not any(map(is_marked, registry.rules))


def test_an_update_changes_what_has_changed(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/"), rule("b/")))
    registry.rules[3]["deleteReplication"] = {"enabled": True}
    registry.store({"rules": [*registry.rules, rule("later/")]})
    resource.update(properties(rule("c/"), rule("a/")))
    assert registry.of(resource.physical_id) == [rule("a/", deleteReplication={"enabled": True}), rule("c/")]
    assert [each for each in registry.rules if not is_marked(each)] == [*THEIRS, rule("later/")]


def test_the_order_in_which_ecr_gives_destinations_and_filters_is_no_change(
    registry: FakeRegistry, resource: Resource
) -> None:
    resource.create(properties(rule("a/", "eu-west-1", "us-west-2")))
    for names in registry.rules[3].values():
        names.reverse()
    registry.rules[3]["destinations"][0]["futureField"] = {}
    writes = registry.writes
    resource.update(properties(rule("a/", "us-west-2", "eu-west-1")))
    assert registry.writes == writes
    assert resource.failures == []


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_request_that_comes_again_writes_nothing(registry: FakeRegistry, kind: str) -> None:
    event = request(kind, properties(rule("a/")), OldResourceProperties=properties(rule("b/")))
    call(registry, event)
    writes, rules = registry.writes, registry.rules
    assert call(registry, event).failure is None
    assert (registry.writes, registry.rules) == (writes, rules)


def test_a_rule_given_twice_is_put_once(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/", "eu-west-1", "us-west-2"), rule("a/", "us-west-2", "eu-west-1")))
    assert len(registry.of(resource.physical_id)) == 1


@pytest.mark.parametrize("stack", [STACK, STACK.replace("1b2c", "9f8e")])
def test_two_resources_with_the_same_owner_and_rules_know_their_own(registry: FakeRegistry, stack: str) -> None:
    first, second = Resource(registry, "Rules"), Resource(registry, "Rules" if stack != STACK else "Other", stack)
    first.create(properties(rule("a/")))
    second.create(properties(rule("a/")))
    first.delete()
    assert registry.of(second.physical_id) == [rule("a/")]
    second.delete()
    assert registry.rules == list(THEIRS)


def test_another_owner_replaces_the_resource(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/"), rule("b/")))
    before = resource.physical_id
    resource.update(properties(rule("a/"), owner="Train/New"))
    assert resource.physical_id != before
    assert registry.of(before) == []
    assert registry.of(resource.physical_id) == [rule("a/")]


def test_a_replacement_has_its_rules_once_when_there_is_room_for_no_more(resource: Resource) -> None:
    resource.registry = FakeRegistry(*(rule(f"theirs{number}/") for number in range(8)))
    resource.create(properties(rule("a/"), rule("b/")))
    resource.update(properties(rule("a/"), rule("c/"), owner="Train/New"))
    assert resource.failures == []
    assert resource.registry.of(resource.physical_id) == [rule("a/"), rule("c/")]


@pytest.mark.parametrize("owner", ["Train/Registry", "Train/New"])
def test_an_update_that_is_rolled_back_leaves_no_trace(registry: FakeRegistry, resource: Resource, owner: str) -> None:
    resource.create(properties(rule("a/")))
    before, physical_id = registry.others, resource.physical_id
    resource.update(properties(rule("b/"), rule("c/"), owner=owner), fails_elsewhere=True)
    assert resource.physical_id == physical_id
    assert registry.of(physical_id) == [rule("a/")]
    assert (len(registry.rules), registry.others) == (4, before)


@pytest.mark.parametrize("moment", ["before_read", "before_write", "after_write"])
@pytest.mark.parametrize("again", [True, False])
def test_a_create_that_is_killed(registry: FakeRegistry, resource: Resource, moment: str, again: bool) -> None:
    resource.again = again
    getattr(registry, moment).append(raises(Killed()))
    resource.create(properties(rule("ml/")))
    assert registry.rules[:3] == list(THEIRS)
    assert len(registry.rules) == (4 if again else 3)
    if again:
        resource.delete()
    assert registry.rules == list(THEIRS)


@pytest.mark.parametrize("moment", ["before_read", "before_write", "after_write"])
@pytest.mark.parametrize("again", [True, False])
def test_an_update_that_is_killed(registry: FakeRegistry, resource: Resource, moment: str, again: bool) -> None:
    resource.create(properties(rule("a/")))
    resource.again = again
    getattr(registry, moment).append(raises(Killed()))
    resource.update(properties(rule("b/"), owner="Train/New"))
    assert registry.of(resource.physical_id) == [rule("b/" if again else "a/")]
    assert len(registry.rules) == 4


def test_a_create_that_failed_half_way_is_cleaned_up(registry: FakeRegistry, resource: Resource) -> None:
    registry.after_write.append(raises(client_error("AccessDeniedException", 400)))
    resource.create(properties(rule("a/")))
    assert resource.failures == ["AccessDeniedException: AWS's words"]
    assert registry.rules == list(THEIRS)


@pytest.mark.parametrize("wanted", [{}, {"Owner": 5, "Rules": "none"}, None])
def test_the_delete_of_a_resource_that_never_was(registry: FakeRegistry, wanted: object) -> None:
    answer = call(registry, request("Delete", wanted, PhysicalResourceId="train-Rules-1A2B3C"))  # type: ignore[arg-type]
    assert answer == ("train-Rules-1A2B3C", None)
    assert registry.writes == 0


def test_an_update_that_fails_keeps_its_physical_id(registry: FakeRegistry) -> None:
    answer = call(registry, request("Update", properties(owner=""), PhysicalResourceId="mine"))
    assert answer.physical_id == "mine"
    assert answer.failure is not None
