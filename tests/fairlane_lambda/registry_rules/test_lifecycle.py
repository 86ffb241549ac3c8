"""Rules of one resource from creation to deletion, and unchanged rules of others."""

import pytest

from tests.fairlane_lambda.registry_rules.cloudformation import STACK, Resource, call, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import (
    MARK,
    FakeRegistry,
    client_error,
    is_marked,
    raises,
    rule,
)
from tests.fairlane_lambda.stack_resource import Killed

OTHER_RULES = (
    rule("ml/"),
    rule(None, "eu-west-1", "us-west-2", deleteReplication={"enabled": True}),
    rule("ml/", "ap-south-1", futureField={"mode": ["a", None, 1.5]}),
)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry(*OTHER_RULES)


@pytest.fixture
def resource(registry: FakeRegistry) -> Resource:
    return Resource(registry, "Rules")


def test_rules_are_added_after_the_other_rules_with_a_mark(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("train/", "eu-west-1", "us-west-2")))
    assert registry.rules[:3] == list(OTHER_RULES)
    (new_rule,) = registry.rules[3:]
    assert new_rule["destinations"] == rule("train/", "eu-west-1", "us-west-2")["destinations"]
    assert new_rule["repositoryFilters"] == [
        {"filter": "train/", "filterType": "PREFIX_MATCH"},
        {"filter": resource.physical_id, "filterType": "PREFIX_MATCH"},
    ]
    assert resource.physical_id.startswith(MARK)
    assert new_rule.keys() == {"destinations", "repositoryFilters"}


def test_other_fields_of_the_configuration_are_kept(registry: FakeRegistry, resource: Resource) -> None:
    registry.configuration = {"futureMode": "x", "rules": [], "futureRules": [1]}
    resource.create(properties(rule()))
    assert {**registry.configuration, "rules": []} == {"futureMode": "x", "rules": [], "futureRules": [1]}
    assert list(registry.configuration) == ["futureMode", "rules", "futureRules"]


def test_a_registry_without_rules() -> None:
    registry = FakeRegistry()
    registry.configuration = {}
    Resource(registry, "Rules").create(properties(rule()))
    assert len(registry.rules) == 1


def test_an_identical_rule_of_others_is_neither_used_nor_removed(registry: FakeRegistry, resource: Resource) -> None:
    before = registry.other_rules
    resource.create(properties(rule("ml/")))
    assert registry.marked_rules(resource.physical_id) == [rule("ml/")]
    resource.delete()
    assert registry.other_rules == before
    assert not any(map(is_marked, registry.rules))


def test_an_update_changes_only_changed_rules(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/"), rule("b/")))
    registry.rules[3]["deleteReplication"] = {"enabled": True}
    registry.store({"rules": [*registry.rules, rule("later/")]})
    resource.update(properties(rule("c/"), rule("a/")))
    assert registry.marked_rules(resource.physical_id) == [rule("a/", deleteReplication={"enabled": True}), rule("c/")]
    assert [item for item in registry.rules if not is_marked(item)] == [*OTHER_RULES, rule("later/")]


def test_another_order_of_destinations_and_filters_is_no_change(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/", "eu-west-1", "us-west-2")))
    for names in registry.rules[3].values():
        names.reverse()
    registry.rules[3]["destinations"][0]["futureField"] = {}
    writes = registry.writes
    resource.update(properties(rule("a/", "us-west-2", "eu-west-1")))
    assert registry.writes == writes
    assert resource.failures == []


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_repeated_request_writes_nothing(registry: FakeRegistry, kind: str) -> None:
    event = request(kind, properties(rule("a/")), OldResourceProperties=properties(rule("b/")))
    call(registry, event)
    writes, rules = registry.writes, registry.rules
    assert call(registry, event).failure is None
    assert (registry.writes, registry.rules) == (writes, rules)


def test_a_duplicate_rule_is_added_once(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/", "eu-west-1", "us-west-2"), rule("a/", "us-west-2", "eu-west-1")))
    assert len(registry.marked_rules(resource.physical_id)) == 1


@pytest.mark.parametrize("stack", [STACK, STACK.replace("1b2c", "9f8e")])
def test_two_resources_with_the_same_owner_and_rules_have_their_own_rules(registry: FakeRegistry, stack: str) -> None:
    first, second = Resource(registry, "Rules"), Resource(registry, "Rules" if stack != STACK else "Other", stack)
    first.create(properties(rule("a/")))
    second.create(properties(rule("a/")))
    first.delete()
    assert registry.marked_rules(second.physical_id) == [rule("a/")]
    second.delete()
    assert registry.rules == list(OTHER_RULES)


def test_another_owner_replaces_the_resource(registry: FakeRegistry, resource: Resource) -> None:
    resource.create(properties(rule("a/"), rule("b/")))
    before = resource.physical_id
    resource.update(properties(rule("a/"), owner="Train/New"))
    assert resource.physical_id != before
    assert registry.marked_rules(before) == []
    assert registry.marked_rules(resource.physical_id) == [rule("a/")]


def test_a_replacement_never_has_its_rules_twice(resource: Resource) -> None:
    resource.registry = FakeRegistry(*(rule(f"other{number}/") for number in range(8)))
    resource.create(properties(rule("a/"), rule("b/")))
    resource.update(properties(rule("a/"), rule("c/"), owner="Train/New"))
    assert resource.failures == []
    assert resource.registry.marked_rules(resource.physical_id) == [rule("a/"), rule("c/")]


@pytest.mark.parametrize("owner", ["Train/Registry", "Train/New"])
def test_an_update_that_is_rolled_back_restores_the_rules(
    registry: FakeRegistry, resource: Resource, owner: str
) -> None:
    resource.create(properties(rule("a/")))
    before, physical_id = registry.other_rules, resource.physical_id
    resource.update(properties(rule("b/"), rule("c/"), owner=owner), fails_elsewhere=True)
    assert resource.physical_id == physical_id
    assert registry.marked_rules(physical_id) == [rule("a/")]
    assert (len(registry.rules), registry.other_rules) == (4, before)


@pytest.mark.parametrize("hook", ["before_read", "before_write", "after_write"])
@pytest.mark.parametrize("retried", [True, False])
def test_a_killed_create(registry: FakeRegistry, resource: Resource, hook: str, retried: bool) -> None:
    resource.retried = retried
    getattr(registry, hook).append(raises(Killed()))
    resource.create(properties(rule("ml/")))
    assert registry.rules[:3] == list(OTHER_RULES)
    assert len(registry.rules) == (4 if retried else 3)
    if retried:
        resource.delete()
    assert registry.rules == list(OTHER_RULES)


@pytest.mark.parametrize("hook", ["before_read", "before_write", "after_write"])
@pytest.mark.parametrize("retried", [True, False])
def test_a_killed_update(registry: FakeRegistry, resource: Resource, hook: str, retried: bool) -> None:
    resource.create(properties(rule("a/")))
    resource.retried = retried
    getattr(registry, hook).append(raises(Killed()))
    resource.update(properties(rule("b/"), owner="Train/New"))
    assert registry.marked_rules(resource.physical_id) == [rule("b/" if retried else "a/")]
    assert len(registry.rules) == 4


def test_a_partly_failed_create_is_cleaned_up(registry: FakeRegistry, resource: Resource) -> None:
    registry.after_write.append(raises(client_error("AccessDeniedException", 400)))
    resource.create(properties(rule("a/")))
    assert resource.failures == ["AccessDeniedException: AWS's words"]
    assert registry.rules == list(OTHER_RULES)


@pytest.mark.parametrize("malformed", [{}, {"Owner": 5, "Rules": "none"}, None])
def test_the_delete_of_a_resource_without_rules(registry: FakeRegistry, malformed: object) -> None:
    response = call(registry, request("Delete", malformed, PhysicalResourceId="train-Rules-1A2B3C"))  # type: ignore[arg-type]
    assert response == ("train-Rules-1A2B3C", None)
    assert registry.writes == 0


def test_a_failed_update_keeps_the_physical_id(registry: FakeRegistry) -> None:
    response = call(registry, request("Update", properties(owner=""), PhysicalResourceId="current-id"))
    assert response.physical_id == "current-id"
    assert response.failure is not None
