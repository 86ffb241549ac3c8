"""Scripted days, each with the alarms that go to ALARM on it."""

from typing import Final

from tests.fairlane.monitoring.days.queues import (
    QUEUES,
    blocked_queue,
    cancelled_jobs,
    eight_instance_jobs,
    failing_jobs,
    find_ending,
    fluctuating_queue,
    full_queue,
    hourly_jobs,
    idle_weekend,
    lent_capacity,
    lost_attempts,
    mostly_idle_queue,
    unbalanced_shares,
    waiting_jobs,
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
"""Alarms of each queue by reason. On their day, they go to ALARM one after the other."""

_RECLAIMED: Final = find_ending("g5", "SpotReclaim")

DAYS: Final[dict[str, tuple[Day, set[str]]]] = {
    "busy": (Day(minutes=120), set()),
    "stuck for six hours": (
        Day(jobs={"p4": (*full_queue("p4"), *waiting_jobs("p4", 5))}, minutes=360, alarm_start=235),
        {"p4/oldest-wait-Warning"},
    ),
    "stuck for twenty-five hours": (
        Day(jobs={queue: (*full_queue(queue), *waiting_jobs(queue, 45 - _DAY)) for queue in QUEUES}, minutes=105),
        {f"{queue}/oldest-wait-{severity}" for queue in QUEUES for severity in ("Warning", "Critical")},
    ),
    "blocked for each reason in turn": (
        Day(jobs={queue: blocked_queue(queue, *reasons) for queue, reasons in _REASONS.items()}, minutes=100),
        {path for paths in BLOCKED.values() for path in paths},
    ),
    "blocked for an unknown reason": (
        Day(jobs={"g5": blocked_queue("g5", "Other")}),
        {"g5/blocked-Other-Warning"},
    ),
    "200 jobs cancelled and terminated": (
        Day(jobs={queue: cancelled_jobs(queue) for queue in QUEUES}, minutes=100),
        set(),
    ),
    "jobs fail": (
        Day(jobs={"fifo": failing_jobs("fifo", "AlgorithmError", pairs=6, successes=4)}, minutes=60),
        {"fifo/failure-rate-Warning"},
    ),
    "jobs fail everywhere": (
        Day(jobs={queue: failing_jobs(queue, "Timeout", pairs=8, successes=1) for queue in QUEUES}, minutes=45),
        {f"{queue}/failure-rate-Warning" for queue in QUEUES},
    ),
    "jobs fail and more succeed": (
        Day(jobs={queue: failing_jobs(queue, "Timeout", pairs=4, successes=8) for queue in QUEUES}, minutes=50),
        set(),
    ),
    "four jobs of four fail": (
        Day(jobs={"g5": failing_jobs("g5", "ExitCode", pairs=2, successes=0)}, minutes=50),
        set(),
    ),
    "other shares use the entitlement of a share": (
        Day(jobs={"p4": unbalanced_shares("p4", by="b"), "g5": unbalanced_shares("g5", by="prod")}),
        {"p4/starved-share-a-Warning", "g5/starved-share-research-Warning"},
    ),
    "other shares use the entitlement of another share": (
        Day(jobs={"p4": unbalanced_shares("p4", by="a"), "g5": unbalanced_shares("g5", by="research")}),
        {"p4/starved-share-b-Warning", "g5/starved-share-prod-Warning"},
    ),
    "jobs of several instances do not divide an entitlement": (Day(jobs={"p4": eight_instance_jobs(7, 5)}), set()),
    "a share has room for one more job of several instances": (
        Day(jobs={"p4": eight_instance_jobs(6, 6)}),
        {"p4/starved-share-a-Warning"},
    ),
    "capacity is idle while jobs wait": (
        Day(jobs={"fifo": mostly_idle_queue("fifo")}, minutes=50),
        {"fifo/idle-while-waiting-Warning"},
    ),
    "capacity is idle while jobs wait everywhere": (
        Day(jobs={queue: mostly_idle_queue(queue) for queue in QUEUES}, minutes=50),
        {f"{queue}/idle-while-waiting-Warning" for queue in QUEUES},
    ),
    "queues are full at times": (
        Day(jobs={queue: fluctuating_queue(queue, range(90), waits=True) for queue in QUEUES}),
        set(),
    ),
    "jobs wait or exceed the listing at times": (
        Day(
            jobs={queue: fluctuating_queue(queue, range(90), waits=False) for queue in QUEUES},
            exporter=Exporter(endless=frozenset(QUEUES), intermittent=True),
        ),
        set(),
    ),
    "jobs are preempted": (
        Day(jobs={"p4": lost_attempts("p4", PREEMPTED, 24, SUCCESS)}, minutes=100),
        {"p4/preemptions-Warning"},
    ),
    "Spot Instances are reclaimed": (
        Day(jobs={"g5": lost_attempts("g5", _RECLAIMED, 18, _RECLAIMED)}),
        {"g5/spot-reclaims-Warning"},
    ),
    "some attempts are lost": (
        Day(
            jobs={
                "p4": lost_attempts("p4", PREEMPTED, 12, SUCCESS),
                "g5": lost_attempts("g5", _RECLAIMED, 12, _RECLAIMED),
            },
            minutes=80,
        ),
        set(),
    ),
    "the exporter stops for an hour while a queue is stuck": (
        Day(
            jobs={"p4": (*full_queue("p4"), *waiting_jobs("p4", -300))},
            minutes=180,
            exporter=Exporter(stopped=range(90, 150)),
        ),
        {"p4/oldest-wait-Warning", *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES)},
    ),
    "a new exporter starts late": (Day(exporter=Exporter(stopped=range(60)), alarm_start=0), set()),
    "the schedule never works": (
        Day(exporter=Exporter(stopped=range(500)), alarm_start=0),
        {f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES},
    ),
    "events wait": (Day(exporter=Exporter(events_stopped=range(20, 60))), {"Exporter/stale-events-Critical"}),
    "an event cannot be delivered": (
        Day(exporter=Exporter(undelivered=(20,)), minutes=40),
        {"Exporter/dead-letters-undelivered-Warning"},
    ),
    "an event cannot be processed": (Day(exporter=Exporter(unusable=(20,))), {"Exporter/dead-letters-unused-Warning"}),
    "more jobs than a poll lists": (
        Day(exporter=Exporter(endless=frozenset(QUEUES)), minutes=60),
        {f"Exporter/Queues/{queue}/truncated-Warning" for queue in QUEUES},
    ),
    "one minute of each hour is late": (Day(exporter=Exporter(late_minute=30), minutes=105), set()),
    "every minute is late": (Day(exporter=Exporter(delay=130), minutes=100), set()),
    "polls drift across minutes": (Day(exporter=Exporter(drifting=True), minutes=100), set()),
    "AWS does not list running jobs": (
        Day(
            jobs={queue: (*full_queue(queue), *waiting_jobs(queue, 5)) for queue in QUEUES},
            exporter=Exporter(throttled=frozenset({"RUNNING", "snapshot"})),
        ),
        set(),
    ),
    "AWS does not list waiting jobs": (
        Day(exporter=Exporter(throttled=frozenset({"RUNNABLE"}))),
        {f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES},
    ),
    "AWS gives no snapshots": (
        Day(
            jobs={queue: (*full_queue(queue), *waiting_jobs(queue, 5)) for queue in QUEUES},
            exporter=Exporter(throttled=frozenset({"snapshot"})),
        ),
        set(),
    ),
    "lent capacity comes back": (Day(jobs={"p4": lent_capacity()}, minutes=120), set()),
    "the exporter stops while alarms are in ALARM": (
        Day(
            jobs={"p4": unbalanced_shares("p4", by="b"), "fifo": mostly_idle_queue("fifo")},
            exporter=Exporter(endless=frozenset({"g5"}), stopped=range(75, 500)),
            minutes=140,
        ),
        {
            "p4/starved-share-a-Warning",
            "fifo/idle-while-waiting-Warning",
            "Exporter/Queues/g5/truncated-Warning",
            *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES),
        },
    ),
    "capacity is idle for three days, and the exporter stops": (
        Day(
            jobs=dict.fromkeys(QUEUES, ()),
            exporter=Exporter(interval=30, stopped=range(73 * 60 + 31, 5 * _DAY)),
            alarm_start=72 * 60 + 30,
            minutes=75 * 60 + 30,
        ),
        {
            *(f"{queue}/idle-capacity-Warning" for queue in QUEUES),
            *(f"Exporter/Queues/{queue}/stale-Critical" for queue in QUEUES),
        },
    ),
    "one queue is idle for three days": (
        Day(
            jobs={"p4": hourly_jobs("p4", 6, 75), "g5": full_queue("g5")[-1:], "fifo": hourly_jobs("fifo", 0.5, 75)},
            exporter=Exporter(interval=30),
            alarm_start=72 * 60 + 30,
            minutes=75 * 60,
        ),
        {"fifo/idle-capacity-Warning"},
    ),
    "a weekend": (
        Day(
            jobs={queue: idle_weekend(queue, 5 * 60, 68 * 60) for queue in QUEUES},
            exporter=Exporter(interval=30),
            alarm_start=67 * 60 + 30,
            minutes=70 * 60,
        ),
        set(),
    ),
}
