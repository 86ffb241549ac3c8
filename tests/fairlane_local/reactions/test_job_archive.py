"""Jobs of the example environment in its deployed archive: records, queries, reader and trace."""

import gzip
import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from moto.athena.models import athena_backends

from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane.monitoring.archive.archive_queries import NAMED_QUERIES
from fairlane.rehearsal import read_trace
from fairlane_client.queues.archive import read_archive, read_days
from fairlane_local import LocalAws
from fairlane_local.batch.api import batch_api
from fairlane_stacks import build_stacks
from tests.fairlane_local.reactions.functions import ACCOUNT, REGION, service
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

STACK = "fairlane-example-training"
QUOTAS, WEIGHTS, CONTAINERS, NODES = "training-p4", "training-g6", "gpu-g5", "gpu-p5"
TYPES = {QUOTAS: "ml.p4d.24xlarge", WEIGHTS: "ml.g6.12xlarge"}
GPUS = {QUOTAS: 8, WEIGHTS: 4}


def deploy(aws: LocalAws, folder: Path) -> None:
    text = (REPOSITORY / "environments" / "example.yaml").read_text() + "\njob_archive: {}\n"
    (folder / "example.yaml").write_text(text)
    app = cdk.App(outdir=str(folder / "out"))
    build_stacks(app, "example", load_environment(folder / "example.yaml"))
    app.synth()
    service(aws, "ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")  # creates the bootstrap bucket
    for asset in (path for path in (folder / "out").iterdir() if path.is_dir()):
        code = Path(shutil.make_archive(str(folder / "code"), "zip", asset)).read_bytes()
        bucket, key = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", asset.name.removeprefix("asset.") + ".zip"
        service(aws, "s3").put_object(Bucket=bucket, Key=key, Body=code)
    template = (folder / "out" / f"{STACK}.template.json").read_text()
    cloudformation = service(aws, "cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=template)
    assert cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def train(queue: str, share: str, *, instances: int = 1, run: int = 600, fails: str = "") -> str:
    tags = {"fairlane:run-seconds": str(run), **({"fairlane:fails": fails} if fails else {})}
    payload = {"ResourceConfig": {"InstanceCount": instances, "InstanceType": TYPES[queue]}}
    request = {
        "jobName": "train",
        "jobQueue": queue,
        "tags": tags,
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": json.dumps(payload),
        "quotaShareName" if queue == QUOTAS else "shareIdentifier": share,
        "timeoutConfig": {"attemptDurationSeconds": 7_200},
    }
    return str(batch_api(ACCOUNT, REGION).call("SubmitServiceJob", request)["jobId"])


def contain(
    share: str, *, definition: str = "train-one-gpu", run: int = 300, fails: bool = False, size: int = 0
) -> str:
    tags = {"fairlane:run-seconds": str(run), **({"fairlane:fails": "out of luck"} if fails else {})}
    request: dict[str, Any] = {"jobName": "c", "jobQueue": CONTAINERS, "jobDefinition": definition, "tags": tags}
    request |= {"shareIdentifier": share, **({"arrayProperties": {"size": size}} if size else {})}
    return str(batch_api(ACCOUNT, REGION).call("SubmitJob", request)["jobId"])


def query(aws: LocalAws, name: str, queue: str) -> list[list[str]]:
    """Return the rows of a named query, as the workgroup has it."""
    athena = service(aws, "athena")
    ids = athena.list_named_queries(WorkGroup="fairlane-job-archive")["NamedQueryIds"]
    named = [athena.get_named_query(NamedQueryId=query_id)["NamedQuery"] for query_id in ids]
    (sql,) = (item["QueryString"] for item in named if item["Name"] == name)
    for placeholder, value in (
        ("QUEUE", queue),
        ("FIRST_DAY", "2026-03-01"),
        ("LAST_DAY", "2026-03-31"),
        ("PRICE", "2.5"),
    ):
        sql = sql.replace(placeholder, value)
    context = {"Database": "fairlane_job_archive"}
    execution = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext=context, WorkGroup="fairlane-job-archive"
    )["QueryExecutionId"]
    athena_backends[ACCOUNT][REGION].executions[execution].join()  # type: ignore[attr-defined]
    status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[value.get("VarCharValue", "") for value in row["Data"]] for row in rows[1:]]


def test_the_archive_has_what_the_jobs_did(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws, tmp_path)
    borrower = train(QUOTAS, "ProdExp1", instances=80, run=3_600)
    aws.timeline.advance(1_800)
    owner = train(QUOTAS, "ProdExp2", instances=40, run=1_200)
    fair = [train(WEIGHTS, share, run=600) for share in ("HIGHPRI", "LOWPRI")]
    failed = train(WEIGHTS, "MIDPRI", run=300, fails="AlgorithmError: ExitCode 1")
    single = contain("research")
    broken = contain("production", fails=True)
    array = contain("sweeps", size=3)
    aws.timeline.advance(4 * 3_600)
    (bucket,) = (
        name for name in (item["Name"] for item in service(aws, "s3").list_buckets()["Buckets"]) if "jobarchive" in name
    )
    s3 = service(aws, "s3")
    jobs = {job.job_id: job for job in read_archive(f"s3://{bucket}", client=s3)}
    children = {f"{array}:{index}" for index in range(3)}
    assert {*jobs} == {borrower, owner, *fair, failed, single, broken, *children}

    preempted = jobs[borrower]
    assert [attempt.outcome for attempt in preempted.attempts] == ["PREEMPTED", "SUCCEEDED"]
    assert (preempted.unit, preempted.amount, preempted.gpus) == ("ml.p4d.24xlarge", 80, 640)
    assert (preempted.share, preempted.kind, preempted.max_seconds) == ("ProdExp1", "training", 7_200)
    assert (jobs[failed].status, jobs[failed].reason_class) == ("FAILED", "AlgorithmError")
    child = jobs[f"{array}:2"]
    assert (child.array_index, child.gpus, child.kind, child.definition) == (2, 1, "gpu", "train-one-gpu:1")
    _check_times(aws, jobs)
    _check_queries(aws, jobs, bucket)

    assert {day for day, _ in read_days(f"s3://{bucket}/jobs/", QUOTAS, client=s3)} == {date(2026, 3, 2)}
    assert read_archive(f"s3://{bucket}", QUOTAS, date(2026, 3, 3), client=s3) == []
    _check_trace(aws, bucket, tmp_path, monkeypatch, capsys)


def _check_times(aws: LocalAws, jobs: dict[str, Any]) -> None:
    batch = service(aws, "batch")
    for job in jobs.values():
        detail: Any = (
            batch.describe_service_job(jobId=job.job_id)
            if job.kind == "training"
            else batch.describe_jobs(jobs=[job.job_id])["jobs"][0]
        )
        assert (job.created_at, job.stopped_at) == (detail["createdAt"], detail["stoppedAt"])
        assert job.started_at == detail["startedAt"]
        own = [attempt for attempt in job.attempts if attempt.outcome != "PREEMPTED"]
        assert [(attempt.started_at, attempt.stopped_at) for attempt in own] == [
            (attempt["startedAt"], attempt["stoppedAt"]) for attempt in detail["attempts"]
        ]


def _check_queries(aws: LocalAws, jobs: dict[str, Any], bucket: str) -> None:
    """Compare the named queries with sums over the jobs that AWS Batch describes."""
    hours: Counter[tuple[str, str]] = Counter()
    for job in jobs.values():
        gpus = GPUS.get(job.queue, 1) * (job.amount if job.kind == "training" else 1)
        runs = [(attempt.stopped_at or 0) - (attempt.started_at or 0) for attempt in job.attempts if attempt.started_at]
        hours[job.queue, job.share] += gpus * sum(runs)
    assert len(NAMED_QUERIES) == 2
    for queue in (QUOTAS, WEIGHTS, CONTAINERS):
        rows = query(aws, "gpu-hours-by-share", queue)
        assert {row[0] for row in rows} == {share for name, share in hours if name == queue}
        for share, count, gpu_hours, cost, without_gpus in rows:
            assert without_gpus == "0"
            assert int(count) == sum((job.queue, job.share) == (queue, share) for job in jobs.values())
            assert float(gpu_hours) == pytest.approx(hours[queue, share] / 3.6e6)
            assert float(cost) == pytest.approx(2.5 * hours[queue, share] / 3.6e6)
    assert query(aws, "failures-by-class", WEIGHTS) == [["AlgorithmError", "MIDPRI", "1"]]
    assert [row[1:] for row in query(aws, "failures-by-class", CONTAINERS)] == [["production", "1"]]
    assert query(aws, "failures-by-class", QUOTAS) == []
    run = {"started_at": 0, "stopped_at": 3_600_000}
    record = {"job_id": "x", "share": "new", "status": "SUCCEEDED", "gpus": None, "stopped_at": 1, "attempts": [run]}
    key = f"jobs/queue={QUOTAS}/day=2026-03-02/x.jsonl.gz"
    service(aws, "s3").put_object(Bucket=bucket, Key=key, Body=gzip.compress(json.dumps(record).encode()))
    assert ["new", "1", "", "", "1"] in query(aws, "gpu-hours-by-share", QUOTAS)
    service(aws, "s3").delete_object(Bucket=bucket, Key=key)


def _check_trace(
    aws: LocalAws, bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Session:
        region_name = REGION

        def client(self, name: str, **_: Any) -> Any:
            return service(aws, name)

    monkeypatch.setattr(boto3, "Session", lambda **_: Session())
    output = folder / "jobs.csv"
    arguments = ["trace", "history", "--archive", f"s3://{bucket}", "--queue", QUOTAS, "--output", str(output)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"Wrote 2 jobs: {output}\n"
    trace = read_trace(output)
    assert {(job.share, job.instances) for job in trace} == {("ProdExp1", 80), ("ProdExp2", 40)}
