"""The handler against the reference model: histories of jobs in, as their events; the values of the metrics out."""

from typing import Any

import pytest
from hypothesis import given, settings

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
from tests.fairlane_lambda.job_events.harness import CANCEL, END, LONG, PULL, SHORT, SPOT, check, check_all, single
from tests.fairlane_lambda.job_events.histories import Batch, deliveries
from tests.fairlane_lambda.job_events.jobs import (
    COMPUTE_QUEUES,
    HOUR_MS,
    SERVICE_QUEUES,
    Job,
    Share,
    Stint,
    Telling,
    array,
    journey,
    multi_node,
)


@settings(max_examples=500)
@given(deliveries())
def test_the_metrics_of_any_histories_are_those_of_the_reference(drawn: tuple[list[Job], list[Batch]]) -> None:
    jobs, batches = drawn
    check(jobs, batches)


@pytest.mark.slow
@settings(max_examples=2_000)
@given(deliveries())
def test_the_metrics_of_many_more_histories_are_those_of_the_reference(drawn: tuple[list[Job], list[Batch]]) -> None:
    jobs, batches = drawn
    check(jobs, batches)


@pytest.mark.parametrize("ending", [*COMPUTE_ENDINGS, COMPUTE_SUCCESS])
@pytest.mark.parametrize("ecs", [False, True])
@pytest.mark.parametrize("outcome", ["job", "attempt", "both"])
def test_compute_job_that_ends_so(ending: Ending, ecs: bool, outcome: Any) -> None:
    telling = Telling(outcome=outcome)
    check_all([single((5_000, 3_000, 60_500, ending), ecs=ecs, containers=(2, None) if ecs else (2,), telling=telling)])


@pytest.mark.parametrize("ending", [*SERVICE_ENDINGS, SERVICE_SUCCESS])
def test_service_job_that_ends_so(ending: Ending) -> None:
    check_all([single((5_000, 3_000, 60_500, ending), service=True)])


@pytest.mark.parametrize("ending", [ending for ending in COMPUTE_ENDINGS if ending.retried])
def test_only_the_last_attempt_says_why_a_job_failed(ending: Ending) -> None:
    final = Ending("Other", "run", "Essential container in task exited", code=0)
    check_all([single((1_000, 2_000, 4_000, ending), (8_000, 16_000, 32_000, final))])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("service", [False, True])
def test_blocked_queue(block: Block, service: bool) -> None:
    spells = ((END - HOUR_MS, block), (END - HOUR_MS + 1_000, block))
    success = SERVICE_SUCCESS if service else COMPUTE_SUCCESS
    check_all([single((1_000, 1_000, 1_000, success), service=service, blocked=spells)])


@pytest.mark.parametrize("queue", [*COMPUTE_QUEUES, *SERVICE_QUEUES], ids=lambda queue: queue.name)
def test_every_kind_of_share(queue: Any) -> None:
    service = queue in SERVICE_QUEUES
    success = SERVICE_SUCCESS if service else COMPUTE_SUCCESS
    stint = (1_000, 2_000, 4_000, success)
    check_all(
        [single(stint, id=f"j{n}", queue=queue, share=share, service=service) for n, share in enumerate(queue.shares)]
    )


@pytest.mark.parametrize(
    "stints", [[LONG], [SHORT], [(1, 2, 4, PULL), LONG], [(1, 2, 4, SPOT), (8, 16, 32, SPOT), LONG]]
)
def test_waits_and_runs_of_any_length(stints: list[Stint]) -> None:
    check_all([single(*stints)])


@pytest.mark.parametrize("untold", ["", "attempts", "end"])
@pytest.mark.parametrize("before", [[], [(1_000, 1_000, 1_000, SPOT)], [(1_000, 1_000, 1_000, PULL)]])
def test_job_cancelled_while_it_waits(untold: Any, before: list[Stint]) -> None:
    check_all([single(*before, (30 * HOUR_MS, 0, 0, CANCEL), telling=Telling(untold=untold))])


def test_array_with_children_that_fare_differently() -> None:
    ends = [(1_000, 2_000, 4_000, COMPUTE_SUCCESS), (8_000, 16_000, 32_000, SPOT), (5_000, 0, 0, CANCEL)]
    check_all(array(single(ends[0], containers=(8,)), [journey(END - n, [stint]) for n, stint in enumerate(ends)]))


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("ecs", [False, True])
@pytest.mark.parametrize("ending", [COMPUTE_SUCCESS, *COMPUTE_ENDINGS])
def test_multi_node_job(ending: Ending, ecs: bool, shown: bool) -> None:
    stints = [(1_000, 2_000, 4_000, SPOT), (8_000, 16_000, 32_000, ending)]
    stints = stints if ending.phase != "queue" else stints[1:]
    job = single(*stints, ecs=ecs, containers=(8,), telling=Telling(container_of_parent=shown))
    check_all(multi_node(job, [0.0, 0.5, 1.0]))


@pytest.mark.parametrize("share", SERVICE_QUEUES[1].shares, ids=lambda share: share.identifier or "none")
def test_preempted_job(share: Share) -> None:
    stints = [(1_000, 2_000, 4_000, PREEMPTIONS[0]), (8_000, 16_000, 0, PREEMPTIONS[1])]
    stints += [(1_000, 2_000, 26 * HOUR_MS, PREEMPTIONS[0]), (8_000, 16_000, 32_000, SERVICE_SUCCESS)]
    check_all([single(*stints, service=True, queue=SERVICE_QUEUES[1], share=share)])


def test_journey_of_a_retried_job() -> None:
    states = [(t.state, t.at) for t in journey(100, [(9, 3, 5, SPOT), (7, 3, 1, COMPUTE_SUCCESS)])]
    assert states == [
        *[("SUBMITTED", 72), ("PENDING", 72), ("RUNNABLE", 76), ("SCHEDULED", 81), ("STARTING", 82), ("RUNNING", 84)],
        *[("RUNNABLE", 89), ("SCHEDULED", 96), ("STARTING", 97), ("RUNNING", 99), ("SUCCEEDED", 100)],
    ]
