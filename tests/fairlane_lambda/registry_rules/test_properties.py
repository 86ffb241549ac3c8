"""Several resources and another writer in any order, with failures: each keeps its own rules."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fairlane_lambda.registry_rules.cloudformation import STACK, Resource, properties
from tests.fairlane_lambda.registry_rules.fake_registry import (
    FakeRegistry,
    Rule,
    client_error,
    is_marked,
    modeled_fields,
    raises,
)
from tests.fairlane_lambda.registry_rules.fake_registry import rule as make
from tests.fairlane_lambda.stack_resource import Killed

_PREFIXES = st.sampled_from(["ml/", "ml/train/", "fairlane/"])
_REGIONS = st.lists(st.sampled_from(["eu-west-1", "us-west-2", "ap-south-1"]), min_size=1, max_size=3, unique=True)
_RESOURCE_RULES = st.builds(lambda prefix, regions: make(prefix, *regions), _PREFIXES, _REGIONS)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "deleteReplication": st.builds(lambda enabled: {"enabled": enabled}, st.booleans()),
        "futureField": st.sampled_from([None, 0.5, {"b": 1, "a": [True]}]),
    },
)
_OTHER_RULES = st.builds(
    lambda prefix, regions, fields: make(prefix, *regions, **fields), st.none() | _PREFIXES, _REGIONS, _FIELDS
)
_PROPERTIES = st.builds(
    lambda rules, owner: properties(*rules, owner=owner),
    st.lists(_RESOURCE_RULES, max_size=2),
    st.sampled_from(["a", "b"]),
)
_ERRORS: Any = st.sampled_from([None, Killed(), client_error("ThrottlingException", 400), client_error("Denied", 400)])
_HOOKS = st.sampled_from(["before_read", "before_write", "after_write"])
_OTHER_RULE_LISTS = st.lists(_OTHER_RULES, max_size=3)


class RegistryMachine(RuleBasedStateMachine):
    """Three resources, two of them equal except for their stacks, and another writer that replaces all other rules."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = FakeRegistry()
        self.other_rules: list[Rule] = []
        self.resources = [
            Resource(self.registry, "Rules"),
            Resource(self.registry, "Other"),
            Resource(self.registry, "Rules", STACK.replace("1b2c", "9f8e")),
        ]

    @rule(other_rules=_OTHER_RULE_LISTS)
    def other_writer_writes(self, other_rules: list[Rule]) -> None:
        self._write_other_rules(other_rules, self.registry.rules)

    @rule(number=st.integers(0, 2), new_properties=_PROPERTIES, hook=_HOOKS, error=_ERRORS, retried=st.booleans())
    def create(self, number: int, new_properties: Any, hook: str, error: Any, retried: bool) -> None:
        resource = self.resources[number]
        if resource.properties is None:
            self._add_hook(resource, hook, error, retried)
            resource.create(new_properties)
            self._clear_hooks()

    @rule(
        number=st.integers(0, 2),
        new_properties=_PROPERTIES,
        hook=_HOOKS,
        error=_ERRORS,
        retried=st.booleans(),
        fails_elsewhere=st.booleans(),
    )
    def update(
        self, number: int, new_properties: Any, hook: str, error: Any, retried: bool, fails_elsewhere: bool
    ) -> None:
        resource = self.resources[number]
        if resource.properties is not None:
            self._add_hook(resource, hook, error, retried)
            resource.update(new_properties, fails_elsewhere=fails_elsewhere)
            self._clear_hooks()

    @rule(number=st.integers(0, 2))
    def delete(self, number: int) -> None:
        if self.resources[number].properties is not None:
            self.resources[number].delete()

    @rule(other_rules=_OTHER_RULE_LISTS, writes_again=st.booleans())
    @precondition(lambda self: self._created())
    def other_writer_writes_between_read_and_write(self, other_rules: list[Rule], writes_again: bool) -> None:
        """The write is lost, unless the other writer writes again."""
        before = self.other_rules

        def hook() -> None:
            self._write_other_rules(other_rules, self.registry.rules)

        self.registry.before_write.append(hook)
        self._created()[0].delete()
        is_lost = not self.registry.before_write
        self._clear_hooks()
        if is_lost:
            self.other_rules = before
        if writes_again:
            self._write_other_rules(other_rules, self.registry.rules)

    @rule(other_rules=_OTHER_RULE_LISTS, new_properties=_PROPERTIES)
    @precondition(lambda self: self._created())
    def other_writer_reads_before_and_writes_after_the_write(
        self, other_rules: list[Rule], new_properties: Any
    ) -> None:
        read: list[Rule] = []
        self.registry.before_write.append(lambda: read.extend(self.registry.rules))
        self.registry.after_write.append(lambda: self._write_other_rules(other_rules, read))
        self._created()[0].update(new_properties)
        self._clear_hooks()

    @invariant()
    def other_rules_are_unchanged(self) -> None:
        assert self.registry.other_rules == json.dumps(self.other_rules)

    @invariant()
    def each_resource_has_exactly_its_rules(self) -> None:
        marked = 0
        for resource in self._created():
            expected = {json.dumps(_sorted(item)) for item in resource.properties["Rules"]}  # type: ignore[index]
            actual = [json.dumps(_sorted(item)) for item in self.registry.marked_rules(resource.physical_id)]
            assert sorted(actual) == sorted(expected)
            marked += len(actual)
        assert marked == sum(map(is_marked, self.registry.rules))

    def teardown(self) -> None:
        for resource in self._created():
            resource.delete()
        assert json.dumps(self.registry.rules) == json.dumps(self.other_rules)

    def _created(self) -> list[Resource]:
        return [resource for resource in self.resources if resource.properties is not None]

    def _add_hook(self, resource: Resource, hook: str, error: Any, retried: bool) -> None:
        resource.retried = retried
        if error is not None:
            getattr(self.registry, hook).append(raises(error))

    def _clear_hooks(self) -> None:
        for hooks in (self.registry.before_read, self.registry.before_write, self.registry.after_write):
            hooks.clear()

    def _write_other_rules(self, other_rules: list[Rule], read: list[Rule]) -> None:
        """Write other rules before the marked rules that were read before. The marked rules keep their order."""
        self.registry.store({"rules": [*other_rules, *(item for item in read if is_marked(item))]})
        self.other_rules = other_rules


def _sorted(rule: Rule) -> Rule:
    sorted_rule: Rule = {
        name: sorted(modeled_fields(members), key=json.dumps)
        for name, members in rule.items()
        if isinstance(members, list)
    }
    return sorted_rule


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=60, stateful_step_count=15)
