"""Jobs of scripted queues. On an ordinary day, queues are full and jobs wait for a short time."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from tests.fairlane.monitoring.days.script import FOREVER, SUCCESS, Jobs
from tests.fairlane_lambda.job_events.endings import BLOCKS, COMPUTE_ENDINGS, SERVICE_ENDINGS, Ending

QUEUES: Final = ("p4", "g5", "fifo")
_SLOTS: Final = {
    "p4": {"a": (6, 10.0), "b": (4, 10.0)},
    "g5": {"prod": (3, 48.0), "research": (1, 48.0)},
    "fifo": {"": (4, 4.0)},
}
"""Number of jobs that run at a time and capacity of each, by queue and share. Together they use the entitlement."""

_RUN: Final = 90
_WAIT: Final = 20


def find_ending(queue: str, reason: str) -> Ending:
    """Return an ending for a reason on a queue, preferably while the job runs."""
    all_endings = COMPUTE_ENDINGS if queue == "g5" else SERVICE_ENDINGS
    endings = [ending for ending in all_endings if ending.reason == reason]
    return next((ending for ending in endings if ending.phase == "run"), endings[0])


@cache
def ordinary_jobs(queue: str, minutes: range) -> tuple[Jobs, ...]:
    """Return jobs that run one after the other. One in seven fails, and one in five is terminated."""
    return tuple(job for share in _SLOTS[queue] for job in _busy_jobs(queue, share, minutes))


def _busy_jobs(queue: str, share: str, minutes: range) -> Iterator[Jobs]:
    slots, size = _SLOTS[queue][share]
    number = 0
    for slot in range(slots):
        for started in range(minutes[0] - _RUN * (slot + 1) // slots, minutes[-1] + _WAIT, _RUN):
            number += 1
            reason = "Terminated" if number % 5 == 0 else "Timeout" if number % 7 == 0 else ""
            yield Jobs(
                share=share,
                size=size,
                submitted=started - _WAIT,
                started=max(started, minutes[0]),
                ended=started + _RUN,
                ending=find_ending(queue, reason) if reason else SUCCESS,
            )


def full_queue(queue: str) -> tuple[Jobs, ...]:
    """Return jobs that never end and use the whole entitlements of their shares."""
    return tuple(
        Jobs(count=count, share=share, size=size, submitted=-60, started=-30)
        for share, (count, size) in _SLOTS[queue].items()
    )


def waiting_jobs(queue: str, since: int, until: int = FOREVER) -> tuple[Jobs, ...]:
    """Return waiting jobs of each share, which are terminated at `until`."""
    terminated = find_ending(queue, "Terminated")
    return tuple(
        Jobs(count=2, share=share, size=size, submitted=since, ended=until, ending=terminated)
        for share, (_, size) in _SLOTS[queue].items()
    )


def blocked_queue(queue: str, *reasons: str) -> tuple[Jobs, ...]:
    """Return a full queue for which AWS reports each reason once, two minutes apart."""
    blocks = {block.reason: block for block in BLOCKS}
    reports = tuple((20 + 2 * n, blocks[reason]) for n, reason in enumerate(reasons))
    return (*full_queue(queue), Jobs(share=_first_share(queue), submitted=10, blocked=reports))


def failing_jobs(queue: str, reason: str, pairs: int, successes: int) -> tuple[Jobs, ...]:
    """Return a full queue where jobs without capacity end from minute 20: two successes a minute, then two failures."""
    failure = find_ending(queue, reason)
    return (
        *full_queue(queue),
        *(
            Jobs(
                count=2,
                share=_first_share(queue),
                size=0,
                submitted=end - 4,
                started=end - 3,
                ended=end,
                ending=failure if end >= 20 + successes else SUCCESS,
            )
            for end in range(20, 20 + pairs + successes)
        ),
    )


def cancelled_jobs(queue: str) -> tuple[Jobs, ...]:
    """Return a full queue where 100 waiting jobs are cancelled and 100 new jobs are terminated, in turns."""
    cancel = next(ending for ending in SERVICE_ENDINGS if ending.reason == "Terminated" and ending.phase == "queue")
    if queue == "g5":
        cancel = next(ending for ending in COMPUTE_ENDINGS if ending.reason == "Cancelled")
    share, terminate = _first_share(queue), find_ending(queue, "Terminated")
    return (
        *full_queue(queue),
        *(Jobs(count=50, share=share, submitted=10, ended=end, ending=cancel) for end in (30, 32)),
        *(
            Jobs(count=50, share=share, size=0, submitted=10, started=20, ended=end, ending=terminate)
            for end in (31, 33)
        ),
    )


def unbalanced_shares(queue: str, by: str) -> tuple[Jobs, ...]:
    """Return a full queue where one share uses most of the other shares' entitlements while their jobs wait."""
    slots, size = _SLOTS[queue], _SLOTS[queue][by][1]
    left = {share: count // 3 for share, (count, _) in slots.items() if share != by}
    jobs_by_share = {by: sum(count for count, _ in slots.values()) - sum(left.values()), **left}
    running = (
        Jobs(count=jobs_by_share[share], share=share, size=size, submitted=-60, started=-30) for share in jobs_by_share
    )
    return (*running, *(Jobs(share=share, size=size, submitted=3) for share in left))


def eight_instance_jobs(running: int, other: int) -> tuple[Jobs, ...]:
    """Return jobs of 8 instances on `p4`: `running` jobs of `a` with two more waiting, and `other` jobs of `b`."""
    before = Jobs(size=8, submitted=-60, started=-30)
    return (
        replace(before, count=running, share="a"),
        replace(before, count=other, share="b"),
        Jobs(count=2, share="a", size=8, submitted=3),
    )


def mostly_idle_queue(queue: str) -> tuple[Jobs, ...]:
    """Return a queue that runs one job while other jobs wait."""
    share, (_, size) = next(iter(_SLOTS[queue].items()))
    return (Jobs(share=share, size=size, submitted=-60, started=-30), *waiting_jobs(queue, 3))


def fluctuating_queue(queue: str, minutes: range, *, waits: bool) -> tuple[Jobs, ...]:
    """Return a queue that is full every third minute while jobs wait, or never full while jobs wait at times.

    Without `waits`, jobs wait in two of three minutes.
    """
    steady = tuple(replace(group, count=group.count // 2) for group in full_queue(queue))
    rest = tuple(replace(group, count=group.count - group.count // 2, submitted=0) for group in full_queue(queue))
    thirds = minutes[::3]
    if waits:
        short = (replace(group, started=minute, ended=minute + 1) for minute in thirds for group in rest)
        return (*steady, *short, *waiting_jobs(queue, 3))
    terminated = find_ending(queue, "Terminated")
    never_started = (
        replace(group, started=FOREVER, submitted=minute, ended=minute + 2) for minute in thirds for group in rest
    )
    return (*steady, *(replace(group, ending=terminated) for group in never_started))


def lost_attempts(queue: str, loss: Ending, count: int, final: Ending) -> tuple[Jobs, ...]:
    """Return a full queue where two jobs a minute lose an attempt and run again; each sixth job ends with `final`."""
    share = _first_share(queue)
    size = _SLOTS[queue][share][1] * _SLOTS[queue][share][0] / count
    others = tuple(group for group in full_queue(queue) if group.share != share)
    return (
        *others,
        *(
            Jobs(
                share=share,
                size=size,
                submitted=-30,
                started=-10,
                lost=((20 + n // 2, loss),),
                ended=55 + n,
                ending=SUCCESS if n % 6 else final,
            )
            for n in range(count)
        ),
    )


def lent_capacity() -> tuple[Jobs, ...]:
    """Return jobs of share `a` of `p4` that use all capacity, until jobs of `b` preempt them."""
    a, b = full_queue("p4")
    preempted = next(ending for ending in SERVICE_ENDINGS if "Preempted" in ending.status_reason)
    return (a, replace(a, count=4, ended=60, ending=preempted), replace(b, submitted=45, started=60))


def hourly_jobs(queue: str, size: float, hours: int) -> tuple[Jobs, ...]:
    """Return jobs that use little capacity for a part of each hour."""
    share = _first_share(queue)
    return tuple(
        Jobs(share=share, size=size, submitted=60 * hour + 15, started=60 * hour + 20, ended=60 * hour + 40)
        for hour in range(hours)
    )


def idle_weekend(queue: str, since: int, until: int) -> tuple[Jobs, ...]:
    """Return a full queue that is idle from minute `since` to minute `until`."""
    before = [replace(group, ended=since) for group in full_queue(queue)]
    return (*before, *(replace(group, submitted=until - 10, started=until) for group in full_queue(queue)))


def _first_share(queue: str) -> str:
    """Return the first share of the queue."""
    return next(iter(_SLOTS[queue]))
