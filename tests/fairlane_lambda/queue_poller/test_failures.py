"""Gauges that a failed call affects, and gauges that it does not affect."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from fairlane_lambda.queue_poller import handler
from tests.fairlane_lambda.queue_poller.fake_batch import FakeBatch, Jobs, Record
from tests.fairlane_lambda.queue_poller.polling import (
    HOUR,
    Container,
    Context,
    definition,
    definition_arn,
    front,
    job,
    poll,
    queue,
    service_job,
    units,
)

THROTTLED = "TooManyRequestsException"
P4D = "ml.p4d.24xlarge"
SNAPSHOT = {
    "frontOfQueue": {"jobs": front(HOUR)},
    "queueUtilization": {
        "totalCapacityUsage": units({P4D: 5.0}),
        "fairshareUtilization": {
            "topCapacityUtilization": [{"shareIdentifier": "a", "capacityUsage": units({P4D: 3.0})}]
        },
    },
}
JOBS = {state: [service_job(share="b", p4d=1)] for state in ("RUNNABLE", "RUNNING", "STARTING", "SCHEDULED", "PENDING")}
LENDING_METRICS = {"CapacityBorrowed", "CapacityLent"}


def listing_fails(state: str) -> Callable[[str, Record], str | None]:
    return lambda operation, request: THROTTLED if request.get("jobStatus") == state else None


def service_queue(name: str = "train") -> Record:
    return queue(name, "service", shares={"a": {P4D: 4}, "b": {P4D: 1}})


def missing_gauges(fails: Callable[[str, Record], str | None]) -> tuple[set[str], set[str], set[str]]:
    """Return the missing gauges of a queue, of its share in the snapshot and of its other share when calls fail."""
    snapshots = {"train": SNAPSHOT}
    whole = poll(FakeBatch({"train": JOBS}, snapshots=snapshots), service_queue())
    partial = poll(FakeBatch({"train": JOBS}, snapshots=snapshots, fails=fails), service_queue())
    assert whole["train", None]["PollErrors"] == 0
    assert partial["train", None]["PollErrors"] == 1
    queue_gauges, a, b = (whole["train", share].keys() - partial["train", share].keys() for share in (None, "a", "b"))
    return queue_gauges, a, b


def test_a_failed_listing_of_runnable_jobs() -> None:
    waiting = {"RunnableJobs", "OldestRunnableAge", "GpusWanted"}
    assert missing_gauges(listing_fails("RUNNABLE")) == (waiting, waiting, waiting)


@pytest.mark.parametrize(
    ("state", "name"), [("RUNNING", "RunningJobs"), ("STARTING", "StartingJobs"), ("SCHEDULED", "ScheduledJobs")]
)
def test_a_failed_listing_of_dispatched_jobs(state: str, name: str) -> None:
    queue_gauges, a, b = missing_gauges(listing_fails(state))
    assert queue_gauges == {name, "GpusInUse"}
    assert a == {"RunningJobs", "GpusInUse", "CapacityLent"}
    assert b == {"RunningJobs", "GpusInUse", "CapacityInUse", *LENDING_METRICS}


@pytest.mark.parametrize("state", ["PENDING", "SUBMITTED"])
def test_a_failed_listing_of_jobs_that_wait_for_others(state: str) -> None:
    assert missing_gauges(listing_fails(state)) == ({f"{state.capitalize()}Jobs"}, set(), set())


def test_a_failed_snapshot() -> None:
    failing = missing_gauges(lambda operation, request: THROTTLED if operation == "get_job_queue_snapshot" else None)
    assert failing == ({"HeadOfQueueAge"}, set(), set())


def test_without_a_snapshot_and_a_listing_no_capacity_is_published() -> None:
    def fails(operation: str, request: Record) -> str | None:
        return THROTTLED if request.get("jobStatus", "RUNNING") == "RUNNING" else None

    published = poll(FakeBatch({"train": JOBS}, fails=fails), service_queue() | {"limit": {P4D: 9}})["train", None]
    assert published["PollErrors"] == 2
    assert published["CapacityLimit"] == 9
    assert not published.keys() & {"CapacityInUse", "CapacityUtilization", "HeadOfQueueAge", "RunningJobs"}


def test_a_failed_later_page_drops_the_whole_state() -> None:
    def fails(operation: str, request: Record) -> str | None:
        return THROTTLED if request.get("nextToken") == "200" else None

    published = poll(FakeBatch({"train": {"RUNNABLE": Jobs(900, service_job)}}, fails=fails), service_queue())
    assert published["train", None]["PollErrors"] == 1
    assert "RunnableJobs" not in published["train", None]
    assert published["train", None]["RunningJobs"] == 0


def test_children_are_left_out_if_the_listing_of_their_parents_fails() -> None:
    parent = job(arrayProperties={"size": 9, "statusSummary": {"RUNNABLE": 5, "RUNNING": 4}})
    jobs = {"PENDING": [parent], "SUBMITTED": [job()]}
    published = poll(FakeBatch({"gpus": jobs}, fails=listing_fails("PENDING")), queue())["gpus", None]
    assert published["SubmittedJobs"] == 1
    assert not published.keys() & {"PendingJobs", "RunnableJobs", "RunningJobs", "OldestRunnableAge", "GpusWanted"}


def test_without_a_definition_the_gpus_of_its_jobs_are_left_out() -> None:
    jobs = {"RUNNABLE": [job(jobDefinition=definition_arn(1))], "RUNNING": [job(jobDefinition=definition_arn(2))]}
    failing = {definition_arn(2)}

    def fails(operation: str, request: Record) -> str | None:
        return THROTTLED if failing.intersection(request.get("jobDefinitions", ())) else None

    container = Container(FakeBatch({"gpus": jobs}, definitions=[definition(1, 4), definition(2, 2)], fails=fails))
    first = container.poll(queue())["gpus", None]
    assert (first["PollErrors"], first["RunnableJobs"], first["RunningJobs"], first["GpusWanted"]) == (1, 1, 1, 4)
    assert "GpusInUse" not in first
    failing.clear()
    second = container.poll(queue())["gpus", None]
    assert (second["PollErrors"], second["GpusInUse"]) == (0, 2)


def test_a_failed_description_of_definitions_is_not_repeated_in_a_poll() -> None:
    jobs = {"RUNNABLE": Jobs(5_000, job)}
    batch = FakeBatch(
        {"gpus": jobs}, fails=lambda operation, _: THROTTLED if operation.startswith("describe") else None
    )
    assert poll(batch, queue())["gpus", None]["PollErrors"] == 1


def test_without_a_definition_the_gpus_of_waiting_children_are_left_out() -> None:
    children = {"RUNNABLE": 5, "STARTING": 0}
    jobs = {"PENDING": [job(arrayProperties={"size": 9, "statusSummary": children})]}
    batch = FakeBatch(
        {"gpus": jobs}, fails=lambda operation, _: THROTTLED if operation.startswith("describe") else None
    )
    published = poll(batch, queue())["gpus", None]
    assert "GpusWanted" not in published
    assert published["GpusInUse"] == 0


def test_a_queue_whose_calls_all_fail_does_not_affect_another_queue() -> None:
    def fails(operation: str, request: Record) -> str | None:
        return "AccessDeniedException" if request.get("jobQueue") == "bad" else None

    container = Container(FakeBatch({"bad": JOBS, "good": JOBS}, fails=fails))
    published = container.poll(service_queue("bad"), service_queue("good"))
    assert published["good", None]["PollErrors"] == 0
    assert published["good", "b"]["RunnableJobs"] == 1
    bad = published["bad", None]
    assert bad.pop("PollSeconds") >= 0
    assert bad == {"PollErrors": 7, "Truncated": 0}
    assert published["bad", "a"] == {"CapacityEntitlement": 4}
    assert "list_service_jobs failed for queue bad: AccessDeniedException" in container.logged


def test_a_broken_connection_is_a_failed_call() -> None:
    class Unreachable(FakeBatch):
        def get_job_queue_snapshot(self, **request: Any) -> Record:
            raise ReadTimeoutError(endpoint_url="https://batch.us-east-1.amazonaws.com")

    published = poll(Unreachable({"train": JOBS}), service_queue())["train", None]
    assert (published["PollErrors"], published["RunnableJobs"]) == (1, 1)


def test_an_error_in_the_poll_of_one_queue_does_not_affect_another_queue() -> None:
    class Surprising(FakeBatch):
        def get_job_queue_snapshot(self, **request: Any) -> Any:
            return ["not an object"] if request["jobQueue"] == "bad" else {}

    container = Container(Surprising({"bad": JOBS, "good": JOBS}))
    published = container.poll(service_queue("bad"), service_queue("good"))
    assert published["bad", None] == {"PollErrors": 1}
    assert published["good", None]["RunnableJobs"] == 1
    assert "poll failed for queue bad: AttributeError" in container.logged


def test_queues_are_polled_at_the_same_time() -> None:
    all_at_once = Barrier(8)

    class Slow(FakeBatch):
        def get_job_queue_snapshot(self, **request: Any) -> Record:
            all_at_once.wait(timeout=30)
            return {}

    names = [f"queue-{number}" for number in range(8)]
    published = poll(Slow(dict.fromkeys(names, JOBS)), *map(service_queue, names))
    assert {published[name, None]["PollErrors"] for name in names} == {0}


def test_no_poll_starts_in_the_last_twenty_seconds() -> None:
    batch = FakeBatch({"train": JOBS})
    published = Container(batch).poll(service_queue(), context=Context(19_999))
    assert published == {("train", None): {"PollErrors": 1}}
    assert batch.calls == []
    assert Container(batch).poll(service_queue(), context=Context(20_000))["train", None]["PollErrors"] == 0


def test_a_poll_ends_when_the_time_runs_out() -> None:
    batch = FakeBatch({"train": {"RUNNABLE": Jobs(5_000, service_job)}})
    context = Context(*[60_000] * 5, 19_999)
    published = Container(batch).poll(service_queue() | {"max_pages": 60}, context=context)["train", None]
    assert (published["Truncated"], published["RunnableJobs"]) == (1, 200)
    assert published["PollErrors"] == 5
    assert "RunningJobs" not in published
    assert len(batch.calls) == 3


def test_every_poll_fails_without_a_client(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def no_client(*_: Any, **__: Any) -> None:
        raise RuntimeError("no Region")

    monkeypatch.setattr(boto3, "client", no_client)
    handler._batch.cache_clear()
    handler.handler({"queues": [queue("a"), queue("b")]}, Context(300_000))
    assert capsys.readouterr().out.count('"PollErrors":1') == 2


def test_the_client_is_created_once_and_repeats_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    handler._batch.cache_clear()
    client = handler._batch()
    assert client is handler._batch()
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert config.connect_timeout + config.read_timeout < handler._LATE_SECONDS
    handler._batch.cache_clear()


def test_a_gauge_that_cannot_be_printed_is_left_out() -> None:
    snapshots = {name: {"queueUtilization": {"totalCapacityUsage": units({P4D: 5.0})}} for name in ("bad", "good")}
    snapshots["bad"]["queueUtilization"]["totalCapacityUsage"][0]["quantity"] = float("nan")
    published = poll(
        FakeBatch({"bad": JOBS, "good": JOBS}, snapshots=snapshots), service_queue("bad"), service_queue("good")
    )
    assert published["good", None].keys() - published["bad", None].keys() == {"CapacityInUse"}
    assert published["good", None]["CapacityInUse"] == 5
