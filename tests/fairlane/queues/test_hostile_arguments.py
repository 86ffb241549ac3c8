"""Arbitrary values as arguments: a construct accepts them or raises `ConfigurationError`, and leaves no node behind."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import Stack

from fairlane import (
    ConfigurationError,
    FairShare,
    Fifo,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    ServiceEnvironment,
    Sharing,
    State,
    TimeLimitReason,
    TrainingQueue,
)

P4 = "ml.p4d.24xlarge"
JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, float("nan"), float("inf"), 10**400, "", "x", "é", "a" * 300, b"x", [], ["a"], ("a",),
    {}, {"a": 1}, {1: 2}, {None: None}, {("a",): 1}, {P4: "x"}, {P4: None}, {"a": {}}, {"NUM_INSTANCES": 1}, {1, 2}, [[]],
    object(), int, range(3), 1j, Fifo(), FairShare({}), QuotaManagement(), State.ENABLED, Sharing.LEND,
]  # fmt: skip

Build = Callable[[Stack, str], object]


def queue(stack: Stack, id: str, **changes: Any) -> object:
    arguments: dict[str, Any] = {"queue_name": id, "capacity": 1, "scheduling": Fifo()} | changes
    return TrainingQueue(stack, id, **arguments)


def environment(stack: Stack, id: str, **changes: Any) -> object:
    arguments: dict[str, Any] = {"capacity": 1} | changes
    return ServiceEnvironment(stack, id, **arguments)


def quotas(stack: Stack, id: str, **changes: Any) -> object:
    arguments: dict[str, Any] = {"name": "a", "capacity": {P4: 5}, "sharing": Sharing.LEND} | changes
    shares = QuotaShare(**arguments), QuotaShare(**(arguments | {"name": "b"}))
    return queue(stack, id, capacity={P4: 5}, scheduling=QuotaManagement(*shares))


def action(stack: Stack, id: str, **changes: Any) -> object:
    arguments: dict[str, Any] = {"reason": TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY, "max_time_seconds": 600}
    return queue(stack, id, time_limit_actions=[JobStateTimeLimitAction(**(arguments | changes))])


def by_keyword(build: Callable[..., object], *keywords: str) -> Iterator[tuple[str, Callable[[Any], Build]]]:
    for keyword in keywords:

        def with_junk(junk: Any, keyword: str = keyword) -> Build:
            return lambda stack, name: build(stack, name, **{keyword: junk})

        yield f"{build.__name__} {keyword}", with_junk


def by_policy(title: str, policy: Callable[[Any], Any]) -> tuple[str, Callable[[Any], Build]]:
    return title, lambda junk: lambda stack, name: queue(stack, name, scheduling=policy(junk))


ARGUMENTS = dict(
    [
        *by_keyword(queue, "queue_name", "capacity", "scheduling", "service_environment", "priority", "state"),
        *by_keyword(queue, "time_limit_actions", "tags"),
        *by_keyword(environment, "capacity", "service_environment_name", "state", "tags"),
        *by_keyword(quotas, "name", "capacity", "sharing", "borrow_limit", "in_share_preemption", "state"),
        *by_keyword(action, "reason", "max_time_seconds", "action"),
        by_policy("weights", FairShare),
        by_policy("weight", lambda junk: FairShare({"a": junk})),
        by_policy("proportions", FairShare.by_proportion),
        by_policy("proportion", lambda junk: FairShare.by_proportion({"a": junk, "b": 2})),
        by_policy("decay", lambda junk: FairShare({"a": 1}, share_decay_seconds=junk)),
        by_policy("reservation", lambda junk: FairShare({"a": 1}, compute_reservation=junk)),
        by_policy("share", QuotaManagement),
    ]
)


@pytest.mark.parametrize("build", ARGUMENTS.values(), ids=ARGUMENTS)
def test_junk_is_accepted_or_refused_by_a_configuration_error(stack: Stack, build: Callable[[Any], Build]) -> None:
    for number, junk in enumerate(JUNK):
        before = len(stack.node.children)
        try:
            build(junk)(stack, f"Queue{number}")
        except ConfigurationError as error:
            assert error.problems
            assert len(stack.node.children) == before, f"{junk!r} left something behind"
