"""Whatever several owners and an outsider do, in whatever order and whatever breaks: everybody has what is theirs."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fairlane_lambda.registry_rules.cloudformation import STACK, Resource, properties
from tests.fairlane_lambda.registry_rules.fake_registry import (
    FakeRegistry,
    Killed,
    Rule,
    client_error,
    is_marked,
    known,
    raises,
)
from tests.fairlane_lambda.registry_rules.fake_registry import rule as make

_PREFIXES = st.sampled_from(["ml/", "ml/train/", "fairlane/"])
_REGIONS = st.lists(st.sampled_from(["eu-west-1", "us-west-2", "ap-south-1"]), min_size=1, max_size=3, unique=True)
_OURS = st.builds(lambda prefix, regions: make(prefix, *regions), _PREFIXES, _REGIONS)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "deleteReplication": st.builds(lambda enabled: {"enabled": enabled}, st.booleans()),
        "futureField": st.sampled_from([None, 0.5, {"b": 1, "a": [True]}]),
    },
)
_THEIRS = st.builds(
    lambda prefix, regions, fields: make(prefix, *regions, **fields), st.none() | _PREFIXES, _REGIONS, _FIELDS
)
_WANTED = st.builds(
    lambda rules, owner: properties(*rules, owner=owner), st.lists(_OURS, max_size=2), st.sampled_from(["a", "b"])
)
_BREAKS: Any = st.sampled_from([None, Killed(), client_error("ThrottlingException", 400), client_error("Denied", 400)])
_MOMENTS = st.sampled_from(["before_read", "before_write", "after_write"])
_OUTSIDER = st.lists(_THEIRS, max_size=3)


class Registers(RuleBasedStateMachine):
    """Three resources, two of them alike but for their stacks, and somebody who replaces all rules of others."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = FakeRegistry()
        self.theirs: list[Rule] = []
        self.resources = [
            Resource(self.registry, "Rules"),
            Resource(self.registry, "Other"),
            Resource(self.registry, "Rules", STACK.replace("1b2c", "9f8e")),
        ]

    @rule(theirs=_OUTSIDER)
    def outsider_writes(self, theirs: list[Rule]) -> None:
        self._outsider(theirs, self.registry.rules)

    @rule(number=st.integers(0, 2), wanted=_WANTED, moment=_MOMENTS, error=_BREAKS, again=st.booleans())
    def create(self, number: int, wanted: Any, moment: str, error: Any, again: bool) -> None:
        resource = self.resources[number]
        if resource.properties is None:
            self._break(resource, moment, error, again)
            resource.create(wanted)
            self._heal()

    @rule(
        number=st.integers(0, 2),
        wanted=_WANTED,
        moment=_MOMENTS,
        error=_BREAKS,
        again=st.booleans(),
        fails_elsewhere=st.booleans(),
    )
    def update(self, number: int, wanted: Any, moment: str, error: Any, again: bool, fails_elsewhere: bool) -> None:
        resource = self.resources[number]
        if resource.properties is not None:
            self._break(resource, moment, error, again)
            resource.update(wanted, fails_elsewhere=fails_elsewhere)
            self._heal()

    @rule(number=st.integers(0, 2))
    def delete(self, number: int) -> None:
        if self.resources[number].properties is not None:
            self.resources[number].delete()

    @rule(theirs=_OUTSIDER, looks_again=st.booleans())
    @precondition(lambda self: self._made())
    def outsider_writes_between_our_reading_and_writing(self, theirs: list[Rule], looks_again: bool) -> None:
        """It is lost, but for one who looks again, and writes again."""
        before = self.theirs

        def happen() -> None:
            self._outsider(theirs, self.registry.rules)

        self.registry.before_write.append(happen)
        self._made()[0].delete()
        is_lost = not self.registry.before_write
        self._heal()
        if is_lost:
            self.theirs = before
        if looks_again:
            self._outsider(theirs, self.registry.rules)

    @rule(theirs=_OUTSIDER, wanted=_WANTED)
    @precondition(lambda self: self._made())
    def outsider_reads_before_our_writing_and_writes_after_it(self, theirs: list[Rule], wanted: Any) -> None:
        read: list[Rule] = []
        self.registry.before_write.append(lambda: read.extend(self.registry.rules))
        self.registry.after_write.append(lambda: self._outsider(theirs, read))
        self._made()[0].update(wanted)
        self._heal()

    @invariant()
    def others_have_what_was_theirs(self) -> None:
        assert self.registry.others == json.dumps(self.theirs)

    @invariant()
    def each_resource_has_its_rules_and_no_others(self) -> None:
        marked = 0
        for resource in self._made():
            wanted = {json.dumps(_sorted(each)) for each in resource.properties["Rules"]}  # type: ignore[index]
            found = [json.dumps(_sorted(each)) for each in self.registry.of(resource.physical_id)]
            assert sorted(found) == sorted(wanted)
            marked += len(found)
        assert marked == sum(map(is_marked, self.registry.rules))

    def teardown(self) -> None:
        for resource in self._made():
            resource.delete()
        assert json.dumps(self.registry.rules) == json.dumps(self.theirs)

    def _made(self) -> list[Resource]:
        return [resource for resource in self.resources if resource.properties is not None]

    def _break(self, resource: Resource, moment: str, error: Any, again: bool) -> None:
        resource.again = again
        if error is not None:
            getattr(self.registry, moment).append(raises(error))

    def _heal(self) -> None:
        for moments in (self.registry.before_read, self.registry.before_write, self.registry.after_write):
            moments.clear()

    def _outsider(self, theirs: list[Rule], read: list[Rule]) -> None:
        """Puts other rules of theirs before ours, as it had read them; ours stay in their order."""
        self.registry.store({"rules": [*theirs, *(each for each in read if is_marked(each))]})
        self.theirs = theirs


def _sorted(rule: Rule) -> Rule:
    sorted_rule: Rule = {
        name: sorted(known(members), key=json.dumps) for name, members in rule.items() if isinstance(members, list)
    }
    return sorted_rule


TestRegisters = Registers.TestCase
TestRegisters.settings = settings(max_examples=60, stateful_step_count=15)
