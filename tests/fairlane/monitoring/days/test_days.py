"""Tests that each alarm goes to ALARM on its scripted day, and on no other day."""

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from tests.fairlane.monitoring.days.days import BLOCKED, DAYS
from tests.fairlane.monitoring.days.evaluation import (
    ALARM,
    RANGES,
    alarm_counts,
    deployment,
    history,
    samples,
    template_with,
)
from tests.fairlane.monitoring.days.queues import QUEUES
from tests.fairlane.monitoring.days.script import MIDNIGHT

DAYS_OF_ALL_KINDS = [
    "stuck for twenty-five hours",
    "blocked for an unknown reason",
    "jobs fail",
    "other shares use the entitlement of a share",
    "capacity is idle while jobs wait",
    "jobs are preempted",
    "the exporter stops for an hour while a queue is stuck",
    "a new exporter starts late",
    "the schedule never works",
    "events wait",
    "more jobs than a poll lists",
    "one minute of each hour is late",
    "every minute is late",
    "polls drift across minutes",
    "AWS does not list running jobs",
]


@pytest.mark.parametrize("name", DAYS)
def test_the_alarms_of_a_day(name: str) -> None:
    day, expected = DAYS[name]
    names = deployment(day.exporter.interval).names
    assert {names[logical_id] for logical_id in alarm_counts(history(name), names)} == expected


@pytest.mark.parametrize("name", DAYS)
def test_one_cause_notifies_once(name: str) -> None:
    day, expected = DAYS[name]
    composites = deployment(day.exporter.interval).composites
    counts = alarm_counts(history(name), composites)
    notified = {composites[logical_id]: count for logical_id, count in counts.items()}
    composites_of_alarms = {f"{path.partition('/')[0]}/{path.rpartition('-')[2]}" for path in expected}
    assert notified == dict.fromkeys(composites_of_alarms, 1)


def test_each_alarm_has_a_day() -> None:
    assert {path for _, expected in DAYS.values() for path in expected} == set(deployment().names.values())


def test_each_reason_has_its_own_alarm() -> None:
    entries = history("blocked for each reason in turn")
    by_path = {path: entries[logical_id] for logical_id, path in deployment().names.items()}
    for paths in BLOCKED.values():
        minutes = [[(time - MIDNIGHT) // 60 for time, _ in by_path[path][-2:]] for path in paths]
        assert minutes == [[21 + 2 * n, 81 + 2 * n] for n in range(len(paths))], "in ALARM for an hour after the report"


@pytest.mark.parametrize(
    ("name", "path", "minute"),
    [
        ("stuck for six hours", "p4/oldest-wait-Warning", 5 + 240 + 6),
        ("stuck for twenty-five hours", "g5/oldest-wait-Critical", 45 + 6),
        ("blocked for an unknown reason", "g5/blocked-Other-Warning", 20 + 1),
        ("jobs fail", "fifo/failure-rate-Warning", 24 + 3 + 1),
        ("other shares use the entitlement of a share", "p4/starved-share-a-Warning", 3 + 60),
        ("other shares use the entitlement of another share", "g5/starved-share-prod-Warning", 3 + 60),
        ("capacity is idle while jobs wait", "fifo/idle-while-waiting-Warning", 3 + 30),
        ("jobs are preempted", "p4/preemptions-Warning", 29 + 1),
        ("Spot Instances are reclaimed", "g5/spot-reclaims-Warning", 61 + 1),
        ("the exporter stops for an hour while a queue is stuck", "Exporter/Queues/g5/stale-Critical", 90 + 15),
        ("the schedule never works", "Exporter/Queues/p4/stale-Critical", 60 + 2),
        ("AWS does not list waiting jobs", "Exporter/Queues/fifo/stale-Critical", 15 + 60 + 2),
        ("events wait", "Exporter/stale-events-Critical", 23 + 30 + 2),
        ("an event cannot be processed", "Exporter/dead-letters-unused-Warning", 20 + 35 + 1),
        ("an event cannot be delivered", "Exporter/dead-letters-undelivered-Warning", 20 + 1),
        ("more jobs than a poll lists", "Exporter/Queues/p4/truncated-Warning", 26),
    ],
)
def test_an_alarm_goes_to_alarm_as_soon_as_its_limit_is_reached(name: str, path: str, minute: int) -> None:
    """The minute includes the delay until CloudWatch can read the data."""
    names = deployment().names
    entries = {names.get(logical_id): entries for logical_id, entries in history(name).items()}[path]
    assert [(time - MIDNIGHT) // 60 for time, state in entries if state is ALARM] == [minute]


@pytest.mark.parametrize("fetched", RANGES)
@pytest.mark.parametrize("name", DAYS_OF_ALL_KINDS)
def test_the_number_of_fetched_periods_changes_no_state(name: str, fetched: str) -> None:
    day, expected = DAYS[name]
    queue = min({path.split("/")[-2] for path in expected} - {"Exporter"}, default="p4")
    others = [f"{other}/" for other in QUEUES if other != queue]
    paths = {path for path in deployment().names.values() if not any(other in path for other in others)}
    states = evaluate_alarms(
        template_with(*paths),
        samples(name),
        start=MIDNIGHT + 60 * day.alarm_start,
        end=MIDNIGHT + 60 * day.minutes,
        evaluation_range=RANGES[fetched],
    )
    assert {deployment().names[logical_id] for logical_id in alarm_counts(states, states)} == expected & paths
