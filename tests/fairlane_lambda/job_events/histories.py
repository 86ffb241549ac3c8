"""Hypothesis strategies: histories of jobs, and the ways in which their events arrive."""

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
from tests.fairlane_lambda.job_events.events import REJECTED, Event, events_of
from tests.fairlane_lambda.job_events.jobs import (
    COMPUTE_QUEUES,
    HOUR_MS,
    NOW_MS,
    SERVICE_QUEUES,
    Job,
    Telling,
    Transition,
    array,
    journey,
    multi_node,
)

LENGTHS = st.one_of(
    st.sampled_from([0, 1, 999, 60_000, 24 * HOUR_MS + 1, 30 * HOUR_MS + 7]),
    st.integers(1, 600_000),
    st.integers(600_000, 40 * HOUR_MS),
)
ENDS = st.integers(NOW_MS - HOUR_MS + 10_000, NOW_MS)
_NO_YES = (False, True)
_UNTOLD: tuple[Literal["", "attempts", "end"], ...] = ("", "attempts", "end")
_OUTCOMES: tuple[Literal["job", "attempt", "both"], ...] = ("job", "attempt", "both")
TELLINGS = st.sampled_from(  # one draw instead of seven: histories are made by the thousand
    [Telling(*telling) for telling in product((1, 2, 3), ("", None), _UNTOLD, _NO_YES, _OUTCOMES, _NO_YES, _NO_YES)]
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
def journeys(draw: st.DrawFn, service: bool) -> tuple[Transition, ...]:
    """The states that a job goes through, with up to three retries or preemptions."""
    final = draw(_FINAL[service])
    count = draw(_EARLIER_COUNTS) if final.phase != "queue" or final.by_request else 0
    endings = [*(draw(_EARLIER[service]) for _ in range(count)), final]
    return journey(draw(ENDS), [(draw(LENGTHS), draw(LENGTHS), draw(LENGTHS), ending) for ending in endings])


@st.composite
def blocks(draw: st.DrawFn, begin: int) -> tuple[tuple[int, Block], ...]:
    """Up to two spells at the front of the blocked queue, at different times."""
    first = draw(st.sampled_from([None, None, *BLOCKS]))
    if first is None:
        return ()
    second = draw(st.sampled_from([None, first, *BLOCKS]))
    return ((begin, first),) if second is None else ((begin, first), (begin + 61_000, second))


@st.composite
def families(draw: st.DrawFn, name: str) -> tuple[Job, ...]:
    """The jobs that one submission makes: a job, an array with its children, or a multi-node job with its nodes."""
    kind = draw(st.sampled_from(["single", "array", "multi-node", "service", "service"]))
    service = kind == "service"
    queue = draw(st.sampled_from(SERVICE_QUEUES if service else COMPUTE_QUEUES))
    transitions = draw(journeys(service))
    ecs = not service and draw(st.booleans())
    job = Job(
        name,
        "job",
        queue,
        draw(st.sampled_from(queue.shares)),
        transitions,
        service,
        draw(blocks(transitions[0].at)),
        () if service else draw(TASKS if ecs else CONTAINERS),
        ecs,
        draw(CAPACITIES) if service else (),
        telling=draw(TELLINGS),
    )
    match kind:
        case "array":
            return array(job, draw(st.lists(journeys(False), min_size=1, max_size=2)))
        case "multi-node":
            return multi_node(job, draw(_DELAYS))
    return (job,)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that arrive together, each with the number of times that it was received."""

    records: tuple[tuple[Event, int], ...]
    forgotten: bool = False
    """Whether the memory of what came before is lost."""


_COPIES = st.sampled_from([1, 1, 1, 1, 0, 2, 3])
_BORDERS = st.sampled_from(["", "", "", "batch", "forget"])
_RECEIVED = st.sampled_from([1, 1, 2])


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Job], list[Batch]]:
    """Up to three submissions, and their events: lost, repeated, out of order and in batches of any size."""
    jobs = [job for n in range(draw(st.integers(1, 3))) for job in draw(families(f"job-{n}"))]
    events = [event for job in jobs for event in events_of(job)]
    events += draw(st.lists(st.sampled_from(REJECTED), max_size=2, unique=True))
    arriving = draw(st.permutations([event for event in events for _ in range(draw(_COPIES))]))
    return jobs, split(draw, arriving)


def split(draw: st.DrawFn, arriving: Sequence[Event]) -> list[Batch]:
    """Batches with random borders, at some of which all is forgotten."""
    batches: list[Batch] = []
    records: list[tuple[Event, int]] = []
    forgotten = False
    for event in arriving:
        border = draw(_BORDERS) if records else ""
        if border:
            batches.append(Batch(tuple(records), forgotten))
            records, forgotten = [], border == "forget"
        records.append((event, draw(_RECEIVED) if event.job is None else 1))
    batches.append(Batch(tuple(records), forgotten))
    return batches
