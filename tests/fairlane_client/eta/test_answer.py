"""Estimates of a live queue, on the local AWS, and wrong input."""

import gzip
import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fairlane import ConfigurationError
from fairlane.cli import main
from fairlane_client.clock import Clock
from fairlane_client.eta import estimate_starts
from fairlane_client.eta.answer import estimate
from fairlane_client.eta.past_jobs import PastJob, known_since, past_of_archived, read_past_jobs
from fairlane_client.eta.reading import MAX_DESCRIPTIONS
from fairlane_client.eta.report import render
from fairlane_client.eta.simulation import State
from fairlane_client.queues.archive_records import ArchivedAttempt, ArchivedJob
from fairlane_client.queues.calls import Calls, NotAllowed
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import read_queue
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.eta.worlds import queue_of
from tests.fairlane_client.explain.world import world
from tests.fairlane_local.batch.jobs import containers

_FILE = """
region: us-east-1
queues:
  fair:
    capacity: 4
    instance_type: ml.g5.xlarge
    scheduling: {policy: fair-share, proportions: {a: 3, b: 1}, share_decay_seconds: 3600}
"""
_NOW = 1_800_000_000


@pytest.fixture
def queue(local_batch: LocalBatch, tmp_path: Path) -> LocalBatch:
    (tmp_path / "team.yaml").write_text(_FILE)
    local_batch.deploy(tmp_path / "team.yaml")
    return local_batch


def fill(queue: LocalBatch, jobs: int = 60) -> None:
    """Submit jobs, of which some wait in the end."""
    random = Random(1)
    for number in range(jobs):
        share = random.choice("ab")
        run = int(random.lognormvariate(7, 0.5))
        queue.submit(
            "fair", share=share, instances=random.randint(1, 3), run=run, name=f"{share}-train-{number}", priority=1
        )
        queue.advance(random.randint(1, 900))


def calls() -> Calls:
    return Calls(boto3.client("batch", region_name="us-east-1"), Clock(sleep=lambda seconds: None))


def test_the_command_prints_the_starts_of_all_waiting_jobs(
    queue: LocalBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(queue)
    waiting = [job for job in queue.jobs("fair") if job.status == "RUNNABLE"]
    assert len(waiting) > 3
    assert main(["eta", "--queue", "fair", "--runs", "20"]) == 0
    text = capsys.readouterr()
    assert text.err == ""
    assert max(map(len, text.out.splitlines())) <= 80
    assert all(job.name in text.out for job in waiting)
    assert "20 simulations with the run times of" in text.out
    assert "Accuracy" in text.out

    assert main(["eta", "--queue", "fair", "--runs", "20", "--json", "--job", waiting[0].id]) == 0
    answer = json.loads(capsys.readouterr().out)
    (estimate,) = answer["estimates"]
    assert (estimate["id"], estimate["basis"]) == (waiting[0].id, "like")
    assert answer["now"] <= estimate["p50"] <= estimate["p90"]
    jobs = len(queue.jobs("fair"))
    assert answer["calls"] <= 5 + 9 + jobs + 2


def test_a_queue_without_a_history_names_it_and_makes_no_number_up(queue: LocalBatch) -> None:
    for number in range(4):
        queue.submit("fair", share="a", instances=3, run=500, name=f"train-{number}")
    queue.submit("fair", share="a", instances=5, name="too-large")
    queue.advance(5)
    answer = estimate_starts(calls(), read_queue(calls(), "fair"))
    assert {(each.p50, each.p90, each.basis) for each in answer.estimates} == {(None, None, "none")}
    assert "no estimate: the history of queue fair has no job with a run time" in answer.notes
    assert "unknown" in render(answer)
    assert next(each.never for each in answer.estimates if each.name == "too-large") == "ENVIRONMENT_LIMIT"


def test_with_an_archive_the_starts_are_those_of_its_run_times(queue: LocalBatch, tmp_path: Path) -> None:
    for number in range(3):
        queue.submit("fair", share="a", instances=4, run=500, name=f"train-{number}")
    queue.advance(5)
    now = queue._timeline.milliseconds // 1000
    jobs = [_archived(number, now - 3 * 86_400 + 3600 * number, 600) for number in range(50)]
    _write(tmp_path / "archive", jobs)
    answer = estimate_starts(
        calls(), read_queue(calls(), "fair"), history=str(tmp_path / "archive"), runs=50, now=float(now)
    )
    first, second = answer.estimates
    assert first.p50 is not None
    assert second.p50 is not None
    assert 590 <= first.p50 - now <= 600
    assert 1190 <= second.p50 - now <= 1200 + 600
    assert (first.basis, first.past_jobs) == ("like", 50)


def test_a_trace_gives_run_times_and_no_back_test(queue: LocalBatch, tmp_path: Path) -> None:
    for number in range(2):
        queue.submit("fair", share="a", instances=4, run=500, name=f"train-{number}")
    queue.advance(5)
    (tmp_path / "jobs.csv").write_text("share,submit,run,instances,name\na,0,300,1,train-7\na,9,300,1,train-8\n")
    answer = estimate_starts(calls(), read_queue(calls(), "fair"), history=str(tmp_path / "jobs.csv"), runs=10)
    assert (answer.accuracy, answer.past_jobs) == (None, 2)
    assert answer.estimates[0].basis == "like"


def test_submissions_are_known_since_the_history_without_a_gap_before_the_jobs_that_aws_lists(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("submit,run,instances\n0,300,1\n900000,300,1\n")
    week = 7 * 86_400
    trace = read_past_jobs(str(tmp_path / "jobs.csv"), queue_of("fifo"), _NOW)
    assert _NOW - 2 * week < trace[-1].created <= _NOW - week
    assert trace[-1].created - trace[0].created == 900_000
    assert (trace[0].created - 0) % week == 0
    assert known_since(trace, _NOW) == trace[0].stopped
    assert known_since([], _NOW) == _NOW - week
    assert known_since([past_of_archived(_archived(0, _NOW - 5 * week, 60))], _NOW) == _NOW - week


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--runs", "5", "--seed", "-1"], "runs: got 5, allowed: a whole number, 10 to 10,000"),
        (["--runs", "10001"], "runs: got 10001"),
        (["--seed", "-1"], "seed: got -1, allowed: a whole number, 0 or more"),
        (["--job", "nope"], "queue fair has no job nope"),
        (["--job", "runs"], "runs: the job runs already: RUNNING"),
        (["--job", "ended"], "ended: the job has ended: SUCCEEDED"),
        (["--queue", "nope"], "no queue nope"),
        (["--history", "nope"], "nope"),
        (["--history", "nope.csv"], "nope.csv"),
    ],
)
def test_wrong_input_is_named(
    queue: LocalBatch, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    queue.submit("fair", share="a", run=5, name="ended")
    queue.advance(60)
    queue.submit("fair", share="a", run=500, name="runs")
    queue.advance(60)
    assert main(["eta", "--queue", "fair", *arguments]) in (1, 2)
    printed = capsys.readouterr()
    assert text in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(("array", "state"), [(True, "an array of 3 jobs"), (False, "waits for other jobs")])
def test_a_job_without_an_estimate_of_its_own_is_refused_and_is_not_an_empty_queue(array: bool, state: str) -> None:
    with world() as own:
        arn = own.create("containers", Random(0))
        needs = {"resourceRequirements": [{"type": "VCPU", "value": "8"}]}
        before = containers.submit(own.batch, arn, 3600, jobName="before", containerOverrides=needs)
        own.advance(60)
        more = {"arrayProperties": {"size": 3}} if array else {"dependsOn": [{"jobId": before}]}
        job = containers.submit(own.batch, arn, 60, jobName="asked", **more)
        own.advance(1)
        with pytest.raises(ConfigurationError, match=f"{job}: the job (is )?{state}"):
            estimate_starts(Calls(own.batch), read_queue(Calls(own.batch), arn), job=job, now=own.now)
        if array:
            name = f"{job}:0"
            answer = estimate_starts(Calls(own.batch), read_queue(Calls(own.batch), arn), job=name, now=own.now)
            assert [(each.id, each.amount) for each in answer.estimates] == [(name, 1)]
            assert "asked:0" in render(answer)


def test_a_container_job_that_starts_holds_capacity_though_aws_reports_no_time() -> None:
    queue = queue_of("fifo")
    starting = QueuedJob(id="starting", name="train", state="STARTING", amount=12, created=_NOW - 100)
    waiting = QueuedJob(id="waiting", name="train", state="RUNNABLE", amount=1, created=_NOW - 50)
    past = [_past(number, 3000) for number in range(20)]
    state = State(queue, _NOW, [starting], [waiting])
    (estimate_,) = estimate(state, past, start=_NOW - 100_000, runs=10).estimates
    assert estimate_.p50 is not None
    assert _NOW + 2900 <= estimate_.p50 <= _NOW + 3000


def test_a_job_whose_capacity_aws_does_not_report_is_unknown_and_not_far_away() -> None:
    waiting = [QueuedJob(id="w", name="train", state="RUNNABLE", amount=0, created=_NOW - 50)]
    answer = estimate(State(queue_of("fifo"), _NOW, [], waiting), [_past(1, 3000)], start=_NOW - 100_000, runs=10)
    assert [each.basis for each in answer.estimates] == ["none"]
    assert re.search("train +[?] +unknown +unknown +none", render(answer))


def test_a_wide_answer_fits_into_80_columns_and_sends_jobs_that_never_start_to_explain() -> None:
    name, share = "pretrain-a-model-of-a-size-that-nobody-expected", "share-of-the-team"
    waiting = [
        QueuedJob(id=name, name=name, share=share, state="RUNNABLE", amount=amount, unit="VCPU", created=_NOW)
        for amount in (10_000, 12)
    ]
    waiting[0] = replace(waiting[0], id="large")
    running = QueuedJob(id="h", name="h", state="RUNNING", amount=12, scheduled=_NOW - 5, created=_NOW - 5)
    past = [_past(1, 20 * 86_400)]
    text = render(estimate(State(queue_of("fifo"), _NOW, [running], waiting), past, start=_NOW - 100_000, runs=10))
    assert max(map(len, text.splitlines())) <= 80
    assert "10,000 vCPU  never" in text
    assert "1 job cannot start: fairlane explain JOB gives the reason" in text


def test_a_slow_request_is_no_difference_of_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [_NOW - 100.0]
    client = _Many(0)
    answers = client.describe_job_queues

    def slow(**request: object) -> dict[str, Any]:
        now[0] = float(_NOW)
        return answers(**request)

    monkeypatch.setattr(client, "describe_job_queues", slow)
    monkeypatch.setattr("fairlane_client.eta.reading.time", SimpleNamespace(time=lambda: now[0]))
    answer = estimate_starts(Calls(client), queue_of("fifo"))
    assert not [note for note in answer.notes if "clock" in note]


def _past(number: int, run: int) -> PastJob:
    start = _NOW - 90_000 + number * 60
    return PastJob(
        id=f"past-{number}",
        likeness="train",
        share="",
        unit="NUM_INSTANCES",
        amount=1,
        created=start,
        attempts=((start, start + run),),
        stopped=start + run,
    )


class _Faulty:
    """Client whose calls of some operations fail."""

    def __init__(self, code: str, operation: str, after: int = 0) -> None:
        self._client = boto3.client("batch", region_name="us-east-1")
        self._code, self._operation, self._after = code, operation, after

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            self._after -= 1
            if self._after < 0:
                raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, name)
        return getattr(self._client, name)


@pytest.mark.parametrize(
    ("operation", "action"),
    [("list_service_jobs", "batch:ListServiceJobs"), ("describe_service_job", "batch:DescribeServiceJob")],
)
def test_a_missing_permission_is_named(queue: LocalBatch, operation: str, action: str) -> None:
    fill(queue, 5)
    faulty = Calls(_Faulty("AccessDeniedException", operation))
    with pytest.raises(NotAllowed, match=f"no permission for {action}"):
        estimate_starts(faulty, read_queue(calls(), "fair"))


@pytest.mark.parametrize("operation", ["list_service_jobs", "describe_service_job"])
def test_an_answer_from_half_of_the_pages_is_marked(queue: LocalBatch, operation: str) -> None:
    fill(queue, 30)
    faulty = Calls(_Faulty("TooManyRequestsException", operation, after=4), Clock(sleep=lambda seconds: None))
    answer = estimate_starts(faulty, read_queue(calls(), "fair"), runs=10)
    assert answer.partial
    assert "PARTIAL" in render(answer)
    assert any(note.startswith("partial: batch:") for note in answer.notes)


class _Many:
    """Client of a queue with 10,000 waiting jobs of two kinds, on a clock that is an hour ahead."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.described = 0

    def describe_job_queues(self, **_: object) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}}}

    def list_service_jobs(self, jobStatus: str, nextToken: str = "0", **_: object) -> dict[str, Any]:  # noqa: N803
        number = {"RUNNABLE": self.waiting, "SUCCEEDED": 30, "RUNNING": 12}.get(jobStatus, 0)
        first = int(nextToken)
        jobs = [self._job(jobStatus, each) for each in range(first, min(first + 100, number))]
        return {"jobSummaryList": jobs, **({"nextToken": str(first + 100)} if first + 100 < number else {})}

    def describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        self.described += 1
        status, number = jobId.split("-")
        return self._job(status, int(number)) | {"schedulingPriority": int(number) % 2, "jobQueue": "training"}

    def _job(self, status: str, number: int) -> dict[str, Any]:
        second = _NOW - 20_000 + number
        times = {"RUNNABLE": {}, "RUNNING": {"scheduledAt": second * 1000}}.get(
            status, {"scheduledAt": second * 1000, "stoppedAt": (second + 3000 + 10 * number) * 1000}
        )
        return {
            "jobId": f"{status}-{number}",
            "jobName": f"{'train' if number % 2 else 'eval'}-{number}",
            "status": status,
            "createdAt": second * 1000,
            "capacityUsage": [{"capacityUnit": "NUM_INSTANCES", "quantity": 1.0}],
            **times,
        }


@pytest.mark.parametrize("waiting", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_queue_with_many_waiting_jobs_takes_a_bounded_number_of_calls(waiting: int) -> None:
    client, shown = _Many(waiting), set[str]()
    faulty = Calls(client)
    answer = estimate_starts(faulty, queue_of("fifo"), runs=10, job=None, progress=lambda text, number: shown.add(text))
    assert len(answer.estimates) == waiting
    assert client.described == MAX_DESCRIPTIONS
    assert answer.calls <= waiting // 100 + 8 + MAX_DESCRIPTIONS + 1
    assert any(f"{waiting + 12 - MAX_DESCRIPTIONS:,} jobs were not described" in note for note in answer.notes)
    assert any("clock of this computer" in note for note in answer.notes)
    assert answer.now == _NOW
    assert {"jobs read", "jobs described", "simulations"} <= shown


def _archived(number: int, created: int, run: int) -> ArchivedJob:
    start, stop = created * 1000 + 60_000, (created + 60 + run) * 1000
    return ArchivedJob(
        job_id=f"old-{number}",
        job_name=f"train-{number}",
        queue="fair",
        share="a",
        kind="training",
        status="SUCCEEDED",
        unit="NUM_INSTANCES",
        amount=1,
        created_at=created * 1000,
        stopped_at=stop,
        attempts=(ArchivedAttempt(outcome="SUCCEEDED", scheduled_at=start, stopped_at=stop),),
    )


def _write(folder: Path, jobs: list[ArchivedJob]) -> None:
    for job in jobs:
        day = datetime.fromtimestamp(job.stopped_at / 1000, UTC).date()
        target = folder / "jobs" / "queue=fair" / f"day={day}"
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{job.job_id}.jsonl.gz").write_bytes(gzip.compress(json.dumps(asdict(job)).encode()))


def test_an_archive_of_another_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read_past_jobs(str(tmp_path / "nope"), queue_of("fifo"), _NOW)
