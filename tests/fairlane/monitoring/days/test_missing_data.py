"""Why each alarm takes missing data as it does: what is missing of a gauge is not known, what is missing of a count is 0,
and that polls are missing is itself what an alarm is about.
"""

import json
import re
from typing import Final

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from tests.fairlane.monitoring.days.days import BLOCKED
from tests.fairlane.monitoring.days.script import MIDNIGHT
from tests.fairlane.monitoring.days.watching import ALARM, OK, RANGES, deployed, history, kept, only, states

_LONG: Final = 3600 + 600
"""A little longer than a warm-up."""

DYING = "the exporter dies while much is wrong"
IDLE = "capacity is idle for three days, and the exporter dies"


def unheard_of(path: str) -> list[State]:
    """The states of an alarm whose metrics CloudWatch has never seen, whether `FILL` makes anything of nothing or not."""
    filled = only(path)
    (alarm,) = filled["Resources"].values()
    metrics = json.loads(re.sub(r"FILL\((\w+), 0\)", r"\1", json.dumps(alarm["Properties"]["Metrics"])))
    empty = {
        "Resources": {
            name: {**alarm, "Properties": {**alarm["Properties"], "Metrics": metrics}} for name in filled["Resources"]
        }
    }
    found, also = (
        states(evaluate_alarms(template, Samples(), start=MIDNIGHT, end=MIDNIGHT + _LONG), path)
        for template in (filled, empty)
    )
    assert found == also
    return found


def silent_after(value: float, path: str, queue: str, name: str, again: float | None = None) -> list[State]:
    """The states of an alarm of the exporter, of whose queue SQS publishes a value for ten minutes and then nothing; or
    after half an hour another one.
    """
    samples = Samples()
    for minute in range(10):
        samples.add("AWS/SQS", name, {"QueueName": queue}, MIDNIGHT + 60 * minute, [value])
    if again is not None:
        samples.add("AWS/SQS", name, {"QueueName": queue}, MIDNIGHT + 60 * 40, [again])
    return states(evaluate_alarms(only(path), samples, start=MIDNIGHT, end=MIDNIGHT + 3600), path)


def test_a_job_may_still_wait_while_nobody_polls() -> None:
    stuck = "the exporter is dead for an hour while a queue is stuck"
    assert kept("p4/oldest-wait-Warning", stuck) == [ALARM]
    assert kept("g5/oldest-wait-Warning", stuck) == [OK]


def test_a_share_may_still_be_starved_while_nobody_polls() -> None:
    assert kept("p4/starved-share-a-Warning", DYING) == [OK, ALARM]
    assert kept("p4/starved-share-b-Warning", DYING) == [OK]


def test_capacity_may_still_be_idle_while_nobody_polls() -> None:
    assert kept("fifo/idle-while-waiting-Warning", DYING) == [OK, ALARM]
    assert kept("p4/idle-while-waiting-Warning", DYING) == [OK]


def test_three_idle_days_do_not_end_because_nobody_polls() -> None:
    assert states(history(IDLE), "g5/idle-capacity-Warning") == [ALARM]


def test_there_may_still_be_too_many_jobs_to_list_while_nobody_polls() -> None:
    assert kept("Exporter/Queues/g5/truncated-Warning", DYING) == [ALARM]
    assert kept("Exporter/Queues/p4/truncated-Warning", DYING) == [OK]


@pytest.mark.parametrize(
    "kind", ["oldest-wait", "starved-share-a", "idle-while-waiting", "idle-capacity", "Exporter truncated"]
)
def test_nothing_is_known_of_gauges_that_nobody_has_published_yet(kind: str) -> None:
    path = f"p4/{kind}-Warning" if "Exporter" not in kind else "Exporter/Queues/p4/truncated-Warning"
    assert unheard_of(path) == []


@pytest.mark.parametrize("gauge", ["starved-share-a", "idle-while-waiting"])
def test_use_that_is_not_known_is_not_a_use_of_nothing(gauge: str) -> None:
    path = f"p4/{gauge}-Warning"
    assert states(history("AWS does not list what runs"), path) == []


def test_polls_that_are_missing_are_what_it_is_about() -> None:
    dead = history("the exporter is dead for an hour while a queue is stuck")
    for queue in ("p4", "g5", "fifo"):
        assert states(dead, f"Exporter/Queues/{queue}/stale-Critical") == [OK, ALARM, OK]


def test_a_queue_that_was_never_polled_is_stale() -> None:
    assert unheard_of("Exporter/Queues/p4/stale-Critical") == [ALARM]


def test_a_queue_is_not_stale_before_its_exporter_can_have_polled_it() -> None:
    assert states(history("all is new, and begins late"), "Exporter/Queues/p4/stale-Critical") == [OK]


def test_a_queue_of_which_aws_says_nothing_is_not_blocked() -> None:
    for paths in BLOCKED.values():
        for path in paths:
            assert unheard_of(path) == [OK]
            assert states(history("blocked for each reason in turn"), path) == [OK, ALARM, OK]


def test_where_no_job_ended_none_failed() -> None:
    assert unheard_of("g5/failure-rate-Warning") == [OK]
    assert states(history("stuck for six hours"), "p4/failure-rate-Warning") == [OK]


def test_where_no_attempt_was_preempted_aws_publishes_nothing() -> None:
    assert unheard_of("p4/preemptions-Warning") == [OK]
    assert states(history("jobs are preempted"), "p4/preemptions-Warning") == [OK, ALARM, OK]


def test_where_no_attempt_was_lost_nobody_publishes_anything() -> None:
    assert unheard_of("g5/spot-reclaims-Warning") == [OK]
    assert states(history("machines are reclaimed"), "g5/spot-reclaims-Warning") == [OK, ALARM, OK]


def test_sqs_publishes_nothing_of_events_that_nobody_sends() -> None:
    path = "Exporter/stale-events-Critical"
    assert unheard_of(path) == [OK]
    assert silent_after(2000, path, deployed().events, "ApproximateAgeOfOldestMessage") == [ALARM, OK]


def test_dead_letters_that_sqs_publishes_nothing_of_any_more_are_still_there() -> None:
    unused, undelivered = (f"Exporter/dead-letters-{of}-Warning" for of in ("unused", "undelivered"))
    name = "ApproximateNumberOfMessagesVisible"
    for path, queue in ((unused, deployed().dead_letters), (undelivered, deployed().rule_dead_letters)):
        assert unheard_of(path) == []
        assert silent_after(1, path, queue, name) == [ALARM]
        assert silent_after(1, path, queue, name, again=0) == [ALARM, OK]


def test_that_one_queue_of_dead_letters_is_empty_says_nothing_of_the_other() -> None:
    path, samples = "Exporter/dead-letters-unused-Warning", Samples()
    name = "ApproximateNumberOfMessagesVisible"
    samples.add("AWS/SQS", name, {"QueueName": deployed().dead_letters}, MIDNIGHT, [1])
    for minute in range(10, 60):
        samples.add("AWS/SQS", name, {"QueueName": deployed().rule_dead_letters}, MIDNIGHT + 60 * minute, [0])
    found = evaluate_alarms(deployed().template, samples, start=MIDNIGHT, end=MIDNIGHT + 3600)
    assert states(found, path) == [ALARM]


@pytest.mark.parametrize("fetched", RANGES)
def test_how_many_periods_cloudwatch_fetches_changes_nothing_where_nothing_is_published(fetched: str) -> None:
    found = evaluate_alarms(
        deployed().template, Samples(), start=MIDNIGHT, end=MIDNIGHT + _LONG, evaluation_range=RANGES[fetched]
    )
    for path in deployed().names.values():
        assert states(found, path) == unheard_of(path)
