import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import Stack
from botocore.exceptions import ClientError

from fairlane import ConfigurationError, Fifo, TrainingQueue
from fairlane.scheduling import FairShare
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls, NotAllowed
from fairlane_client.queues.queue import Queue, QueueEnvironment, read_queue
from fairlane_client.usage import Usage, usage
from fairlane_client.usage.holds import HOUR
from fairlane_client.usage.ledger import SCALE, RowKind
from fairlane_local.testing.local_batch import LocalBatch
from tests.gpu import gpu_queue
from tests.grants import role
from tests.iam.roles import Deployment
from tests.iam_evaluator import is_allowed

FILE = """
region: us-east-1
queues:
  training:
    capacity: {ml.p4d.24xlarge: 10}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p4d.24xlarge: 6}, sharing: LEND_AND_BORROW}
        b: {capacity: {ml.p4d.24xlarge: 4}, sharing: LEND_AND_BORROW}
"""
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


def amounts(answer: Usage) -> dict[tuple[str, str], dict[str, float]]:
    """Return hours of the rows of the only unit, by kind and share."""
    (unit,) = answer.units
    assert sum(row.amounts.total for row in unit.rows) == unit.capacity * SCALE * answer.milliseconds
    names = ("own", "borrowed", "lost", "idle", "lent", "other")
    found = {
        (row.kind, row.share): {name: getattr(row.amounts, name) / SCALE / HOUR for name in names} for row in unit.rows
    }
    return {key: {name: hours for name, hours in row.items() if hours} for key, row in found.items()}


def record(number: int, start: float, end: float, **values: Any) -> dict[str, Any]:
    """Return a job that ran from and until a number of hours before `NOW`."""
    started, stopped = NOW_MS - round(start * HOUR), NOW_MS - round(end * HOUR)
    attempt = {"outcome": "SUCCEEDED", "scheduled_at": started, "started_at": started, "stopped_at": stopped}
    job = {"job_id": str(number), "job_name": "x", "queue": "q", "kind": "gpu", "status": "SUCCEEDED", "unit": "VCPU"}
    times = {"created_at": started, "started_at": started, "stopped_at": stopped}
    return {**job, "amount": 4, "gpus": 1, **times, "attempts": [attempt], **values}


def write_archive(folder: Path, *jobs: dict[str, Any]) -> str:
    for job in jobs:
        day = datetime.fromtimestamp(job["stopped_at"] / 1000, UTC).date()
        path = folder / "jobs" / f"queue={job['queue']}" / f"day={day}" / f"{job['job_id']}.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps(job).encode()))
    return str(folder)


def queue(**values: Any) -> Queue:
    environment = QueueEnvironment(name="env", capacity={"VCPU": 8})
    return Queue(**{"name": "q", "kind": "gpu", "policy": Fifo(), "environments": [environment], **values})


class FakeBatch:
    """Client of container jobs. It fails from its call of a number on."""

    def __init__(
        self, *jobs: dict[str, Any], code: str = "", after: int = 0, failing: str = "both", neighbor: str = ""
    ) -> None:
        self.jobs = jobs
        self.failing = failing
        self.code, self.after = code, after
        self.neighbor = neighbor

    def _call(self, kind: str) -> None:
        self.after -= 1
        if self.code and self.after < 0 and self.failing in (kind, "both"):
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "ListJobs")

    def list_jobs(self, jobStatus: str, jobQueue: str = "q", arrayJobId: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        self._call("list")
        jobs = [
            job
            for job in self.jobs
            if job["status"] == jobStatus
            and job.get("parent", "") == arrayJobId
            and (arrayJobId or job.get("queue", "q") == jobQueue)
        ]
        usage = [{"capacityUnit": "VCPU", "quantity": 4.0}]
        return {"jobSummaryList": [{"capacityUsage": usage, **job} for job in jobs]}

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        self._call("describe")
        return {"jobs": [{"attempts": [], **job} for job in self.jobs if job["jobId"] in jobs]}

    def describe_job_queues(self) -> dict[str, Any]:
        order = [{"order": 1, "computeEnvironment": self.neighbor}]
        arn = "arn:aws:batch:us-east-1:111122223333:job-queue/other"
        return {"jobQueues": [{"jobQueueName": "other", "jobQueueArn": arn, "computeEnvironmentOrder": order}]}

    def describe_compute_environments(self, **_: Any) -> dict[str, Any]:
        resources = {"maxvCpus": 8}
        names = {"computeEnvironmentArn": self.neighbor, "computeEnvironmentName": self.neighbor, "state": "ENABLED"}
        return {"computeEnvironments": [{**names, "computeResources": resources}]}


def calls(*jobs: dict[str, Any], **values: Any) -> Calls:
    return Calls(FakeBatch(*jobs, **values), Clock(sleep=lambda seconds: None))


def job(name: str, status: str, start: float, end: float | None = None, **values: Any) -> dict[str, Any]:
    """Return a job as AWS lists and describes it. Times are hours before `NOW`."""
    started = NOW_MS - round(start * HOUR)
    stopped = {} if end is None else {"stoppedAt": NOW_MS - round(end * HOUR)}
    times = {"createdAt": started, "scheduledAt": started, "startedAt": started}
    return {"jobId": name, "status": status, **times, **stopped, **values}


def hours_before(number: float) -> datetime:
    return NOW - timedelta(hours=number)


def test_the_lists_of_the_local_aws_tell_what_was_borrowed_lent_and_lost(
    local_batch: LocalBatch, tmp_path: Path
) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(FILE)
    local_batch.deploy(path)
    origin = local_batch.now
    first = local_batch.submit("training", share="b", instances=4, run=3000)
    borrower = local_batch.submit("training", share="b", instances=6, run=2000)
    local_batch.advance(1000)
    owner = local_batch.submit("training", share="a", instances=6, run=500)
    local_batch.until(owner, "SUCCEEDED")
    local_batch.advance(600)
    batch = Calls(boto3.client("batch", region_name="us-east-1"))
    read = batch("describe_service_job", jobId=first.id)
    start = datetime.fromtimestamp(read["createdAt"] / 1000, UTC)
    end = start + timedelta(seconds=local_batch.now - origin)
    answer = usage(read_queue(batch, "training"), start, end, calls=batch, now=end)
    rows = amounts(answer)
    preempted = batch("describe_service_job", jobId=borrower.id)["preemptionSummary"]["recentPreemptedAttempts"][0]
    lost = 6 * (preempted["stoppedAt"] - preempted["startedAt"]) / HOUR
    done = batch("describe_service_job", jobId=owner.id)
    assert rows[RowKind.SHARE, "b"]["lost"] == pytest.approx(lost)
    assert rows[RowKind.SHARE, "a"]["own"] == pytest.approx(6 * (done["stoppedAt"] - done["scheduledAt"]) / HOUR)
    borrowed = rows[RowKind.SHARE, "b"]["borrowed"]
    assert borrowed > 0
    assert rows[RowKind.SHARE, "a"]["lent"] == pytest.approx(borrowed + lost)
    assert answer.is_complete


class _Recorder:
    """Client that keeps the IAM actions of the calls."""

    def __init__(self, client: Any, actions: set[str], service: str = "batch") -> None:
        self._client, self._actions, self._service = client, actions, service

    def __getattr__(self, name: str) -> Any:
        self._actions.add(f"{self._service}:" + "".join(part.capitalize() for part in name.split("_")))
        return getattr(self._client, name)


def test_observers_of_a_queue_may_make_all_calls(stack: Stack, local_batch: LocalBatch, tmp_path: Path) -> None:
    person = role(stack)
    TrainingQueue(stack, "Training", queue_name="training", capacity=4, scheduling=Fifo()).grants.observe(person)
    gpu_queue(stack).grants.observe(person)
    (tmp_path / "team.yaml").write_text(FILE)
    local_batch.deploy(tmp_path / "team.yaml")
    local_batch.submit("training", share="a")
    local_batch.advance(600)
    actions: set[str] = set()
    batch = Calls(_Recorder(boto3.client("batch", region_name="us-east-1"), actions))
    found = batch("describe_service_job", jobId=next(iter(local_batch.jobs("training"))).id)
    start = datetime.fromtimestamp(found["createdAt"] / 1000, UTC)
    usage(read_queue(batch, "training"), start, start + timedelta(hours=1), calls=batch, now=start + timedelta(hours=1))
    fake = FakeBatch(job("1", "RUNNING", 2), neighbor="env")
    containers = Calls(_Recorder(fake, actions))
    measured = Calls(_Recorder(FakeMetrics({}), actions, "cloudwatch"), service="cloudwatch")
    usage(queue(neighbors=["other"]), hours_before(999), NOW, calls=containers, metrics=measured, now=NOW)
    assert {"batch:ListQuotaShares", "batch:ListServiceJobs", "batch:ListJobs", "batch:DescribeJobs"} <= actions
    assert "cloudwatch:GetMetricData" in actions
    statements = Deployment.of(stack).statements("Role")
    for action in actions:
        arn = "arn:aws:batch:us-east-1:111122223333:job-queue/training"
        resource = arn if action == "batch:ListQuotaShares" else "*"
        assert is_allowed(statements, action, [resource], {}), action


def test_days_of_the_archive_and_running_jobs_add_up(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 14, 13), record(2, 11, 10), record(3, 13, 11.5, amount=8))
    running = job("4", "RUNNING", 2)
    answer = usage(queue(), hours_before(14), NOW, calls=calls(running), archive=archive, now=NOW)
    assert answer.sources == ["archive (2 of 2 days)", "job lists of AWS Batch"]
    assert amounts(answer) == {(RowKind.SHARE, ""): {"own": 28, "idle": 8 * 14 - 28}}


def test_a_job_of_the_archive_that_is_also_listed_counts_once(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 3, 1))
    listed = calls(job("1", "SUCCEEDED", 3, 1))
    answer = usage(queue(), hours_before(30), NOW, calls=listed, archive=archive, now=NOW)
    assert answer.sources == ["archive (1 of 2 days)", "job lists of AWS Batch"]
    assert amounts(answer)[RowKind.SHARE, ""]["own"] == 8
    assert answer.is_complete


@pytest.mark.parametrize("period", [(30, 0), (30, 13)])
def test_a_job_that_has_just_ended_and_is_not_yet_in_the_archive_counts(
    tmp_path: Path, period: tuple[float, float]
) -> None:
    archive = write_archive(tmp_path, record(1, 29, 28), record(2, 10, 9))
    start, end = map(hours_before, period)
    answer = usage(queue(), start, end, calls=calls(job("3", "SUCCEEDED", 20, 0.05)), archive=archive, now=NOW)
    held = 4 * (20 - max(0.05, period[1]))
    others = 8 if period[1] == 0 else 4
    assert amounts(answer)[RowKind.SHARE, ""]["own"] == pytest.approx(held + others)


def test_a_job_whose_capacity_the_archive_lacks_has_that_of_its_list(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 3, 1, amount=0), record(2, 30, 29))
    answer = usage(queue(), hours_before(4), NOW, calls=calls(job("1", "SUCCEEDED", 3, 1)), archive=archive, now=NOW)
    assert amounts(answer) == {(RowKind.SHARE, ""): {"own": 8, "idle": 24}}
    answer = usage(queue(), hours_before(4), NOW, archive=archive, now=NOW)
    assert amounts(answer)[RowKind.UNKNOWN, ""] == {"other": 8 * 2}


def test_days_that_neither_archive_nor_list_has_are_unknown(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 13, 12.5))
    answer = usage(queue(), hours_before(36), hours_before(6), archive=archive, now=NOW)
    assert amounts(answer) == {
        (RowKind.SHARE, ""): {"own": 2, "idle": 8 * 24 - 2},
        (RowKind.UNKNOWN, ""): {"other": 8 * 6},
    }
    answer = usage(queue(), hours_before(24 * 8), hours_before(24 * 6), calls=calls(), now=NOW)
    assert amounts(answer)[RowKind.UNKNOWN, ""] == {"other": 8 * 24}
    assert [*answer.unknown] == ["days without archive and without job list"]


def test_attempts_array_children_and_nodes_of_container_jobs() -> None:
    started = NOW_MS - 4 * HOUR
    attempts = [{"startedAt": started, "stoppedAt": started + HOUR}]
    retried = job("retried", "RUNNING", 2, attempts=attempts, createdAt=started)
    parent = job("parent", "PENDING", 4, arrayProperties={"size": 2})
    child = job("parent:0", "SUCCEEDED", 4, 3, parent="parent", arrayProperties={"index": 0})
    group = {"container": {"resourceRequirements": [{"type": "GPU", "value": "2"}]}}
    properties = {
        "numNodes": 3,
        "nodeRangeProperties": [{"targetNodes": "0:0", **group}, {"targetNodes": "1:", **group}],
    }
    nodes = job("nodes", "SUCCEEDED", 1, 0, nodeProperties=properties)
    waiting = job("waiting", "RUNNABLE", 3, scheduledAt=None, startedAt=None)
    answer = usage(queue(), hours_before(4), NOW, calls=calls(retried, parent, child, nodes, waiting), now=NOW)
    assert amounts(answer) == {(RowKind.SHARE, ""): {"own": 4 + 8 + 4 + 4, "idle": 12}}
    assert answer.units[0].rows[0].amounts.gpus == 6 * HOUR


@pytest.mark.parametrize(("after", "failing", "own"), [(0, "both", 0), (6, "list", 12), (7, "both", 0)])
def test_a_throttled_list_or_description_is_marked_partial(after: int, failing: str, own: float) -> None:
    jobs = (job("1", "RUNNING", 2), job("2", "SUCCEEDED", 3, 2))
    partial = calls(*jobs, code="TooManyRequestsException", after=after, failing=failing)
    answer = usage(queue(), hours_before(4), NOW, calls=partial, now=NOW)
    assert amounts(answer) == {
        (RowKind.SHARE, ""): {"own": own} if own else {},
        (RowKind.UNKNOWN, ""): {"other": 8 * 4 - own},
    }
    (reason,) = answer.unknown
    assert reason.startswith("partial: jobs that could not be read (batch:")
    assert not answer.is_complete


def test_a_missing_permission_names_the_action() -> None:
    with pytest.raises(NotAllowed, match=r"batch:ListJobs: queue\.grants\.observe"):
        usage(queue(), hours_before(4), NOW, calls=calls(code="AccessDeniedException"), now=NOW)


def test_other_queues_of_the_same_environment_have_a_row() -> None:
    foreign = job("1", "RUNNING", 2, queue="other")
    shared = queue(neighbors=["other"])
    answer = usage(shared, hours_before(4), NOW, calls=calls(foreign, neighbor="env"), now=NOW)
    assert amounts(answer) == {(RowKind.SHARE, ""): {"idle": 24}, (RowKind.OTHER_QUEUES, ""): {"other": 8}}
    answer = usage(shared, hours_before(4), NOW, calls=calls(foreign, neighbor="elsewhere"), now=NOW)
    assert amounts(answer) == {(RowKind.SHARE, ""): {"idle": 16}, (RowKind.UNKNOWN, ""): {"other": 16}}
    assert [*answer.unknown] == ["queue other: jobs that may have run on other environments"]


def test_a_job_with_instances_of_several_types_is_unknown(tmp_path: Path) -> None:
    typed = queue(environments=[QueueEnvironment(name="env", capacity={"ml.p4d.24xlarge": 4, "ml.p5.48xlarge": 2})])
    jobs = (record(1, 11, 10, unit="ml.p4d.24xlarge"), record(2, 10, 9, unit="NUM_INSTANCES"))
    answer = usage(typed, hours_before(11), hours_before(9), archive=write_archive(tmp_path, *jobs), now=NOW)
    unknown = [row.amounts.other for unit in answer.units for row in unit.rows if row.kind == RowKind.UNKNOWN]
    assert unknown == [4 * SCALE * HOUR, 2 * SCALE * HOUR]
    assert [*answer.unknown] == ["jobs with instances of several types"]


class FakeMetrics:
    """Client of CloudWatch with hourly means, in two pages."""

    def __init__(self, means: dict[str, dict[float, float]], code: str = "") -> None:
        self.means, self.code = means, code

    def get_metric_data(self, MetricDataQueries: list[dict[str, Any]], **request: Any) -> dict[str, Any]:  # noqa: N803
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetMetricData")
        results = []
        for query in MetricDataQueries[:1] if "NextToken" not in request else MetricDataQueries[1:]:
            metric = query["MetricStat"]["Metric"]
            assert metric["MetricName"] == "CapacityInUse"
            share = next((each["Value"] for each in metric["Dimensions"] if each["Name"] == "Share"), "")
            values = self.means.get(share, {})
            times = [hours_before(hour) for hour in values]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": [*values.values()]})
        return {"MetricDataResults": results, **({} if "NextToken" in request else {"NextToken": "2"})}


def metrics(means: dict[str, dict[float, float]], code: str = "") -> Calls:
    return Calls(FakeMetrics(means, code), Clock(sleep=lambda seconds: None), "cloudwatch")


def test_metrics_fill_days_that_have_no_other_source(tmp_path: Path) -> None:
    spanning = record(1, 40, 11, share="a")  # on a day with metrics, the metrics have it
    archive = write_archive(tmp_path, spanning)
    shared = queue(policy=FairShare({"a": 1, "b": 1}))
    measured = metrics({"": {36: 8, 35: 3.5}, "a": {36: 6, 35: 3.5}, "other": {36: 2}})
    answer = usage(shared, hours_before(36), hours_before(10), archive=archive, metrics=measured, now=NOW)
    assert amounts(answer) == {
        (RowKind.SHARE, "a"): {"own": 4 + 3.5 + 4, "borrowed": 2, "idle": 4.5},
        (RowKind.SHARE, "b"): {"idle": 12, "lent": 4},
        (RowKind.SHARE, "other"): {"borrowed": 2},
        (RowKind.UNKNOWN, ""): {"other": 22 * 8},
    }
    assert "metrics (2 hours)" in answer.sources
    assert answer.unknown == {"hours without metrics": 22}


def test_metrics_that_may_not_be_read_leave_the_days_unknown(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 13, 12.5))
    denied = metrics({}, "AccessDenied")
    answer = usage(queue(), hours_before(36), hours_before(6), archive=archive, metrics=denied, now=NOW)
    assert amounts(answer)[RowKind.UNKNOWN, ""] == {"other": 8 * 6}
    problem = "no permission for cloudwatch:GetMetricData: queue.grants.observe"
    assert any(problem in note for note in answer.notes)


def test_fair_share_divides_the_capacity_by_weights(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 11, 10, share="team-7", amount=8), record(2, 10, 9, share="b"))
    policy = FairShare({"team-*": 1, "b": 3})
    answer = usage(queue(policy=policy), hours_before(11), hours_before(9), archive=archive, now=NOW)
    assert amounts(answer) == {
        (RowKind.SHARE, "team-*"): {"own": 6, "borrowed": 2, "idle": 4, "lent": 2},
        (RowKind.SHARE, "b"): {"own": 2, "borrowed": 2, "lent": 2},
    }


def test_use_on_disabled_environments_is_above_the_capacity(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, record(1, 11, 10, amount=12))
    drained = QueueEnvironment(name="old", capacity={"VCPU": 8}, is_enabled=False)
    both = queue(environments=[QueueEnvironment(name="env", capacity={"VCPU": 8}), drained])
    answer = usage(both, hours_before(11), hours_before(10), archive=archive, now=NOW)
    assert amounts(answer)[RowKind.ABOVE, ""] == {"other": -4}
    assert "Not in the capacity, because they are disabled: old." in answer.notes


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (1, 2, "not after its start"),
        (-1, -2, "in the future"),
    ],
)
def test_a_wrong_period_is_an_error(start: float, end: float, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        usage(queue(), hours_before(start), hours_before(end), calls=calls(), now=NOW)


def test_a_period_that_ends_in_the_future_ends_now() -> None:
    answer = usage(queue(), hours_before(2), hours_before(-5), calls=calls(job("1", "RUNNING", 1)), now=NOW)
    assert (answer.end, amounts(answer)) == (NOW_MS, {(RowKind.SHARE, ""): {"own": 4, "idle": 12}})
    assert answer.notes[0].startswith("The period ends now")


def test_without_calls_an_archive_is_required(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="an archive is required"):
        usage(queue(), hours_before(2), NOW, now=NOW)
    with pytest.raises(ConfigurationError, match="a folder or S3 URI with keys"):
        usage(queue(), hours_before(2), NOW, archive=str(tmp_path / "absent"), now=NOW)
    with pytest.raises(ConfigurationError, match="the archive has no jobs: use a folder or S3 URI with keys"):
        usage(queue(), hours_before(2), NOW, archive=str(tmp_path), now=NOW)
