"""Every alarm is evaluated over what the handlers print on a day: each fires on its day, and on no other."""

import pytest

from fairlane.cloudwatch.alarms import evaluate_alarms
from tests.fairlane.monitoring.days.days import BLOCKED, DAYS
from tests.fairlane.monitoring.days.queues import QUEUES
from tests.fairlane.monitoring.days.script import MIDNIGHT
from tests.fairlane.monitoring.days.watching import ALARM, RANGES, deployed, entered, history, only, samples

OF_ALL_KINDS = [
    "stuck for twenty-five hours",
    "blocked for a reason that is new",
    "jobs fail",
    "others have what a share is entitled to",
    "capacity is idle while jobs wait",
    "jobs are preempted",
    "the exporter is dead for an hour while a queue is stuck",
    "all is new, and begins late",
    "the schedule never works",
    "events wait",
    "more jobs than a poll lists",
    "one minute of each hour is late",
    "every minute is late",
    "polls drift over the minute",
    "AWS does not list what runs",
]


@pytest.mark.parametrize("name", DAYS)
def test_what_fires_on_a_day(name: str) -> None:
    day, expected = DAYS[name]
    names = deployed(day.exporter.interval).names
    assert {names[one] for one in entered(history(name), names)} == expected


@pytest.mark.parametrize("name", DAYS)
def test_one_cause_pages_once(name: str) -> None:
    day, expected = DAYS[name]
    composites = deployed(day.exporter.interval).composites
    notified = {composites[one]: times for one, times in entered(history(name), composites).items()}
    of = {f"{path.partition('/')[0]}/{path.rpartition('-')[2]}" for path in expected}
    assert notified == dict.fromkeys(of, 1)


def test_every_alarm_has_its_day() -> None:
    assert {path for _, expected in DAYS.values() for path in expected} == set(deployed().names.values())


def test_each_reason_has_its_own_alarm() -> None:
    entries = history("blocked for each reason in turn")
    by_path = {path: entries[logical_id] for logical_id, path in deployed().names.items()}
    for paths in BLOCKED.values():
        minutes = [[(time - MIDNIGHT) // 60 for time, _ in by_path[path][-2:]] for path in paths]
        assert minutes == [[21 + 2 * n, 81 + 2 * n] for n in range(len(paths))], "for an hour after it was said"


@pytest.mark.parametrize(
    ("name", "path", "minute"),
    [
        ("stuck for six hours", "p4/oldest-wait-Warning", 5 + 240 + 6),
        ("stuck for twenty-five hours", "g5/oldest-wait-Critical", 45 + 6),
        ("blocked for a reason that is new", "g5/blocked-Other-Warning", 20 + 1),
        ("jobs fail", "fifo/failure-rate-Warning", 24 + 3 + 1),
        ("others have what a share is entitled to", "p4/starved-share-a-Warning", 3 + 60),
        ("others have what another share is entitled to", "g5/starved-share-prod-Warning", 3 + 60),
        ("capacity is idle while jobs wait", "fifo/idle-while-waiting-Warning", 3 + 30),
        ("jobs are preempted", "p4/preemptions-Warning", 29 + 1),
        ("machines are reclaimed", "g5/spot-reclaims-Warning", 61 + 1),
        ("the exporter is dead for an hour while a queue is stuck", "Exporter/Queues/g5/stale-Critical", 90 + 15),
        ("the schedule never works", "Exporter/Queues/p4/stale-Critical", 60 + 2),
        ("AWS does not list what waits", "Exporter/Queues/fifo/stale-Critical", 15 + 60 + 2),
        ("events wait", "Exporter/stale-events-Critical", 23 + 30 + 2),
        ("an event is of no use", "Exporter/dead-letters-unused-Warning", 20 + 35 + 1),
        ("an event cannot be delivered", "Exporter/dead-letters-undelivered-Warning", 20 + 1),
        ("more jobs than a poll lists", "Exporter/Queues/p4/truncated-Warning", 26),
    ],
)
def test_how_soon_an_alarm_fires(name: str, path: str, minute: int) -> None:
    """As soon as its limit is reached, and CloudWatch can read it."""
    entries = {deployed().names.get(one): entries for one, entries in history(name).items()}[path]
    assert [(time - MIDNIGHT) // 60 for time, state in entries if state is ALARM] == [minute]


@pytest.mark.parametrize("fetched", RANGES)
@pytest.mark.parametrize("name", OF_ALL_KINDS)
def test_how_many_periods_cloudwatch_fetches_changes_nothing(name: str, fetched: str) -> None:
    day, expected = DAYS[name]
    queue = min({path.split("/")[-2] for path in expected} - {"Exporter"}, default="p4")
    others = [f"{other}/" for other in QUEUES if other != queue]
    watched = {path for path in deployed().names.values() if not any(other in path for other in others)}
    states = evaluate_alarms(
        only(*watched),
        samples(name),
        start=MIDNIGHT + 60 * day.watched,
        end=MIDNIGHT + 60 * day.minutes,
        evaluation_range=RANGES[fetched],
    )
    assert {deployed().names[one] for one in entered(states, states)} == expected & watched
