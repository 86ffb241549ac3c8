"""Days, and the alarms that are in state ALARM on each of them at some time."""

from typing import Final

from tests.fairlane.monitoring.days.queues import (
    QUEUES,
    blocked,
    by_eights,
    cancelled,
    ending,
    failing,
    full,
    hourly,
    lending,
    losing,
    mostly_idle,
    restless,
    taken,
    waiting,
    weekend,
)
from tests.fairlane.monitoring.days.script import PREEMPTED, SUCCESS, Day, Exporter

_DAY: Final = 24 * 60
_OF_TRAINING: Final = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
)
_REASONS: Final = {
    "p4": (*_OF_TRAINING, "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"),
    "g5": (
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "ACTION_REQUIRED",
    ),
    "fifo": (*_OF_TRAINING, "UNDETERMINED"),
}
BLOCKED: Final = {
    queue: [f"{queue}/blocked-{reason}-Warning" for reason in (*reasons[:-1], "Other")]
    for queue, reasons in _REASONS.items()
}
"""The alarms of each queue for each reason; on their day they come one after the other."""

_RECLAIMED: Final = ending("g5", "SpotReclaim")

DAYS: Final[dict[str, tuple[Day, set[str]]]] = {
    "busy": (Day(minutes=120), set()),
    "stuck for six hours": (
        Day(jobs={"p4": (*full("p4"), *waiting("p4", 5))}, minutes=360, watched=235),
        {"p4/oldest-wait-Warning"},
    ),
    "stuck for twenty-five hours": (
        Day(jobs={queue: (*full(queue), *waiting(queue, 45 - _DAY)) for queue in QUEUES}, minutes=105),
        {f"{queue}/oldest-wait-{severity}" for queue in QUEUES for severity in ("Warning", "Critical")},
    ),
    "blocked for each reason in turn": (
        Day(jobs={queue: blocked(queue, *reasons) for queue, reasons in _REASONS.items()}, minutes=100),
        {path for paths in BLOCKED.values() for path in paths},
    ),
    "blocked for a reason that is new": (
        Day(jobs={"g5": blocked("g5", "Other")}),
        {"g5/blocked-Other-Warning"},
    ),
    "200 jobs cancelled and terminated": (Day(jobs={queue: cancelled(queue) for queue in QUEUES}, minutes=100), set()),
    "jobs fail": (
        Day(jobs={"fifo": failing("fifo", "AlgorithmError", pairs=6, successes=4)}, minutes=60),
        {"fifo/failure-rate-Warning"},
    ),
    "jobs fail everywhere": (
        Day(jobs={queue: failing(queue, "Timeout", pairs=8, successes=1) for queue in QUEUES}, minutes=45),
        {f"{queue}/failure-rate-Warning" for queue in QUEUES},
    ),
    "jobs fail and more succeed": (
        Day(jobs={queue: failing(queue, "Timeout", pairs=4, successes=8) for queue in QUEUES}, minutes=50),
        set(),
    ),
    "four jobs of four fail": (Day(jobs={"g5": failing("g5", "ExitCode", pairs=2, successes=0)}, minutes=50), set()),
    "others have what a share is entitled to": (
        Day(jobs={"p4": taken("p4", by="b"), "g5": taken("g5", by="prod")}),
        {"p4/starved-share-a-Warning", "g5/starved-share-research-Warning"},
    ),
    "others have what another share is entitled to": (
        Day(jobs={"p4": taken("p4", by="a"), "g5": taken("g5", by="research")}),
        {"p4/starved-share-b-Warning", "g5/starved-share-prod-Warning"},
    ),
    "jobs of several instances do not divide an entitlement": (Day(jobs={"p4": by_eights(7, 5)}), set()),
    "a share has room for one more job of several instances": (
        Day(jobs={"p4": by_eights(6, 6)}),
        {"p4/starved-share-a-Warning"},
    ),
    "capacity is idle while jobs wait": (
        Day(jobs={"fifo": mostly_idle("fifo")}, minutes=50),
        {"fifo/idle-while-waiting-Warning"},
    ),
    "capacity is idle while jobs wait everywhere": (
        Day(jobs={queue: mostly_idle(queue) for queue in QUEUES}, minutes=50),
        {f"{queue}/idle-while-waiting-Warning" for queue in QUEUES},
    ),
    "queues are full now and then": (
        Day(jobs={queue: restless(queue, range(90), waits=True) for queue in QUEUES}),
        set(),
    ),
    "jobs wait, or are too many to list, now and then": (
        Day(
            jobs={queue: restless(queue, range(90), waits=False) for queue in QUEUES},
            exporter=Exporter(endless=frozenset(QUEUES), now_and_then=True),
        ),
        set(),
    ),
    "jobs are preempted": (
        Day(jobs={"p4": losing("p4", PREEMPTED, 24, SUCCESS)}, minutes=100),
        {"p4/preemptions-Warning"},
    ),
    "machines are reclaimed": (
        Day(jobs={"g5": losing("g5", _RECLAIMED, 18, _RECLAIMED)}),
        {"g5/spot-reclaims-Warning"},
    ),
    "some attempts are lost": (
        Day(
            jobs={"p4": losing("p4", PREEMPTED, 12, SUCCESS), "g5": losing("g5", _RECLAIMED, 12, _RECLAIMED)},
            minutes=80,
        ),
        set(),
    ),
    "the exporter is dead for an hour while a queue is stuck": (
        Day(
            jobs={"p4": (*full("p4"), *waiting("p4", -300))},
            minutes=180,
            exporter=Exporter(dead=range(90, 150)),
        ),
        {"p4/oldest-wait-Warning", *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES)},
    ),
    "all is new, and begins late": (Day(exporter=Exporter(dead=range(60)), watched=0), set()),
    "the schedule never works": (
        Day(exporter=Exporter(dead=range(500)), watched=0),
        {f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES},
    ),
    "events wait": (Day(exporter=Exporter(events_dead=range(20, 60))), {"Exporter/stale-events-Critical"}),
    "an event cannot be delivered": (
        Day(exporter=Exporter(undelivered=(20,)), minutes=40),
        {"Exporter/dead-letters-undelivered-Warning"},
    ),
    "an event is of no use": (Day(exporter=Exporter(unusable=(20,))), {"Exporter/dead-letters-unused-Warning"}),
    "more jobs than a poll lists": (
        Day(exporter=Exporter(endless=frozenset(QUEUES)), minutes=60),
        {f"Exporter/Queues/{queue}/truncated-Warning" for queue in QUEUES},
    ),
    "one minute of each hour is late": (Day(exporter=Exporter(late=30), minutes=105), set()),
    "every minute is late": (Day(exporter=Exporter(delay=130), minutes=100), set()),
    "polls drift over the minute": (Day(exporter=Exporter(drifting=True), minutes=100), set()),
    "AWS does not list what runs": (
        Day(
            jobs={queue: (*full(queue), *waiting(queue, 5)) for queue in QUEUES},
            exporter=Exporter(throttled=frozenset({"RUNNING", "snapshot"})),
        ),
        set(),
    ),
    "AWS does not list what waits": (
        Day(exporter=Exporter(throttled=frozenset({"RUNNABLE"}))),
        {f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES},
    ),
    "AWS gives no snapshots": (
        Day(
            jobs={queue: (*full(queue), *waiting(queue, 5)) for queue in QUEUES},
            exporter=Exporter(throttled=frozenset({"snapshot"})),
        ),
        set(),
    ),
    "lent capacity comes back": (Day(jobs={"p4": lending()}, minutes=120), set()),
    "the exporter dies while much is wrong": (
        Day(
            jobs={"p4": taken("p4", by="b"), "fifo": mostly_idle("fifo")},
            exporter=Exporter(endless=frozenset({"g5"}), dead=range(75, 500)),
            minutes=140,
        ),
        {
            "p4/starved-share-a-Warning",
            "fifo/idle-while-waiting-Warning",
            "Exporter/Queues/g5/truncated-Warning",
            *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES),
        },
    ),
    "capacity is idle for three days, and the exporter dies": (
        Day(
            jobs=dict.fromkeys(QUEUES, ()),
            exporter=Exporter(interval=30, dead=range(73 * 60 + 31, 5 * _DAY)),
            watched=72 * 60 + 30,
            minutes=75 * 60 + 30,
        ),
        {
            *(f"{queue}/idle-capacity-Warning" for queue in QUEUES),
            *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES),
        },
    ),
    "one queue is idle for three days": (
        Day(
            jobs={"p4": hourly("p4", 6, 75), "g5": full("g5")[-1:], "fifo": hourly("fifo", 0.5, 75)},
            exporter=Exporter(interval=30),
            watched=72 * 60 + 30,
            minutes=75 * 60,
        ),
        {"fifo/idle-capacity-Warning"},
    ),
    "a weekend": (
        Day(
            jobs={queue: weekend(queue, 5 * 60, 68 * 60) for queue in QUEUES},
            exporter=Exporter(interval=30),
            watched=67 * 60 + 30,
            minutes=70 * 60,
        ),
        set(),
    ),
}
