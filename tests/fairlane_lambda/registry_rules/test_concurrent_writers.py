"""Who writes at the same time, in a time of its own: containers wait for each other's calls, and nobody sleeps."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from threading import Semaphore, Thread
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.registry_rules import handler
from tests.fairlane_lambda.registry_rules.cloudformation import (
    STACK,
    Context,
    Event,
    call,
    container,
    properties,
    request,
)
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, Rule, is_marked, rule

# As long as the client waits, there and back: to connect, and for the answer.
SLOWEST_CALL = 4.0


class World:
    """Runs threads one at a time, each to its next wait, in the order of a clock that jumps."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Semaphore]] = []
        self._order = count()
        self._back = Semaphore(0)

    def wait(self, seconds: float) -> None:
        mine = Semaphore(0)
        heappush(self._due, (self._now + seconds, next(self._order), mine))
        self._back.release()
        mine.acquire()

    def run(self, *works: Callable[[], None]) -> None:
        def thread(work: Callable[[], None]) -> None:
            self.wait(0)
            try:
                work()
            finally:
                self._back.release()

        threads = [Thread(target=thread, args=(work,), daemon=True) for work in works]
        for each in threads:
            each.start()
            self._back.acquire()
        while self._due:
            self._now, _, its = heappop(self._due)
            its.release()
            self._back.acquire()
        for each in threads:
            each.join()


class SlowRegistry(FakeRegistry):
    """A registry whose calls take their time, a part of it before they have an effect and the rest after."""

    def __init__(self, world: World, seed: int, slowest: float, *rules: Rule) -> None:
        super().__init__(*rules)
        self._world = world
        self._random = Random(seed)
        self._slowest = slowest

    def read(self) -> dict[str, Any]:
        after = self._wait_before()
        configuration = deepcopy(self.configuration)
        self._world.wait(after)
        return configuration

    def write(self, configuration: dict[str, Any]) -> None:
        after = self._wait_before()
        self.store(configuration)
        self._world.wait(after)

    def _wait_before(self) -> float:
        """Waits; returns how long to wait after the effect. The extremes are as likely as all between them."""
        whole = self._slowest * self._random.choice([1.0, self._random.random()])
        before = whole * self._random.choice([0.0, 1.0, self._random.random()])
        self._world.wait(before)
        return whole - before


def run(resources: Sequence[tuple[bool, float]], seed: int, slowest: float) -> list[str]:
    """Resources that are made or, if not, deleted, each from a time on; returns the reasons of those that failed.

    Those that succeeded have what they asked for in the end, and others what was theirs.
    """
    theirs = (rule("ml/"), rule(None, deleteReplication={"enabled": True}))
    before = FakeRegistry(*theirs)
    events = []
    for number, (is_made, _) in enumerate(resources):
        stack = STACK.replace("1b2c", str(number))
        event = request("Create", properties(rule("ml/")), stack=stack)
        if not is_made:
            physical_id = call(before, event).physical_id
            event = request("Delete", properties(rule("ml/")), stack=stack, PhysicalResourceId=physical_id)
        events.append(event)
    world = World()
    registry = SlowRegistry(world, seed, slowest, *before.rules)
    answers: list[tuple[str, str, str | None]] = []

    def work(event: Event, starts: float) -> None:
        world.wait(starts)
        handler.handler(event, Context(180_000))

    def answer(event: Event, physical_id: str, failure: str | None) -> None:
        answers.append((event["RequestType"], physical_id, failure))

    with (
        container(registry),
        patch.object(handler, "_sleep", world.wait),
        patch.object(handler, "answer", answer),
    ):
        world.run(*(partial(work, event, starts) for event, (_, starts) in zip(events, resources, strict=True)))
    assert len(answers) == len(resources)
    for kind, physical_id, failure in answers:
        if failure is None:
            assert registry.of(physical_id) == ([rule("ml/")] if kind == "Create" else [])
    assert [each for each in registry.rules if not is_marked(each)] == list(theirs)
    return [failure for _, _, failure in answers if failure is not None]


_RESOURCES = st.lists(st.tuples(st.booleans(), st.floats(0, 20)), min_size=2, max_size=4)
_SEEDS = st.integers(0, 2**32)


@given(_RESOURCES, _SEEDS)
def test_resources_do_not_lose_their_rules_to_each_other(resources: list[tuple[bool, float]], seed: int) -> None:
    for failure in run(resources, seed, SLOWEST_CALL):
        assert failure.startswith("the rules did not stay in the registry")


@given(st.lists(st.booleans(), min_size=2, max_size=4), _SEEDS)
def test_those_that_start_together_succeed_at_the_usual_speed(made: list[bool], seed: int) -> None:
    assert run([(is_made, 0) for is_made in made], seed, 0.3) == []


def test_what_settles_is_longer_than_reading_and_writing() -> None:
    assert handler._SETTLE_SECONDS >= 2 * SLOWEST_CALL


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_rules_that_somebody_wrote_over_are_put_again(kind: str) -> None:
    registry = FakeRegistry(rule("theirs/"))
    if kind != "Create":
        call(registry, request("Create", properties(rule("a/"))))
    stale = [*registry.rules, rule("new/")]
    registry.after_write.append(lambda: registry.store({"rules": stale}))
    wanted = [] if kind == "Delete" else [rule("b/")]
    answer = call(registry, request(kind, properties(*wanted), OldResourceProperties=properties(rule("a/"))))
    assert answer.failure is None
    assert registry.of(answer.physical_id) == wanted
    assert [each for each in registry.rules if not is_marked(each)] == [rule("theirs/"), rule("new/")]


def test_somebody_who_writes_over_and_over_wins_and_that_is_told() -> None:
    registry = FakeRegistry(rule("theirs/"))
    registry.after_write.extend([lambda: registry.store({"rules": [rule("theirs/")]})] * 99)
    answer = call(registry, request("Create", properties(rule("a/"))))
    assert answer.failure is not None
    assert answer.failure.startswith("the rules did not stay in the registry as they were written: somebody else")
    assert registry.writes == 5


def test_what_is_written_between_a_reading_and_the_writing_is_lost_and_nothing_else() -> None:
    """ECR writes on no condition: this is as well as it can be done."""
    registry = FakeRegistry(rule("theirs/"))
    registry.before_write.append(lambda: registry.store({"rules": [*registry.rules, rule("new/")]}))
    answer = call(registry, request("Create", properties(rule("a/"))))
    assert answer.failure is None
    assert [each for each in registry.rules if not is_marked(each)] == [rule("theirs/")]
