"""Full histories of jobs: every change of state with its time, and who they counted for.

Times are milliseconds of the Unix epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal

from tests.fairlane_lambda.job_events.endings import COMPUTE_SUCCESS, SERVICE_SUCCESS, Block, Ending

NOW = 1_793_534_437.25
NOW_MS = int(NOW * 1000)
HOUR_MS = 3_600_000

Role = Literal["job", "array parent", "array child", "multi-node parent", "node"]


@dataclass(frozen=True, slots=True)
class Transition:
    """A job enters a state; `ending` says how the attempt or the job ended, where this ends one."""

    state: str
    at: int
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Whom a job counts for: the identifier it was submitted with, and the declared entry that this belongs to."""

    field: Literal["share", "quota", ""] = ""
    identifier: str = ""
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with the shares it declares, and some that jobs may be submitted with."""

    name: str
    declared: tuple[str, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Telling:
    """What AWS tells of a job, of the things it may leave out or tell in several ways.

    Args:
        lag: Seconds between the end and its report.
        absent: What stands for a path that the event lacks.
        untold: What is left out: the list of attempts (of a job that has one at most) or the job's end.
        scheduled: Whether there is a scheduledAt.
        outcome: Where the container's exit code and reason stand.
        container_of_parent: Whether a multi-node parent shows the containers of its main node.
        noise: Whether there are events of states in between as well.
    """

    lag: int = 1
    absent: str | None = ""
    untold: Literal["", "attempts", "end"] = ""
    scheduled: bool = True
    outcome: Literal["job", "attempt", "both"] = "both"
    container_of_parent: bool = False
    noise: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """All that happened to one job, which may be a parent, a child of an array or a node.

    Args:
        id: The job id.
        role: What it is in its family.
        queue: The queue it was submitted to.
        share: Whom it counts for.
        transitions: Every state with the time at which it was entered.
        service: Whether it is a service job, of SageMaker.
        blocked: When it stood at the front of a blocked queue, and why.
        containers: GPUs of each container; None where it asks for none.
        ecs: Whether its containers stand in ecsProperties.
        capacity: Instances of each type, of a service job.
        family: The number of children or nodes, of a parent.
        index: The number among them, of a child or node.
        telling: How AWS tells of it.
    """

    id: str
    role: Role
    queue: Queue
    share: Share
    transitions: tuple[Transition, ...]
    service: bool = False
    blocked: tuple[tuple[int, Block], ...] = ()
    containers: tuple[int | None, ...] = (1,)
    ecs: bool = False
    capacity: tuple[tuple[str, int], ...] = ()
    family: int = 0
    index: int = 0
    telling: Telling = Telling()

    @property
    def reported(self) -> int:
        """When the event of its end was sent: at a full second, after the end."""
        return (self.transitions[-1].at // 1000 + self.telling.lag) * 1000


def shares_of(declared: Sequence[str], field: Literal["share", "quota"]) -> tuple[Share, ...]:
    """Submissions to a queue with these declared entries: to each of them, to none of them, and without a share."""
    known = [Share(field, entry.removesuffix("*"), entry) for entry in declared]
    known += [Share(field, entry[:-1] + "-7", entry) for entry in declared if entry.endswith("*")]
    return (*known, *(Share(field, stranger, "other") for stranger in ("tea", "TEAMA", "ProdExp10")), Share())


_DECLARED = ("ProdExp1", "teamA*", "x*")
COMPUTE_QUEUES = (
    Queue("gpu", _DECLARED, shares_of(_DECLARED, "share")),
    Queue("gpu-without-shares", (), shares_of((), "share")),
)
SERVICE_QUEUES = (
    Queue("training", _DECLARED, shares_of(_DECLARED, "share")),
    Queue("training-by-quota", ("prod", "lab"), shares_of(("prod", "lab"), "quota")),
)

Stint = tuple[int, int, int, Ending]


def journey(end: int, stints: Sequence[Stint]) -> tuple[Transition, ...]:
    """The states of a job that ends at `end`.

    Args:
        end: The time of its end.
        stints: For each time that it went through its queue: how long it waited, started and ran, and how that
            ended. Lengths of phases that it did not get to are not used.
    """
    steps: list[tuple[str, int, Ending | None]] = [("SUBMITTED", 0, None), ("PENDING", stints[0][0] // 2, None)]
    ended: Ending | None = None
    for wait, start, run, ending in stints:
        steps.append(("RUNNABLE", wait if ended else wait - wait // 2, ended))
        if ending.phase != "queue":
            steps += [("SCHEDULED", start // 3, None), ("STARTING", start - start // 3, None)]
        if ending.phase == "run":
            steps.append(("RUNNING", run, None))
        ended = ending
    steps.append(("SUCCEEDED" if ended in (COMPUTE_SUCCESS, SERVICE_SUCCESS) else "FAILED", 0, ended))
    times = accumulate((length for _, length, _ in steps), initial=end - sum(length for _, length, _ in steps))
    return tuple(Transition(state, at, ending) for (state, _, ending), at in zip(steps, times, strict=False))


def array(job: Job, journeys: Sequence[tuple[Transition, ...]]) -> tuple[Job, ...]:
    """The parent, which runs nothing itself, and a child like `job` for each journey."""
    begin = min(transitions[0].at for transitions in journeys)
    end = max(transitions[-1].at for transitions in journeys)
    failed = any(transitions[-1].state == "FAILED" for transitions in journeys)
    states = ["SUBMITTED", "PENDING", "FAILED" if failed else "SUCCEEDED"]
    ending = Ending("Other", "run", "Array Child Job failed") if failed else COMPUTE_SUCCESS
    of_parent = tuple(
        Transition(state, at, how)
        for state, at, how in zip(states, [begin, begin, end], [None, None, ending], strict=True)
    )
    return (
        replace(job, role="array parent", transitions=of_parent, family=len(journeys)),
        *(
            replace(job, id=f"{job.id}:{n}", role="array child", transitions=transitions, index=n, blocked=())
            for n, transitions in enumerate(journeys)
        ),
    )


def multi_node(job: Job, delays: Sequence[float]) -> tuple[Job, ...]:
    """The multi-node job, and a node for each delay: that part of each run has passed before the node runs."""
    nodes = []
    for n, delay in enumerate(delays):
        transitions = []
        for now, then in pairwise((*job.transitions, job.transitions[-1])):
            late = int((then.at - now.at) * delay) if now.state == "RUNNING" else 0
            transitions.append(replace(now, at=now.at + late))
        nodes.append(replace(job, id=f"{job.id}#{n}", role="node", transitions=tuple(transitions), index=n, blocked=()))
    return (replace(job, role="multi-node parent", family=len(nodes)), *nodes)
