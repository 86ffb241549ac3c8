"""What queues go through: first of all a busy day, on which they are full, and what waits does not wait for long."""

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
"""By queue and share, how many jobs run at a time, and what each uses: all that the share is entitled to."""

_RUN: Final = 90
_WAIT: Final = 20


def ending(queue: str, reason: str) -> Ending:
    """How a job of a queue ends for a reason, while it runs if it may."""
    endings = [one for one in (COMPUTE_ENDINGS if queue == "g5" else SERVICE_ENDINGS) if one.reason == reason]
    return next((one for one in endings if one.phase == "run"), endings[0])


@cache
def ordinary(queue: str, minutes: range) -> tuple[Jobs, ...]:
    """Jobs that run one after the other, of which one in seven fails, and one in five is terminated."""
    return tuple(one for share in _SLOTS[queue] for one in _busy(queue, share, minutes))


def _busy(queue: str, share: str, minutes: range) -> Iterator[Jobs]:
    slots, size = _SLOTS[queue][share]
    number = 0
    for slot in range(slots):
        for started in range(minutes[0] - _RUN * (slot + 1) // slots, minutes[-1] + _WAIT, _RUN):
            number += 1
            how = "Terminated" if number % 5 == 0 else "Timeout" if number % 7 == 0 else ""
            yield Jobs(
                share=share,
                size=size,
                submitted=started - _WAIT,
                started=max(started, minutes[0]),
                ended=started + _RUN,
                ending=ending(queue, how) if how else SUCCESS,
            )


def full(queue: str) -> tuple[Jobs, ...]:
    """Jobs that hang, and use all that their shares are entitled to."""
    return tuple(
        Jobs(count=count, share=share, size=size, submitted=-60, started=-30)
        for share, (count, size) in _SLOTS[queue].items()
    )


def waiting(queue: str, since: int, until: int = FOREVER) -> tuple[Jobs, ...]:
    """Jobs of each share, which wait; they may be terminated."""
    how = ending(queue, "Terminated")
    return tuple(
        Jobs(count=2, share=share, size=size, submitted=since, ended=until, ending=how)
        for share, (_, size) in _SLOTS[queue].items()
    )


def blocked(queue: str, *reasons: str) -> tuple[Jobs, ...]:
    """A full queue of which AWS says one reason after the other, two minutes apart, each once."""
    blocks = {block.reason: block for block in BLOCKS}
    told = tuple((20 + 2 * n, blocks[reason]) for n, reason in enumerate(reasons))
    return (*full(queue), Jobs(share=_first(queue), submitted=10, blocked=told))


def failing(queue: str, reason: str, pairs: int, successes: int) -> tuple[Jobs, ...]:
    """A full queue in which jobs without much appetite end from minute 20 on: first two that succeed in each minute,
    then two that fail.
    """
    how = ending(queue, reason)
    return (
        *full(queue),
        *(
            Jobs(
                count=2,
                share=_first(queue),
                size=0,
                submitted=end - 4,
                started=end - 3,
                ended=end,
                ending=how if end >= 20 + successes else SUCCESS,
            )
            for end in range(20, 20 + pairs + successes)
        ),
    )


def cancelled(queue: str) -> tuple[Jobs, ...]:
    """A full queue in which somebody cancels 100 jobs that wait, and terminates 100 that have just begun, in turns."""
    cancel = next(one for one in SERVICE_ENDINGS if one.reason == "Terminated" and one.phase == "queue")
    if queue == "g5":
        cancel = next(one for one in COMPUTE_ENDINGS if one.reason == "Cancelled")
    share, terminate = _first(queue), ending(queue, "Terminated")
    return (
        *full(queue),
        *(Jobs(count=50, share=share, submitted=10, ended=end, ending=cancel) for end in (30, 32)),
        *(
            Jobs(count=50, share=share, size=0, submitted=10, started=20, ended=end, ending=terminate)
            for end in (31, 33)
        ),
    )


def taken(queue: str, by: str) -> tuple[Jobs, ...]:
    """A full queue of which one share has most of what others are entitled to, while jobs of theirs wait."""
    slots, size = _SLOTS[queue], _SLOTS[queue][by][1]
    left = {share: count // 3 for share, (count, _) in slots.items() if share != by}
    has = {by: sum(count for count, _ in slots.values()) - sum(left.values()), **left}
    running = (Jobs(count=has[share], share=share, size=size, submitted=-60, started=-30) for share in has)
    return (*running, *(Jobs(share=share, size=size, submitted=3) for share in left))


def by_eights(running: int, other: int) -> tuple[Jobs, ...]:
    """Jobs of 8 instances on `p4`: so many run of `a`, of which two more wait, and so many of `b`."""
    before = Jobs(size=8, submitted=-60, started=-30)
    return (
        replace(before, count=running, share="a"),
        replace(before, count=other, share="b"),
        Jobs(count=2, share="a", size=8, submitted=3),
    )


def mostly_idle(queue: str) -> tuple[Jobs, ...]:
    """A queue that runs one job, while others wait."""
    share, (_, size) = next(iter(_SLOTS[queue].items()))
    return (Jobs(share=share, size=size, submitted=-60, started=-30), *waiting(queue, 3))


def restless(queue: str, minutes: range, *, waits: bool) -> tuple[Jobs, ...]:
    """A queue that is full in every third minute only, while jobs wait; or that is never full, while they wait in two
    minutes of three.
    """
    hanging = tuple(replace(one, count=one.count // 2) for one in full(queue))
    more = tuple(replace(one, count=one.count - one.count // 2, submitted=0) for one in full(queue))
    thirds = minutes[::3]
    if waits:
        comes = (replace(one, started=at, ended=at + 1) for at in thirds for one in more)
        return (*hanging, *comes, *waiting(queue, 3))
    waits_on_and_off = (replace(one, started=FOREVER, submitted=at, ended=at + 2) for at in thirds for one in more)
    return (*hanging, *(replace(one, ending=ending(queue, "Terminated")) for one in waits_on_and_off))


def losing(queue: str, how: Ending, count: int, final: Ending) -> tuple[Jobs, ...]:
    """A full queue, two jobs of which lose an attempt each minute; they run again, and every sixth ends otherwise."""
    share = _first(queue)
    size = _SLOTS[queue][share][1] * _SLOTS[queue][share][0] / count
    others = tuple(one for one in full(queue) if one.share != share)
    return (
        *others,
        *(
            Jobs(
                share=share,
                size=size,
                submitted=-30,
                started=-10,
                lost=((20 + n // 2, how),),
                ended=55 + n,
                ending=SUCCESS if n % 6 else final,
            )
            for n in range(count)
        ),
    )


def lending() -> tuple[Jobs, ...]:
    """Share `a` of `p4` uses all, until jobs of `b` take back what it lent."""
    a, b = full("p4")
    preempted = next(one for one in SERVICE_ENDINGS if "Preempted" in one.said)
    return (a, replace(a, count=4, ended=60, ending=preempted), replace(b, submitted=45, started=60))


def hourly(queue: str, size: float, hours: int) -> tuple[Jobs, ...]:
    """A queue of which hardly anything is used, and that for a part of each hour."""
    share = _first(queue)
    return tuple(
        Jobs(share=share, size=size, submitted=60 * hour + 15, started=60 * hour + 20, ended=60 * hour + 40)
        for hour in range(hours)
    )


def weekend(queue: str, since: int, until: int) -> tuple[Jobs, ...]:
    """A queue that is full, but for two days and a half."""
    before = [replace(one, ended=since) for one in full(queue)]
    return (*before, *(replace(one, submitted=until - 10, started=until) for one in full(queue)))


def _first(queue: str) -> str:
    """The share of the queue that is named first."""
    return next(iter(_SLOTS[queue]))
