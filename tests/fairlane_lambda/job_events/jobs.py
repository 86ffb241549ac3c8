"""Full histories of jobs: every change of state with its time, and the shares of the jobs.

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
    """Change of a job's state, with the end of the attempt or of the job if the change ends one."""

    state: str
    time: int
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Share of a job: the submitted identifier, and the declared share that it belongs to."""

    field: Literal["share", "quota", ""] = ""
    identifier: str = ""
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """Queue with its declared shares, and shares that jobs are submitted with."""

    name: str
    declared: tuple[str, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Reporting:
    """Options for the fields of AWS's events that AWS can leave out or report in several ways.

    Args:
        lag: Seconds between the end and its event.
        absent: Value of paths that the event does not have.
        omitted: Field that the event does not have: the list of attempts (for at most one attempt) or the job's end.
        scheduled: True if the event has a `scheduledAt`.
        outcome: Place of the container's exit code and reason.
        container_of_parent: True if a multi-node parent has the containers of its main node.
        noise: True if there are events of intermediate states too.
    """

    lag: int = 1
    absent: str | None = ""
    omitted: Literal["", "attempts", "end"] = ""
    scheduled: bool = True
    outcome: Literal["job", "attempt", "both"] = "both"
    container_of_parent: bool = False
    noise: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """History of one job, which can be a parent, a child of an array job or a node.

    Args:
        id: Job id.
        role: Role of the job in its family.
        queue: Queue of the job.
        share: Share of the job.
        transitions: Every state with its start time.
        service: True for service jobs of SageMaker.
        blocked: Times and reasons of blocked queues with this job at the front.
        containers: GPUs of each container. None for containers that request no GPUs.
        ecs: True if the containers are in `ecsProperties`.
        capacity: Instances of each type, for service jobs.
        family: Number of children or nodes, for parents.
        index: Index among them, for children and nodes.
        reporting: Options for the fields of the events.
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
    reporting: Reporting = Reporting()

    @property
    def reported(self) -> int:
        """Time at which the event of the end is sent: a full second after the end."""
        return (self.transitions[-1].time // 1000 + self.reporting.lag) * 1000


def job_shares(declared: Sequence[str], field: Literal["share", "quota"]) -> tuple[Share, ...]:
    """Return shares of jobs in a queue: each declared share, undeclared shares, and no share."""
    declared_shares = [Share(field, entry.removesuffix("*"), entry) for entry in declared]
    declared_shares += [Share(field, entry[:-1] + "-7", entry) for entry in declared if entry.endswith("*")]
    return (*declared_shares, *(Share(field, name, "other") for name in ("tea", "TEAMA", "ProdExp10")), Share())


_DECLARED = ("ProdExp1", "teamA*", "x*")
COMPUTE_QUEUES = (
    Queue("gpu", _DECLARED, job_shares(_DECLARED, "share")),
    Queue("gpu-without-shares", (), job_shares((), "share")),
)
SERVICE_QUEUES = (
    Queue("training", _DECLARED, job_shares(_DECLARED, "share")),
    Queue("training-by-quota", ("prod", "lab"), job_shares(("prod", "lab"), "quota")),
)

AttemptTimes = tuple[int, int, int, Ending]


def job_transitions(end: int, attempts: Sequence[AttemptTimes]) -> tuple[Transition, ...]:
    """Return the states of a job that ends at `end`.

    Args:
        end: Time of the end.
        attempts: Wait, start time, run time and end of each attempt. Durations of phases that the attempt did not reach
            are not used.
    """
    steps: list[tuple[str, int, Ending | None]] = [("SUBMITTED", 0, None), ("PENDING", attempts[0][0] // 2, None)]
    ended: Ending | None = None
    for wait, start, run, ending in attempts:
        steps.append(("RUNNABLE", wait if ended else wait - wait // 2, ended))
        if ending.phase != "queue":
            steps += [("SCHEDULED", start // 3, None), ("STARTING", start - start // 3, None)]
        if ending.phase == "run":
            steps.append(("RUNNING", run, None))
        ended = ending
    steps.append(("SUCCEEDED" if ended in (COMPUTE_SUCCESS, SERVICE_SUCCESS) else "FAILED", 0, ended))
    times = accumulate((length for _, length, _ in steps), initial=end - sum(length for _, length, _ in steps))
    return tuple(Transition(state, time, ending) for (state, _, ending), time in zip(steps, times, strict=False))


def array(job: Job, transition_lists: Sequence[tuple[Transition, ...]]) -> tuple[Job, ...]:
    """Return an array job: the parent, which does not run, and a child for each list of transitions."""
    begin = min(transitions[0].time for transitions in transition_lists)
    end = max(transitions[-1].time for transitions in transition_lists)
    failed = any(transitions[-1].state == "FAILED" for transitions in transition_lists)
    states = ["SUBMITTED", "PENDING", "FAILED" if failed else "SUCCEEDED"]
    ending = Ending("Other", "run", "Array Child Job failed") if failed else COMPUTE_SUCCESS
    parent_transitions = tuple(
        Transition(state, time, state_ending)
        for state, time, state_ending in zip(states, [begin, begin, end], [None, None, ending], strict=True)
    )
    return (
        replace(job, role="array parent", transitions=parent_transitions, family=len(transition_lists)),
        *(
            replace(job, id=f"{job.id}:{n}", role="array child", transitions=transitions, index=n, blocked=())
            for n, transitions in enumerate(transition_lists)
        ),
    )


def multi_node(job: Job, delays: Sequence[float]) -> tuple[Job, ...]:
    """Return a multi-node job and a node for each delay. The delay is the fraction of each run before the node runs."""
    nodes = []
    for n, delay in enumerate(delays):
        transitions = []
        for current, following in pairwise((*job.transitions, job.transitions[-1])):
            late = int((following.time - current.time) * delay) if current.state == "RUNNING" else 0
            transitions.append(replace(current, time=current.time + late))
        nodes.append(replace(job, id=f"{job.id}#{n}", role="node", transitions=tuple(transitions), index=n, blocked=()))
    return (replace(job, role="multi-node parent", family=len(nodes)), *nodes)
