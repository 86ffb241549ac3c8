"""What happens on a day: jobs, by queue, and when the exporter does what.

Times are minutes of the day; those before it are negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tests.fairlane_lambda.job_events.endings import PREEMPTIONS, Block, Ending
from tests.fairlane_lambda.job_events.jobs import Job, Queue, Share, Transition

MIDNIGHT: Final = 1_793_577_600
FOREVER: Final = 1_000_000
SUCCESS: Final = Ending("", "run", code=0)
PREEMPTED: Final = PREEMPTIONS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs that do the same at the same time.

    Args:
        count: how many.
        share: the share that they were submitted to.
        size: the capacity that each uses, in the queue's unit.
        submitted: when they were submitted.
        started: when their first attempt ran; never, if it is not said.
        lost: when an attempt was lost and how; the next one runs at once.
        ended: when they ended; never, if it is not said.
        ending: how.
        blocked: when AWS says that the first of them cannot start, and why.
    """

    count: int = 1
    share: str = ""
    size: float = 1
    submitted: int = 0
    started: int = FOREVER
    lost: tuple[tuple[int, Ending], ...] = ()
    ended: int = FOREVER
    ending: Ending = SUCCESS
    blocked: tuple[tuple[int, Block], ...] = ()

    def state(self, minute: int) -> str | None:
        """The state that they are listed in."""
        if not self.submitted <= minute < self.ended:
            return None
        return "RUNNABLE" if minute < self.started else "RUNNING"

    def histories(self, name: str, queue: Queue, *, service: bool, quota: bool) -> list[Job]:
        """What the events of AWS Batch are told from.

        Args:
            name: what the jobs are called, but for a number.
            queue: theirs.
            service: whether it is one of SageMaker training jobs.
            quota: whether it has quota shares.
        """
        steps = [Transition(state, at(self.submitted)) for state in ("SUBMITTED", "RUNNABLE")]
        for started, ending in [(self.started, None), *self.lost]:
            if ending:
                steps.append(Transition("RUNNABLE", at(started), ending))
            if started < FOREVER:
                steps += [Transition(state, at(started)) for state in ("SCHEDULED", "STARTING", "RUNNING")]
        if self.ended < FOREVER:
            steps.append(Transition("FAILED" if self.ending.reason else "SUCCEEDED", at(self.ended), self.ending))
        job = Job(
            id=name,
            role="job",
            queue=queue,
            share=Share("quota" if quota else "share", self.share, self.share) if self.share else Share(),
            transitions=tuple(steps),
            service=service,
            capacity=(("ml.p4d.24xlarge", round(self.size)),) if service else (),
        )
        blocked = tuple((at(minute), block) for minute, block in self.blocked)
        return [replace(job, id=f"{name}-{n}", blocked=() if n else blocked) for n in range(self.count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """How the exporter does.

    Args:
        interval: minutes between two polls.
        dead: minutes in which there are no polls.
        drifting: whether every other poll is late, so that two are in one minute, and none in the next.
        delay: seconds until what is printed can be read.
        late: which minute of every hour can be read ten minutes later only.
        throttled: states of jobs that AWS does not list, and `snapshot` where it gives none of a queue.
        endless: queues of which it lists page after page.
        now_and_then: whether it does so in every third minute only.
        events_dead: minutes in which events are not taken from their queue.
        unusable: minutes in which an event comes that nobody understands.
        undelivered: minutes in which an event cannot be delivered.
    """

    interval: int = 1
    dead: range = range(0)
    drifting: bool = False
    delay: int = 20
    late: int = -1
    throttled: frozenset[str] = frozenset()
    endless: frozenset[str] = frozenset()
    now_and_then: bool = False
    events_dead: range = range(0)
    unusable: tuple[int, ...] = ()
    undelivered: tuple[int, ...] = ()

    def polls(self, minutes: range) -> list[int]:
        """When queues are polled, in seconds since 1970."""
        times = []
        for minute in minutes[:: self.interval]:
            if minute not in self.dead:
                early = self.drifting and (minute // self.interval) % 2
                times.append(MIDNIGHT + 60 * minute + (-5 if early else 5))
        return times

    def readable(self, printed: int) -> int:
        """When CloudWatch can read what was printed, in seconds since 1970."""
        return printed + (600 if printed // 60 % 60 == self.late else self.delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day, or the hours of one that matter.

    Args:
        jobs: by queue; what is not in it has an ordinary day.
        minutes: how long it is.
        watched: the minutes from which on alarms are there; a quarter of an hour, until they have data.
        exporter: how it does.
    """

    jobs: Mapping[str, tuple[Jobs, ...]] = field(default_factory=dict)
    minutes: int = 90
    watched: int = 15
    exporter: Exporter = Exporter()


def at(minute: int) -> int:
    """A minute of the day, in milliseconds since 1970."""
    return (MIDNIGHT + 60 * minute) * 1000
