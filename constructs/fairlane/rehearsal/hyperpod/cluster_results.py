"""Results of a rehearsal of a HyperPod cluster: by job, by team and in total."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from fairlane.rehearsal.results import Wait
from fairlane.rehearsal.timeline import Timeline

State: TypeAlias = Literal["finished", "running", "waiting", "never runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOutcome:
    """Outcome of a job.

    Attributes:
        state: `finished`, `running` at the end of the rehearsal, `never runs` for a job that its team can never run,
            or `waiting` for one that did not finish.
        reason: Reason for which the job did not finish. Empty otherwise.
        first_start: Second of the first start. None if the job never started.
        end: Second at which the job finished. None if it did not.
        waited: Number of seconds without processes, before the start and after preemptions.
        sizes: Seconds at which the size in instances changed, and the size from then on.
        moves: Number of changes from one size to another.
        preemptions: Number of Workloads of the job that Kueue evicted.
        moving: GPU-seconds of saving, ending and restarting.
        lost: Lost work in GPU-seconds.
        tokens: Tokens of the work that counts. None if the job does not state its tokens per second.
    """

    state: State
    reason: str
    first_start: int | None
    end: int | None
    waited: int
    sizes: Sequence[tuple[int, int]]
    moves: int
    preemptions: int
    moving: int
    lost: int
    tokens: float | None

    @property
    def wait(self) -> float:
        """`waited`, or infinite if the job never starts. A job that waits at a stated end waited until then."""
        return math.inf if self.first_start is None and self.reason else self.waited


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamResult:
    """Result of one team, or of all teams together. Amounts are in GPU-seconds.

    Attributes:
        name: Name of the team. Empty for all teams together.
        jobs: Number of submitted jobs.
        elastic_jobs: Number of elastic jobs among them.
        never_ran: Number of jobs that never start.
        wait: Waiting time of the jobs that started.
        quota: Number of GPUs of the quota.
        use: Number of GPUs of jobs with processes over time.
        held: Number of GPUs that Kueue has admitted over time.
        borrowed: Admitted above the quota.
        lent: Part of the quota that other teams held. If several teams lend, each counts in proportion to what it does
            not hold itself.
        moves: Number of changes of sizes.
        preemptions: Number of evicted Workloads.
        moving: Saving, ending and restarting of processes.
        lost: Lost work.
        tokens: Tokens of the work that counts. None if no job states its tokens per second.
    """

    name: str
    jobs: int
    elastic_jobs: int
    never_ran: int
    wait: Wait
    quota: int
    use: Timeline
    held: Timeline
    borrowed: float
    lent: float
    moves: int
    preemptions: int
    moving: int
    lost: int
    tokens: float | None


def loans(held: Sequence[Timeline], quotas: Sequence[int], lending: Sequence[bool]) -> list[tuple[float, float]]:
    """Return what each queue borrowed and lent, in seconds of the unit of the quotas.

    Args:
        held: Amount that each queue holds over time.
        quotas: Quota of each queue.
        lending: True for each queue that lends.
    """
    borrowed, lent = [0.0] * len(held), [0.0] * len(held)
    times = sorted({time for timeline in held for time in timeline.times})
    steps = [dict(timeline) for timeline in held]
    values = [0] * len(held)
    for begin, end in pairwise(times):
        values = [step.get(begin, value) for step, value in zip(steps, values, strict=True)]
        above = [max(0, value - quota) for value, quota in zip(values, quotas, strict=True)]
        total = sum(above)
        if not total:
            continue
        spare = [
            max(0, quota - value) if lends else 0 for value, quota, lends in zip(values, quotas, lending, strict=True)
        ]
        seconds = end - begin
        for index, amount in enumerate(above):
            borrowed[index] += amount * seconds
            lent[index] += total * spare[index] / (sum(spare) or 1) * seconds
    return list(zip(borrowed, lent, strict=True))
