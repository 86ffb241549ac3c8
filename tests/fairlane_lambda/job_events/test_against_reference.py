"""Comparison of the handler with the reference model: the metrics of job histories."""

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
    AttemptTimes,
    Job,
    Reporting,
    Share,
    array,
    job_transitions,
    multi_node,
)


@settings(max_examples=150)
@given(deliveries())
def test_the_metrics_of_any_histories_are_those_of_the_reference(delivery: tuple[list[Job], list[Batch]]) -> None:
    jobs, batches = delivery
    check(jobs, batches)


@pytest.mark.slow
@settings(max_examples=2_000)
@given(deliveries())
def test_the_metrics_of_many_more_histories_are_those_of_the_reference(delivery: tuple[list[Job], list[Batch]]) -> None:
    jobs, batches = delivery
    check(jobs, batches)


@pytest.mark.parametrize("ending", [*COMPUTE_ENDINGS, COMPUTE_SUCCESS])
@pytest.mark.parametrize("ecs", [False, True])
@pytest.mark.parametrize("outcome", ["job", "attempt", "both"])
def test_metrics_of_each_end_of_a_compute_job(ending: Ending, ecs: bool, outcome: Any) -> None:
    reporting = Reporting(outcome=outcome)
    check_all(
        [single((5_000, 3_000, 60_500, ending), ecs=ecs, containers=(2, None) if ecs else (2,), reporting=reporting)]
    )


@pytest.mark.parametrize("ending", [*SERVICE_ENDINGS, SERVICE_SUCCESS])
def test_metrics_of_each_end_of_a_service_job(ending: Ending) -> None:
    check_all([single((5_000, 3_000, 60_500, ending), service=True)])


@pytest.mark.parametrize("ending", [ending for ending in COMPUTE_ENDINGS if ending.retried])
def test_the_failure_reason_is_that_of_the_last_attempt(ending: Ending) -> None:
    final = Ending("Other", "run", "Essential container in task exited", code=0)
    check_all([single((1_000, 2_000, 4_000, ending), (8_000, 16_000, 32_000, final))])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("service", [False, True])
def test_metrics_of_a_blocked_queue(block: Block, service: bool) -> None:
    blocks = ((END - HOUR_MS, block), (END - HOUR_MS + 1_000, block))
    success = SERVICE_SUCCESS if service else COMPUTE_SUCCESS
    check_all([single((1_000, 1_000, 1_000, success), service=service, blocked=blocks)])


@pytest.mark.parametrize("queue", [*COMPUTE_QUEUES, *SERVICE_QUEUES], ids=lambda queue: queue.name)
def test_metrics_of_every_kind_of_share(queue: Any) -> None:
    service = queue in SERVICE_QUEUES
    success = SERVICE_SUCCESS if service else COMPUTE_SUCCESS
    attempt = (1_000, 2_000, 4_000, success)
    check_all(
        [single(attempt, id=f"j{n}", queue=queue, share=share, service=service) for n, share in enumerate(queue.shares)]
    )


@pytest.mark.parametrize(
    "attempts", [[LONG], [SHORT], [(1, 2, 4, PULL), LONG], [(1, 2, 4, SPOT), (8, 16, 32, SPOT), LONG]]
)
def test_waits_and_runs_of_any_length(attempts: list[AttemptTimes]) -> None:
    check_all([single(*attempts)])


@pytest.mark.parametrize("omitted", ["", "attempts", "end"])
@pytest.mark.parametrize("before", [[], [(1_000, 1_000, 1_000, SPOT)], [(1_000, 1_000, 1_000, PULL)]])
def test_job_cancelled_while_it_waits(omitted: Any, before: list[AttemptTimes]) -> None:
    check_all([single(*before, (30 * HOUR_MS, 0, 0, CANCEL), reporting=Reporting(omitted=omitted))])


def test_an_array_job_whose_children_end_differently() -> None:
    ends = [(1_000, 2_000, 4_000, COMPUTE_SUCCESS), (8_000, 16_000, 32_000, SPOT), (5_000, 0, 0, CANCEL)]
    check_all(
        array(single(ends[0], containers=(8,)), [job_transitions(END - n, [attempt]) for n, attempt in enumerate(ends)])
    )


@pytest.mark.parametrize("container_of_parent", [False, True])
@pytest.mark.parametrize("ecs", [False, True])
@pytest.mark.parametrize("ending", [COMPUTE_SUCCESS, *COMPUTE_ENDINGS])
def test_metrics_of_a_multi_node_job(ending: Ending, ecs: bool, container_of_parent: bool) -> None:
    attempts = [(1_000, 2_000, 4_000, SPOT), (8_000, 16_000, 32_000, ending)]
    attempts = attempts if ending.phase != "queue" else attempts[1:]
    job = single(*attempts, ecs=ecs, containers=(8,), reporting=Reporting(container_of_parent=container_of_parent))
    check_all(multi_node(job, [0.0, 0.5, 1.0]))


@pytest.mark.parametrize("share", SERVICE_QUEUES[1].shares, ids=lambda share: share.identifier or "none")
def test_metrics_of_a_preempted_job(share: Share) -> None:
    attempts = [(1_000, 2_000, 4_000, PREEMPTIONS[0]), (8_000, 16_000, 0, PREEMPTIONS[1])]
    attempts += [(1_000, 2_000, 26 * HOUR_MS, PREEMPTIONS[0]), (8_000, 16_000, 32_000, SERVICE_SUCCESS)]
    check_all([single(*attempts, service=True, queue=SERVICE_QUEUES[1], share=share)])


def test_transitions_of_a_retried_job() -> None:
    states = [(t.state, t.time) for t in job_transitions(100, [(9, 3, 5, SPOT), (7, 3, 1, COMPUTE_SUCCESS)])]
    assert states == [
        *[("SUBMITTED", 72), ("PENDING", 72), ("RUNNABLE", 76), ("SCHEDULED", 81), ("STARTING", 82), ("RUNNING", 84)],
        *[("RUNNABLE", 89), ("SCHEDULED", 96), ("STARTING", 97), ("RUNNING", 99), ("SUCCEEDED", 100)],
    ]
