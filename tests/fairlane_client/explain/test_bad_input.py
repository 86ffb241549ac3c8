"""Answers to wrong and incomplete input: permissions, throttling, clocks, jobs that change meanwhile, large queues."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fairlane.scheduling import Fifo
from fairlane_client.clock import Clock
from fairlane_client.explain import Explanation, Reason, explain
from fairlane_client.explain.facts import FRONT, read_facts
from fairlane_client.queues.calls import Calls, NotAllowed
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue, QueueEnvironment, read_queue
from tests.fairlane_client.explain.faulty import Faulty
from tests.fairlane_client.explain.world import G5, P5, World, world
from tests.fairlane_local.batch.jobs.support import payload, submit

PATIENT = Clock(sleep=lambda seconds: None)


@pytest.fixture
def own() -> Iterator[World]:
    with world() as own:
        yield own


class Case:
    """Queue whose 8 instances are held by one job, and a job of 2 instances that waits behind one of 4."""

    def __init__(self, own: World, kind: str) -> None:
        self.world = own
        self.arn = own.create(kind, Random(0))
        self.client = Faulty(own.batch)
        self.share = {"shareIdentifier": "a", "schedulingPriority": 0} if kind == "fair" else {}
        self.running = self.submit("running", 6)
        own.advance(60)
        self.head = self.submit("head", 4)
        own.advance(1)
        self.job = self.submit("small", 3)
        own.advance(60)

    def submit(self, name: str, instances: int, run: int = 3600) -> str:
        return submit(self.world.batch, self.arn, name, run=run, serviceRequestPayload=payload(instances), **self.share)

    def explain(self, job: str = "", now: float | None = None) -> Explanation:
        calls = Calls(self.client, PATIENT)
        queue = read_queue(Calls(self.world.batch), self.arn)
        return explain(calls, queue, job or self.job, now=self.world.now if now is None else now)


@pytest.mark.parametrize("operation", ["describe_service_job", "get_job_queue_snapshot", "list_service_jobs"])
def test_a_missing_permission_is_named(own: World, operation: str) -> None:
    case = Case(own, "fifo")
    case.client.denied.add(operation)
    action = "".join(part.capitalize() for part in operation.split("_"))
    with pytest.raises(NotAllowed, match=f"no permission for batch:{action}: queue.grants.observe"):
        case.explain()


@pytest.mark.parametrize("name", ["nothing", "arn:aws:batch:us-east-1:1:service-job/nothing"])
def test_an_unknown_job_is_named(own: World, name: str) -> None:
    with pytest.raises(LookupError, match=r"has no job .*nothing: AWS Batch keeps ended jobs for at least 7 days"):
        Case(own, "fifo").explain(name)


def test_a_job_of_another_queue_is_not_found(own: World) -> None:
    case, other = Case(own, "fifo"), own.create("fifo", Random(1))
    job = submit(own.batch, other)
    with pytest.raises(LookupError, match="has no job"):
        case.explain(job)
    containers = own.create("containers", Random(2))
    queue = read_queue(Calls(own.batch), containers)
    assert queue.kind == "gpu"
    with pytest.raises(LookupError, match="has no job"):
        explain(Calls(own.batch), queue, job)


def test_without_the_snapshot_a_fifo_queue_has_the_order_of_submission(own: World) -> None:
    case = Case(own, "fifo")
    case.client.throttled["get_job_queue_snapshot"] = lambda request: True
    answer = case.explain()
    assert answer.reason is Reason.CAPACITY_FULL
    assert answer.place
    assert (answer.place.position, answer.place.inferred, answer.place.ahead_amount) == (2, True, 4)
    assert "the order of the queue is missing: batch:GetJobQueueSnapshot failed 6 times" in answer.notes[0]


def test_without_the_snapshot_the_order_of_a_fair_share_queue_is_unknown(own: World) -> None:
    case = Case(own, "fair")
    case.job = case.submit("tiny", 2)
    own.advance(10)
    assert case.explain().reason is Reason.HEAD_BLOCKED
    case.client.throttled["get_job_queue_snapshot"] = lambda request: True
    answer = case.explain()
    assert (answer.reason, answer.text) == (Reason.UNKNOWN, "AWS does not report the order of the queue")


def test_an_unknown_place_is_no_place_behind_the_first_100_jobs(own: World) -> None:
    case = Case(own, "fair")
    case.client.throttled["get_job_queue_snapshot"] = lambda request: True
    assert "place   unknown, of 2 waiting jobs: AWS reports the first 100 at most" in str(case.explain())


@pytest.mark.parametrize("state", ["RUNNING", "RUNNABLE"])
def test_with_jobs_of_an_unknown_size_the_next_start_is_unknown(
    own: World, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    case = Case(own, "fifo")
    listed = own.batch.list_service_jobs

    def unsized(**request: Any) -> dict[str, Any]:
        page: dict[str, Any] = listed(**request)
        if request["jobStatus"] == state:
            for job in page["jobSummaryList"]:
                if job["jobId"] != case.job:
                    del job["capacityUsage"]
        return page

    monkeypatch.setattr(own.batch, "list_service_jobs", unsized, raising=False)
    answer = case.explain()
    assert answer.reason is (Reason.UNKNOWN if state == "RUNNING" else Reason.CAPACITY_FULL)
    if state == "RUNNING":
        assert answer.text == "AWS does not report the capacity of 1 other job of the queue"


def test_a_job_of_an_unknown_instance_type_is_not_too_large(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = own.create("quota", Random(0))
    job = submit(own.batch, queue, quotaShareName="a", serviceRequestPayload=payload(2, G5), schedulingPriority=1)
    config = {"InstancePreferences": [{"InstanceType": G5}, {"InstanceType": P5}], "InstanceCount": 2}
    described, listed = own.batch.describe_service_job, own.batch.list_service_jobs

    def preferring(**request: Any) -> dict[str, Any]:
        own_payload = json.dumps({"ResourceConfig": config})
        return {**described(**request), "capacityUsage": [], "serviceRequestPayload": own_payload}

    def unsized(**request: Any) -> dict[str, Any]:
        jobs = listed(**request)["jobSummaryList"]
        return {"jobSummaryList": [{**each, "capacityUsage": []} for each in jobs]}

    monkeypatch.setattr(own.batch, "describe_service_job", preferring, raising=False)
    monkeypatch.setattr(own.batch, "list_service_jobs", unsized, raising=False)
    calls = Calls(own.batch)
    answer = explain(calls, read_queue(calls, queue), job, now=own.now)
    assert (answer.reason, answer.amount) == (Reason.UNKNOWN, 2)
    assert answer.text == "AWS does not report the instance type that the job counts as"


@pytest.mark.parametrize("state", ["RUNNABLE", "SCHEDULED"])
def test_an_answer_from_half_read_lists_is_partial(own: World, state: str) -> None:
    case = Case(own, "fifo")
    case.client.throttled["list_service_jobs"] = lambda request: request.get("jobStatus") == state
    answer = case.explain()
    assert answer.partial
    assert "batch:ListServiceJobs failed 6 times" in answer.notes[0]
    assert "the answer is partial: AWS throttled a call" in str(answer)
    expected = Reason.CAPACITY_FULL if state == "RUNNABLE" else Reason.UNKNOWN
    assert answer.reason is expected
    assert bool(answer.holders) is (state == "RUNNABLE")


def test_reasons_of_the_job_alone_need_no_complete_lists(own: World) -> None:
    case = Case(own, "fifo")
    job = case.submit("large", 20)
    case.client.throttled["list_service_jobs"] = lambda request: True
    answer = case.explain(job)
    assert (answer.reason, answer.partial, answer.inferred) == (Reason.CANNOT_FIT, True, False)
    assert "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE" in answer.text
    assert "at most 8 for the job" in answer.starts


@pytest.mark.parametrize(("seconds", "state"), [(4000, "RUNNING"), (20_000, "SUCCEEDED")])
def test_a_job_that_starts_or_ends_meanwhile_is_read_again(own: World, seconds: int, state: str) -> None:
    case = Case(own, "fifo")
    case.client.before["get_job_queue_snapshot"] = lambda: own.advance(seconds)
    answer = case.explain()
    assert (answer.state, answer.reason, answer.place) == (state, None, None)
    assert ("the job does not wait" if state == "RUNNING" else "ended: SUCCEEDED") in answer.text


def test_a_clock_that_is_behind_gives_no_negative_ages(own: World) -> None:
    case = Case(own, "fifo")
    answer = case.explain(now=own.now - 7200)
    assert answer.seconds == 0
    assert "the clock of this computer is at least 1 h 59 min behind that of AWS" in answer.notes[0]
    assert "-1" not in str(answer)
    assert "RUNNABLE for 0 s" in str(answer)


class LongQueue:
    """Client of a FIFO queue with 10,000 waiting jobs, the newest first as AWS lists them."""

    NUMBER = 10_000

    def __init__(self) -> None:
        self.requests = 0

    def get_job_queue_snapshot(self, **request: Any) -> dict[str, Any]:
        jobs = [{"jobArn": f"arn:aws:batch:us-east-1:1:service-job/{index}"} for index in range(FRONT)]
        return {"frontOfQueue": {"jobs": jobs}}

    def list_service_jobs(self, jobStatus: str, maxResults: int, nextToken: str = "0", **_: Any) -> dict[str, Any]:  # noqa: N803
        self.requests += 1
        if jobStatus == "RUNNING":
            return {"jobSummaryList": [self.job("holder", 0, 8)]}
        if jobStatus != "RUNNABLE":
            return {"jobSummaryList": []}
        start = self.NUMBER - int(nextToken)
        page = [self.job(str(index), index, 1) for index in range(start - 1, start - maxResults - 1, -1)]
        token = int(nextToken) + maxResults
        return {"jobSummaryList": page, **({"nextToken": str(token)} if token < self.NUMBER else {})}

    def describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        return {**self.job(jobId, int(jobId), 1), "jobQueue": "q"}

    def job(self, name: str, created: int, amount: int) -> dict[str, Any]:
        usage = [{"capacityUnit": "NUM_INSTANCES", "quantity": amount}]
        names = {"jobId": name, "jobName": name, "status": "RUNNING" if name == "holder" else "RUNNABLE"}
        return {**names, "createdAt": 1000 * created, "capacityUsage": usage}


def test_a_queue_of_10000_jobs_is_paged_with_bounded_memory() -> None:
    client = LongQueue()
    environment = QueueEnvironment(name="env", capacity={"NUM_INSTANCES": 8})
    queue = Queue(name="q", kind="training", policy=Fifo(), environments=[environment])
    counts: list[int] = []
    answer = explain(Calls(client), queue, "9000", now=20_000, progress=counts.append)
    assert answer.place
    assert (answer.place.position, answer.place.waiting, answer.place.inferred) == (9001, 10_000, True)
    assert answer.reason is Reason.CAPACITY_FULL
    assert "at least 100 jobs ahead" in answer.text
    assert answer.calls == 1 + 1 + 100 + 3
    assert counts[:2] == [100, 200]
    assert max(counts) == 10_001
    job = QueuedJob(id="9000", name="9000", state="RUNNABLE", created=9000)
    assert len(read_facts(Calls(client), queue, job, lambda count: None).waiting) == FRONT + 1
    client.get_job_queue_snapshot = lambda **request: {}  # type: ignore[method-assign]
    assert len(read_facts(Calls(client), queue, job, lambda count: None).waiting) == FRONT + 1
