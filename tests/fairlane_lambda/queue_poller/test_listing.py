"""Number of listed jobs, number of calls, and totals."""

import tracemalloc

import pytest

from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Jobs
from tests.fairlane_lambda.queue_poller.polling import (
    HOUR,
    SECOND,
    Container,
    definition,
    front,
    job,
    poll,
    queue,
    service_job,
    units,
)

LISTS = ("list_jobs", "list_service_jobs")


def test_5000_jobs_of_a_compute_queue_take_10_calls_and_one_for_their_definition() -> None:
    batch = FakeBatch({"gpus": {"RUNNABLE": Jobs(5_000, job)}}, definitions=[definition(gpus=8)])
    container = Container(batch)
    first = container.poll(queue())["gpus", None]
    assert (first["RunnableJobs"], first["GpusWanted"], first["Truncated"]) == (5_000, 40_000, 0)
    assert len(batch.calls) == 11
    batch.calls.clear()
    assert container.poll(queue())["gpus", None]["GpusWanted"] == 40_000
    assert len(batch.calls) <= 10


def test_5000_jobs_of_a_service_queue_take_at_most_60_calls() -> None:
    batch = FakeBatch({"train": {"RUNNABLE": Jobs(5_000, lambda n: service_job(n, p4d=2))}})
    published = poll(batch, queue("train", "service", max_pages=60))["train", None]
    assert (published["RunnableJobs"], published["GpusWanted"], published["Truncated"]) == (5_000, 80_000, 0)
    assert len(batch.calls) <= 60


@pytest.mark.parametrize("kind", ["compute", "service"])
def test_all_states_are_counted(kind: str) -> None:
    make = job if kind == "compute" else service_job
    states = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"] + ["SCHEDULED"] * (kind == "service")
    jobs = {state: Jobs(number, make) for number, state in enumerate(states, start=1)}
    published = poll(FakeBatch({"gpus": jobs}, definitions=[definition()]), queue(kind=kind))["gpus", None]
    assert {state: published[f"{state.capitalize()}Jobs"] for state in states} == {
        state: number for number, state in enumerate(states, start=1)
    }
    assert ("ScheduledJobs" in published) == (kind == "service")
    assert published["PollErrors"] == 0


@pytest.mark.parametrize(("kind", "page"), [("compute", 1000), ("service", 100)])
def test_a_million_jobs_cost_no_more_calls_than_allowed(kind: str, page: int) -> None:
    batch = a_million(kind)
    published = poll(batch, queue(kind=kind, max_pages=20))["gpus", None]
    states = [request["jobStatus"] for operation, request in batch.calls if operation in LISTS]
    assert len(states) == 20
    assert published["Truncated"] == 1
    assert published["RunnableJobs"] == page * states.count("RUNNABLE")


@pytest.mark.parametrize(("kind", "bound"), [("compute", 3 * 2**20), ("service", 2**20)])
def test_memory_does_not_grow_with_the_jobs(kind: str, bound: int) -> None:
    container = Container(a_million(kind))
    container.poll(queue(kind=kind, max_pages=8))  # without the memory of the first poll
    peaks = []
    for pages in (8, 40):
        tracemalloc.start()
        container.poll(queue(kind=kind, max_pages=pages))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < bound


def a_million(kind: str) -> FakeBatch:
    make = job if kind == "compute" else service_job
    return FakeBatch({"gpus": {"RUNNABLE": Jobs(1_000_000, make)}}, definitions=[definition(gpus=1)])


def test_every_state_gets_at_least_one_page() -> None:
    states = ("RUNNABLE", "RUNNING", "STARTING", "PENDING", "SUBMITTED")
    batch = FakeBatch({"gpus": {state: Jobs(1_500, job) for state in states}}, definitions=[definition()])
    published = poll(batch, queue(max_pages=1))["gpus", None]
    assert [request["jobStatus"] for operation, request in batch.calls if operation in LISTS] == [*states]
    assert published["RunnableJobs"] == published["SubmittedJobs"] == 1_000
    assert published["Truncated"] == 1


def test_the_most_important_states_get_the_pages() -> None:
    jobs = {state: Jobs(1_500, job) for state in ("RUNNABLE", "RUNNING", "SUBMITTED")}
    published = poll(FakeBatch({"gpus": jobs}, definitions=[definition()]), queue(max_pages=7))["gpus", None]
    assert (published["RunnableJobs"], published["RunningJobs"], published["SubmittedJobs"]) == (1_500, 1_500, 1_000)
    assert published["Truncated"] == 1


@pytest.mark.parametrize("state", ["PENDING", "SUBMITTED"])
def test_an_array_job_counts_as_its_children_in_their_states(state: str) -> None:
    children = {"RUNNABLE": 5, "STARTING": 1, "RUNNING": 3, "PENDING": 2, "SUCCEEDED": 90, "FAILED": 4}
    parent = job(age=HOUR, share="a", arrayProperties={"size": 105, "statusSummary": children})
    batch = FakeBatch({"gpus": {state: [parent]}}, definitions=[definition(gpus=2)])
    published = poll(batch, queue(shares={"a": {}}))
    queue_gauges, share_gauges = published["gpus", None], published["gpus", "a"]
    assert (queue_gauges["RunnableJobs"], queue_gauges["StartingJobs"], queue_gauges["RunningJobs"]) == (5, 1, 3)
    assert (queue_gauges["PendingJobs"], queue_gauges["SubmittedJobs"]) == (2, 0)
    assert (queue_gauges["GpusWanted"], queue_gauges["GpusInUse"]) == (10, 8)
    assert queue_gauges["OldestRunnableAge"] == share_gauges["OldestRunnableAge"] == 3_600
    assert (share_gauges["RunnableJobs"], share_gauges["RunningJobs"], share_gauges["GpusWanted"]) == (5, 4, 10)


def test_an_array_job_without_a_summary_counts_in_its_own_state() -> None:
    batch = FakeBatch(
        {
            "gpus": {
                "RUNNABLE": [job(arrayProperties={"size": 7})],
                "RUNNING": [job(arrayProperties={"size": 7, "index": 3})],
            }
        },
        definitions=[definition(gpus=1)],
    )
    published = poll(batch, queue())["gpus", None]
    assert (published["RunnableJobs"], published["GpusWanted"], published["RunningJobs"]) == (7, 7, 1)


def test_children_that_are_not_runnable_have_no_age() -> None:
    parent = job(age=HOUR, arrayProperties={"size": 3, "statusSummary": {"RUNNABLE": 0, "RUNNING": 3}})
    batch = FakeBatch({"gpus": {"PENDING": [parent]}}, definitions=[definition()])
    assert poll(batch, queue())["gpus", None]["OldestRunnableAge"] == 0


def test_each_child_uses_the_capacity_of_its_parent() -> None:
    children = {"RUNNABLE": 9, "STARTING": 1, "RUNNING": 2}
    array = {"size": 12, "statusSummary": children}
    parent = job(share="a", arrayProperties=array, capacityUsage=units({"VCPU": 8.0}))
    published = poll(FakeBatch({"gpus": {"PENDING": [parent]}}, definitions=[definition()]), queue())
    assert published["gpus", None]["CapacityInUse"] == published["gpus", "other"]["CapacityInUse"] == 24


def test_the_oldest_wait_is_the_maximum_of_all_pages() -> None:
    jobs = Jobs(2_500, lambda n: job(n, age=30 * HOUR if n == 2_200 else HOUR, share="a"))
    batch = FakeBatch(
        {"gpus": {"RUNNABLE": jobs, "RUNNING": [job(age=99 * HOUR)]}},
        snapshots={"gpus": {"frontOfQueue": {"jobs": front(29 * HOUR, 50 * HOUR)}}},
        definitions=[definition()],
    )
    published = poll(batch, queue(shares={"a": {}, "b": {}}))
    assert published["gpus", None]["OldestRunnableAge"] == published["gpus", "a"]["OldestRunnableAge"] == 30 * 3_600
    assert published["gpus", "b"]["OldestRunnableAge"] == 0
    assert published["gpus", None]["HeadOfQueueAge"] == 29 * 3_600


def test_the_oldest_wait_of_a_truncated_listing_is_at_least_that_of_the_front() -> None:
    jobs = Jobs(9_999, lambda n: job(n, age=HOUR + n * SECOND))
    snapshots = {"gpus": {"frontOfQueue": {"jobs": front(20 * HOUR, 25 * HOUR)}}}
    batch = FakeBatch({"gpus": {"RUNNABLE": jobs}}, snapshots=snapshots, definitions=[definition()])
    assert poll(batch, queue(max_pages=5))["gpus", None]["OldestRunnableAge"] == 25 * 3_600
    without = FakeBatch({"gpus": {"RUNNABLE": jobs}}, definitions=[definition()])
    assert poll(without, queue(max_pages=5))["gpus", None]["OldestRunnableAge"] == 3_600 + 999


def test_a_time_in_the_future_gives_no_negative_age() -> None:
    batch = FakeBatch(
        {"gpus": {"RUNNABLE": [job(age=-HOUR)]}},
        snapshots={"gpus": {"frontOfQueue": {"jobs": front(-HOUR)}}},
        definitions=[definition()],
    )
    published = poll(batch, queue())["gpus", None]
    assert (published["OldestRunnableAge"], published["HeadOfQueueAge"]) == (0, 0)


def test_all_gauges_of_an_empty_queue_are_zero() -> None:
    published = poll(FakeBatch({"train": {}}), queue("train", "service"))
    assert published.keys() == {("train", None)}
    queue_gauges = published["train", None]
    assert queue_gauges.pop("PollSeconds") >= 0
    assert set(queue_gauges.values()) == {0}
    assert "CapacityLimit" not in queue_gauges
    assert "CapacityUtilization" not in queue_gauges
