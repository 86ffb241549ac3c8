"""Concurrent writers on a simulated clock: containers run one at a time, and no test sleeps."""

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
    call,
    container,
    properties,
    request,
)
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, Rule, is_marked, rule
from tests.fairlane_lambda.stack_resource import Event

# Sum of the client's timeouts: to connect, and for the response.
SLOWEST_CALL = 4.0


class World:
    """Threads that run one at a time, each to its next wait, in the order of a simulated clock."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Semaphore]] = []
        self._order = count()
        self._back = Semaphore(0)

    def wait(self, seconds: float) -> None:
        semaphore = Semaphore(0)
        heappush(self._due, (self._now + seconds, next(self._order), semaphore))
        self._back.release()
        semaphore.acquire()

    def run(self, *works: Callable[[], None]) -> None:
        def thread(work: Callable[[], None]) -> None:
            self.wait(0)
            try:
                work()
            finally:
                self._back.release()

        threads = [Thread(target=thread, args=(work,), daemon=True) for work in works]
        for worker in threads:
            worker.start()
            self._back.acquire()
        while self._due:
            self._now, _, semaphore = heappop(self._due)
            semaphore.release()
            self._back.acquire()
        for worker in threads:
            worker.join()


class SlowRegistry(FakeRegistry):
    """Registry whose calls take time, a part before their effect and the rest after it."""

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
        """Wait, and return the wait after the effect. The extremes are as likely as all other values together."""
        total = self._slowest * self._random.choice([1.0, self._random.random()])
        before = total * self._random.choice([0.0, 1.0, self._random.random()])
        self._world.wait(before)
        return total - before


def run(resources: Sequence[tuple[bool, float]], seed: int, slowest: float) -> list[str]:
    """Create or delete resources, each from its start time, and return the reasons of the failures.

    At the end, each successful resource has its rules, and the rules of others are unchanged.
    """
    other_rules = (rule("ml/"), rule(None, deleteReplication={"enabled": True}))
    before = FakeRegistry(*other_rules)
    events = []
    for number, (is_create, _) in enumerate(resources):
        stack = STACK.replace("1b2c", str(number))
        event = request("Create", properties(rule("ml/")), stack=stack)
        if not is_create:
            physical_id = call(before, event).physical_id
            event = request("Delete", properties(rule("ml/")), stack=stack, PhysicalResourceId=physical_id)
        events.append(event)
    world = World()
    registry = SlowRegistry(world, seed, slowest, *before.rules)
    responses: list[tuple[str, str, str | None]] = []

    def work(event: Event, starts: float) -> None:
        world.wait(starts)
        handler.handler(event, Context(180_000))

    def send_response(event: Event, physical_id: str, failure: str | None) -> None:
        responses.append((event["RequestType"], physical_id, failure))

    with (
        container(registry),
        patch.object(handler, "_sleep", world.wait),
        patch.object(handler, "send_response", send_response),
    ):
        world.run(*(partial(work, event, starts) for event, (_, starts) in zip(events, resources, strict=True)))
    assert len(responses) == len(resources)
    for kind, physical_id, failure in responses:
        if failure is None:
            assert registry.marked_rules(physical_id) == ([rule("ml/")] if kind == "Create" else [])
    assert [item for item in registry.rules if not is_marked(item)] == list(other_rules)
    return [failure for _, _, failure in responses if failure is not None]


_RESOURCES = st.lists(st.tuples(st.booleans(), st.floats(0, 20)), min_size=2, max_size=4)
_SEEDS = st.integers(0, 2**32)


@given(_RESOURCES, _SEEDS)
def test_resources_do_not_lose_their_rules_to_each_other(resources: list[tuple[bool, float]], seed: int) -> None:
    for failure in run(resources, seed, SLOWEST_CALL):
        assert failure.startswith("the registry does not have the rules of this resource")


@given(st.lists(st.booleans(), min_size=2, max_size=4), _SEEDS)
def test_resources_that_start_together_succeed_at_the_usual_speed(creates: list[bool], seed: int) -> None:
    assert run([(is_create, 0) for is_create in creates], seed, 0.3) == []


def test_the_wait_is_longer_than_a_read_and_a_write() -> None:
    assert handler._SETTLE_SECONDS >= 2 * SLOWEST_CALL


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_overwritten_rules_are_written_again(kind: str) -> None:
    registry = FakeRegistry(rule("other/"))
    if kind != "Create":
        call(registry, request("Create", properties(rule("a/"))))
    stale = [*registry.rules, rule("new/")]
    registry.after_write.append(lambda: registry.store({"rules": stale}))
    rules = [] if kind == "Delete" else [rule("b/")]
    response = call(registry, request(kind, properties(*rules), OldResourceProperties=properties(rule("a/"))))
    assert response.failure is None
    assert registry.marked_rules(response.physical_id) == rules
    assert [item for item in registry.rules if not is_marked(item)] == [rule("other/"), rule("new/")]


def test_a_writer_that_always_overwrites_the_rules_is_an_error() -> None:
    registry = FakeRegistry(rule("other/"))
    registry.after_write.extend([lambda: registry.store({"rules": [rule("other/")]})] * 99)
    response = call(registry, request("Create", properties(rule("a/"))))
    assert response.failure is not None
    assert response.failure.startswith("the registry does not have the rules of this resource: another program")
    assert registry.writes == 5


def test_only_a_write_between_the_read_and_the_write_is_lost() -> None:
    """ECR has no conditional write."""
    registry = FakeRegistry(rule("other/"))
    registry.before_write.append(lambda: registry.store({"rules": [*registry.rules, rule("new/")]}))
    response = call(registry, request("Create", properties(rule("a/"))))
    assert response.failure is None
    assert [item for item in registry.rules if not is_marked(item)] == [rule("other/")]
