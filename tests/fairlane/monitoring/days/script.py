"""Script of a day: jobs by queue, and the behavior of the exporter.

Times are minutes of the day. Minutes before the day are negative.
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
    """Group of jobs with the same history.

    Args:
        count: Number of jobs.
        share: Share of the jobs.
        size: Capacity of each job, in the queue's unit.
        submitted: Minute of the submission.
        started: Minute in which the first attempt starts. Default: never.
        lost: Minute and ending of each lost attempt; the next attempt starts in the same minute.
        ended: Minute of the end. Default: never.
        ending: Ending of the last attempt.
        blocked: Minute and reason of each report that the first job cannot start.
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
        """Return the state in which AWS lists the jobs, or None."""
        if not self.submitted <= minute < self.ended:
            return None
        return "RUNNABLE" if minute < self.started else "RUNNING"

    def histories(self, name: str, queue: Queue, *, service: bool, quota: bool) -> list[Job]:
        """Return the jobs whose events AWS Batch sends.

        Args:
            name: Name of the jobs, without a number.
            queue: Queue of the jobs.
            service: True for a queue of SageMaker training jobs.
            quota: True for a queue with quota shares.
        """
        steps = [Transition(state, milliseconds(self.submitted)) for state in ("SUBMITTED", "RUNNABLE")]
        for started, ending in [(self.started, None), *self.lost]:
            if ending:
                steps.append(Transition("RUNNABLE", milliseconds(started), ending))
            if started < FOREVER:
                steps += [Transition(state, milliseconds(started)) for state in ("SCHEDULED", "STARTING", "RUNNING")]
        if self.ended < FOREVER:
            steps.append(
                Transition("FAILED" if self.ending.reason else "SUCCEEDED", milliseconds(self.ended), self.ending)
            )
        job = Job(
            id=name,
            role="job",
            queue=queue,
            share=Share("quota" if quota else "share", self.share, self.share) if self.share else Share(),
            transitions=tuple(steps),
            service=service,
            capacity=(("ml.p4d.24xlarge", round(self.size)),) if service else (),
        )
        blocked = tuple((milliseconds(minute), block) for minute, block in self.blocked)
        return [replace(job, id=f"{name}-{n}", blocked=() if n else blocked) for n in range(self.count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Behavior of the exporter.

    Args:
        interval: Minutes between two polls.
        stopped: Minutes without polls.
        drifting: True if every other poll is late, so that one minute has two polls and the next minute has none.
        delay: Seconds until CloudWatch can read printed lines.
        late_minute: Minute of each hour whose lines can be read only ten minutes later.
        throttled: Job states that AWS does not list, and `snapshot` if AWS returns no queue snapshots.
        endless: Names of the queues for which AWS lists one page after another.
        intermittent: True if AWS does so only in every third minute.
        events_stopped: Minutes in which no events are taken from their queue.
        unusable: Minutes in which an event arrives that the exporter cannot process.
        undelivered: Minutes in which an event cannot be delivered.
    """

    interval: int = 1
    stopped: range = range(0)
    drifting: bool = False
    delay: int = 20
    late_minute: int = -1
    throttled: frozenset[str] = frozenset()
    endless: frozenset[str] = frozenset()
    intermittent: bool = False
    events_stopped: range = range(0)
    unusable: tuple[int, ...] = ()
    undelivered: tuple[int, ...] = ()

    def polls(self, minutes: range) -> list[int]:
        """Return the times of the polls, in seconds since 1970."""
        times = []
        for minute in minutes[:: self.interval]:
            if minute not in self.stopped:
                early = self.drifting and (minute // self.interval) % 2
                times.append(MIDNIGHT + 60 * minute + (-5 if early else 5))
        return times

    def readable(self, printed: int) -> int:
        """Return the time when CloudWatch can read printed lines, in seconds since 1970."""
        return printed + (600 if printed // 60 % 60 == self.late_minute else self.delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Script of a day, or of some hours of a day.

    Args:
        jobs: Jobs by queue. Other queues have an ordinary day.
        minutes: Length of the day, in minutes.
        alarm_start: Minute in which the alarms are created. Default: 15, when they have data.
        exporter: Behavior of the exporter.
    """

    jobs: Mapping[str, tuple[Jobs, ...]] = field(default_factory=dict)
    minutes: int = 90
    alarm_start: int = 15
    exporter: Exporter = Exporter()


def milliseconds(minute: int) -> int:
    """Return a minute of the day, in milliseconds since 1970."""
    return (MIDNIGHT + 60 * minute) * 1000
