"""Hypothesis strategies for histories of jobs and for the delivery of their events."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from hypothesis import strategies as st

from tests.fairlane_lambda.job_events.endings import (
    BLOCKS,
    COMPUTE_ENDINGS,
    COMPUTE_SUCCESS,
    PREEMPTIONS,
    SERVICE_ENDINGS,
    SERVICE_SUCCESS,
    Block,
    Ending,
)
from tests.fairlane_lambda.job_events.events import REJECTED, Event, job_event_messages
from tests.fairlane_lambda.job_events.jobs import (
    COMPUTE_QUEUES,
    HOUR_MS,
    NOW_MS,
    SERVICE_QUEUES,
    Job,
    Reporting,
    Transition,
    array,
    job_transitions,
    multi_node,
)

LENGTHS = st.one_of(
    st.sampled_from([0, 1, 999, 60_000, 24 * HOUR_MS + 1, 30 * HOUR_MS + 7]),
    st.integers(1, 600_000),
    st.integers(600_000, 40 * HOUR_MS),
)
ENDS = st.integers(NOW_MS - HOUR_MS + 10_000, NOW_MS)
_NO_YES = (False, True)
_OMITTED: tuple[Literal["", "attempts", "end"], ...] = ("", "attempts", "end")
_OUTCOMES: tuple[Literal["job", "attempt", "both"], ...] = ("job", "attempt", "both")
REPORTINGS = st.sampled_from(  # one draw instead of seven, for speed
    [Reporting(*options) for options in product((1, 2, 3), ("", None), _OMITTED, _NO_YES, _OUTCOMES, _NO_YES, _NO_YES)]
)
CONTAINERS = st.sampled_from([(1,), (8,), (None,), (0,), (4,)])
TASKS = st.sampled_from([(1,), (None, 2), (1, 2, 4), (None,), (1,) * 10])
CAPACITIES = st.sampled_from(
    [
        (("ml.p5.48xlarge", 2),),
        (("ml.g5.12xlarge", 1), ("ml.g5.xlarge", 3)),
        (("ml.c5.xlarge", 1),),
        (("NUM_INSTANCES", 4),),
        (),
    ]
)
_DELAYS = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=3)


def _retried(endings: Sequence[Ending]) -> st.SearchStrategy[Ending]:
    return st.sampled_from([ending for ending in endings if ending.retried])


_FINAL = {
    False: st.just(COMPUTE_SUCCESS) | st.sampled_from(COMPUTE_ENDINGS),
    True: st.just(SERVICE_SUCCESS) | st.sampled_from(SERVICE_ENDINGS),
}
_EARLIER = {False: _retried(COMPUTE_ENDINGS), True: _retried(SERVICE_ENDINGS) | st.sampled_from(PREEMPTIONS)}
_EARLIER_COUNTS = st.sampled_from([0, 0, 1, 2, 3])


@st.composite
def job_transition_lists(draw: st.DrawFn, service: bool) -> tuple[Transition, ...]:
    """Transitions of a job with up to three retries or preemptions."""
    final = draw(_FINAL[service])
    count = draw(_EARLIER_COUNTS) if final.phase != "queue" or final.is_requested else 0
    endings = [*(draw(_EARLIER[service]) for _ in range(count)), final]
    return job_transitions(draw(ENDS), [(draw(LENGTHS), draw(LENGTHS), draw(LENGTHS), ending) for ending in endings])


@st.composite
def blocks(draw: st.DrawFn, begin: int) -> tuple[tuple[int, Block], ...]:
    """Up to two events of a blocked queue with the job at its front, at different times."""
    first = draw(st.sampled_from([None, None, *BLOCKS]))
    if first is None:
        return ()
    second = draw(st.sampled_from([None, first, *BLOCKS]))
    return ((begin, first),) if second is None else ((begin, first), (begin + 61_000, second))


@st.composite
def families(draw: st.DrawFn, name: str) -> tuple[Job, ...]:
    """Jobs of one submission: a job, an array job with its children, or a multi-node job with its nodes."""
    kind = draw(st.sampled_from(["single", "array", "multi-node", "service", "service"]))
    service = kind == "service"
    queue = draw(st.sampled_from(SERVICE_QUEUES if service else COMPUTE_QUEUES))
    transitions = draw(job_transition_lists(service))
    ecs = not service and draw(st.booleans())
    job = Job(
        name,
        "job",
        queue,
        draw(st.sampled_from(queue.shares)),
        transitions,
        service,
        draw(blocks(transitions[0].time)),
        () if service else draw(TASKS if ecs else CONTAINERS),
        ecs,
        draw(CAPACITIES) if service else (),
        reporting=draw(REPORTINGS),
    )
    match kind:
        case "array":
            return array(job, draw(st.lists(job_transition_lists(False), min_size=1, max_size=2)))
        case "multi-node":
            return multi_node(job, draw(_DELAYS))
    return (job,)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that arrive together, each with its receive count."""

    records: tuple[tuple[Event, int], ...]
    new_container: bool = False
    """True if a new container gets the batch, without the memory of earlier batches."""


_COPIES = st.sampled_from([1, 1, 1, 1, 0, 2, 3])
_BORDERS = st.sampled_from(["", "", "", "batch", "container"])
_RECEIVED = st.sampled_from([1, 1, 2])


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Job], list[Batch]]:
    """Up to three submissions and their events, which are lost, repeated, out of order and in batches of any size."""
    jobs = [job for n in range(draw(st.integers(1, 3))) for job in draw(families(f"job-{n}"))]
    events = [event for job in jobs for event in job_event_messages(job)]
    events += draw(st.lists(st.sampled_from(REJECTED), max_size=2, unique=True))
    arriving = draw(st.permutations([event for event in events for _ in range(draw(_COPIES))]))
    return jobs, split(draw, arriving)


def split(draw: st.DrawFn, arriving: Sequence[Event]) -> list[Batch]:
    """Return batches with random borders, at some of which a new container starts."""
    batches: list[Batch] = []
    records: list[tuple[Event, int]] = []
    new_container = False
    for event in arriving:
        border = draw(_BORDERS) if records else ""
        if border:
            batches.append(Batch(tuple(records), new_container))
            records, new_container = [], border == "container"
        records.append((event, draw(_RECEIVED) if event.job is None else 1))
    batches.append(Batch(tuple(records), new_container))
    return batches
