"""Tests of missing data: a missing gauge is unknown, a missing count is 0, and missing polls are the cause of an alarm."""

import json
import re
from typing import Final

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from tests.fairlane.monitoring.days.days import BLOCKED
from tests.fairlane.monitoring.days.evaluation import (
    ALARM,
    OK,
    RANGES,
    deployment,
    history,
    later_states,
    states_with_minimum_range,
    template_with,
)
from tests.fairlane.monitoring.days.script import MIDNIGHT

_LONG: Final = 3600 + 600
"""Seconds, a little longer than the warm-up."""

STOPPED = "the exporter stops while alarms are in ALARM"
IDLE = "capacity is idle for three days, and the exporter stops"


def states_without_data(path: str) -> list[State]:
    """Return the states of an alarm without any data of its metrics, both if `FILL` fills a missing metric and if not."""
    filled = template_with(path)
    (alarm,) = filled["Resources"].values()
    metrics = json.loads(re.sub(r"FILL\((\w+), 0\)", r"\1", json.dumps(alarm["Properties"]["Metrics"])))
    empty = {
        "Resources": {
            name: {**alarm, "Properties": {**alarm["Properties"], "Metrics": metrics}} for name in filled["Resources"]
        }
    }
    with_fill, without_fill = (
        later_states(evaluate_alarms(template, Samples(), start=MIDNIGHT, end=MIDNIGHT + _LONG), path)
        for template in (filled, empty)
    )
    assert with_fill == without_fill
    return with_fill


def states_after_silence(value: float, path: str, queue: str, name: str, again: float | None = None) -> list[State]:
    """Return the states of an exporter's alarm if SQS publishes `value` for ten minutes and then nothing.

    With `again`, SQS publishes that value half an hour later.
    """
    samples = Samples()
    for minute in range(10):
        samples.add("AWS/SQS", name, {"QueueName": queue}, MIDNIGHT + 60 * minute, [value])
    if again is not None:
        samples.add("AWS/SQS", name, {"QueueName": queue}, MIDNIGHT + 60 * 40, [again])
    return later_states(evaluate_alarms(template_with(path), samples, start=MIDNIGHT, end=MIDNIGHT + 3600), path)


def test_oldest_wait_keeps_its_state_without_polls() -> None:
    stuck = "the exporter stops for an hour while a queue is stuck"
    assert states_with_minimum_range("p4/oldest-wait-Warning", stuck) == [ALARM]
    assert states_with_minimum_range("g5/oldest-wait-Warning", stuck) == [OK]


def test_starved_share_keeps_its_state_without_polls() -> None:
    assert states_with_minimum_range("p4/starved-share-a-Warning", STOPPED) == [OK, ALARM]
    assert states_with_minimum_range("p4/starved-share-b-Warning", STOPPED) == [OK]


def test_idle_while_waiting_keeps_its_state_without_polls() -> None:
    assert states_with_minimum_range("fifo/idle-while-waiting-Warning", STOPPED) == [OK, ALARM]
    assert states_with_minimum_range("p4/idle-while-waiting-Warning", STOPPED) == [OK]


def test_idle_capacity_keeps_its_state_without_polls() -> None:
    assert later_states(history(IDLE), "g5/idle-capacity-Warning") == [ALARM]


def test_truncated_keeps_its_state_without_polls() -> None:
    assert states_with_minimum_range("Exporter/Queues/g5/truncated-Warning", STOPPED) == [ALARM]
    assert states_with_minimum_range("Exporter/Queues/p4/truncated-Warning", STOPPED) == [OK]


@pytest.mark.parametrize(
    "kind", ["oldest-wait", "starved-share-a", "idle-while-waiting", "idle-capacity", "Exporter truncated"]
)
def test_alarms_on_gauges_have_no_state_before_the_first_poll(kind: str) -> None:
    path = f"p4/{kind}-Warning" if "Exporter" not in kind else "Exporter/Queues/p4/truncated-Warning"
    assert states_without_data(path) == []


@pytest.mark.parametrize("gauge", ["starved-share-a", "idle-while-waiting"])
def test_unknown_use_does_not_count_as_zero(gauge: str) -> None:
    path = f"p4/{gauge}-Warning"
    assert later_states(history("AWS does not list running jobs"), path) == []


def test_missing_polls_are_stale() -> None:
    dead = history("the exporter stops for an hour while a queue is stuck")
    for queue in ("p4", "g5", "fifo"):
        assert later_states(dead, f"Exporter/Queues/{queue}/stale-Critical") == [OK, ALARM, OK]


def test_a_queue_that_was_never_polled_is_stale() -> None:
    assert states_without_data("Exporter/Queues/p4/stale-Critical") == [ALARM]


def test_a_queue_is_not_stale_before_its_exporter_can_poll_it() -> None:
    assert later_states(history("a new exporter starts late"), "Exporter/Queues/p4/stale-Critical") == [OK]


def test_a_queue_without_reports_is_not_blocked() -> None:
    for paths in BLOCKED.values():
        for path in paths:
            assert states_without_data(path) == [OK]
            assert later_states(history("blocked for each reason in turn"), path) == [OK, ALARM, OK]


def test_without_ended_jobs_the_failure_rate_is_ok() -> None:
    assert states_without_data("g5/failure-rate-Warning") == [OK]
    assert later_states(history("stuck for six hours"), "p4/failure-rate-Warning") == [OK]


def test_without_preemption_metrics_no_attempt_was_preempted() -> None:
    assert states_without_data("p4/preemptions-Warning") == [OK]
    assert later_states(history("jobs are preempted"), "p4/preemptions-Warning") == [OK, ALARM, OK]


def test_without_loss_metrics_no_attempt_was_lost() -> None:
    assert states_without_data("g5/spot-reclaims-Warning") == [OK]
    assert later_states(history("Spot Instances are reclaimed"), "g5/spot-reclaims-Warning") == [OK, ALARM, OK]


def test_events_are_not_stale_when_sqs_publishes_nothing() -> None:
    path = "Exporter/stale-events-Critical"
    assert states_without_data(path) == [OK]
    assert states_after_silence(2000, path, deployment().events, "ApproximateAgeOfOldestMessage") == [ALARM, OK]


def test_dead_letters_keep_their_state_when_sqs_publishes_nothing() -> None:
    unused, undelivered = (f"Exporter/dead-letters-{part}-Warning" for part in ("unused", "undelivered"))
    name = "ApproximateNumberOfMessagesVisible"
    for path, queue in ((unused, deployment().dead_letters), (undelivered, deployment().rule_dead_letters)):
        assert states_without_data(path) == []
        assert states_after_silence(1, path, queue, name) == [ALARM]
        assert states_after_silence(1, path, queue, name, again=0) == [ALARM, OK]


def test_the_two_dead_letter_alarms_are_independent() -> None:
    path, samples = "Exporter/dead-letters-unused-Warning", Samples()
    name = "ApproximateNumberOfMessagesVisible"
    samples.add("AWS/SQS", name, {"QueueName": deployment().dead_letters}, MIDNIGHT, [1])
    for minute in range(10, 60):
        samples.add("AWS/SQS", name, {"QueueName": deployment().rule_dead_letters}, MIDNIGHT + 60 * minute, [0])
    entries = evaluate_alarms(deployment().template, samples, start=MIDNIGHT, end=MIDNIGHT + 3600)
    assert later_states(entries, path) == [ALARM]


@pytest.mark.parametrize("fetched", RANGES)
def test_the_number_of_fetched_periods_changes_no_state_without_data(fetched: str) -> None:
    entries = evaluate_alarms(
        deployment().template, Samples(), start=MIDNIGHT, end=MIDNIGHT + _LONG, evaluation_range=RANGES[fetched]
    )
    for path in deployment().names.values():
        assert later_states(entries, path) == states_without_data(path)
