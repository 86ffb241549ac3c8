"""The flow of examples/fine-tune against a local AWS, as a script and as a notebook."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import boto3
import pytest
import yaml
from sagemaker.train.aws_batch import training_queued_job

from fairlane_local import LocalAws
from fairlane_local.clock import Clock
from tests_sdk.conftest import create_queue

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "fine-tune"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1"
ORDER = [f"fine-tune-{job}" for job in ("highpri-1", "midpri-1", "lowpri-2", "highpri-2", "midpri-2", "lowpri-1")]
QUEUE_STATE = """
Jobs of training-g6
Share    Status    Job
HIGHPRI  RUNNABLE  fine-tune-highpri-1
HIGHPRI  RUNNABLE  fine-tune-highpri-2
LOWPRI   RUNNABLE  fine-tune-lowpri-1
LOWPRI   RUNNABLE  fine-tune-lowpri-2
MIDPRI   RUNNABLE  fine-tune-midpri-1
MIDPRI   RUNNABLE  fine-tune-midpri-2

Front of training-g6
Position  Share    Job
1         HIGHPRI  fine-tune-highpri-1
2         MIDPRI   fine-tune-midpri-1
3         LOWPRI   fine-tune-lowpri-2
4         HIGHPRI  fine-tune-highpri-2
5         MIDPRI   fine-tune-midpri-2
6         LOWPRI   fine-tune-lowpri-1
"""


@pytest.fixture
def clock() -> Clock:
    """Manual clock: no job starts before the script waits for the results."""
    return Clock(None)


@pytest.fixture
def submit(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Module submit.py. The queue of the example environment exists, with one instance, and waiting moves the clock."""
    settings = yaml.safe_load((ROOT / "environments" / "example.yaml").read_text())["queues"]["training-g6"]
    create_queue("training-g6", settings["scheduling"]["weight_factors"], instances=1)
    waiting = SimpleNamespace(time=time.time, sleep=aws.timeline.advance)
    monkeypatch.setattr(training_queued_job, "time", waiting)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.delitem(sys.modules, "submit", raising=False)
    import submit  # type: ignore[import-not-found]  # noqa: PLC0415

    return submit


def started() -> list[str]:
    """Return the names of the jobs of the queue, in the order of their start."""
    batch = boto3.client("batch")
    summaries = batch.list_service_jobs(jobQueue="training-g6", jobStatus="SUCCEEDED")["jobSummaryList"]
    return [job["jobName"] for job in sorted(summaries, key=lambda job: job["startedAt"])]


def statuses() -> set[str]:
    batch = boto3.client("batch")
    all_statuses = ("SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
    return {
        status
        for status in all_statuses
        if batch.list_service_jobs(jobQueue="training-g6", jobStatus=status)["jobSummaryList"]
    }


def run_notebook(_: ModuleType) -> None:
    """Execute the code cells of the notebook in their order."""
    notebook = json.loads((EXAMPLE / "fine_tune.ipynb").read_text())
    assert notebook["nbformat"] == 4
    names = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        assert cell.keys() >= {"id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)


def run_script(submit: ModuleType) -> None:
    assert submit.main([f"--image={IMAGE}"]) == 0


@pytest.mark.parametrize("flow", [run_script, run_notebook])
def test_shares_start_by_their_weights(
    submit: ModuleType,
    flow: Callable[[ModuleType], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(EXAMPLE)

    flow(submit)

    printed = capsys.readouterr().out
    assert QUEUE_STATE in printed
    assert printed.count("SUCCEEDED  Received status from SageMaker: Completed") == len(ORDER)
    assert started() == ORDER
    assert "Terminated" not in printed


def test_the_payload_has_what_the_training_reads(submit: ModuleType) -> None:
    boto3.client("s3").create_bucket(Bucket="models")
    assert (
        submit.main(
            [f"--image={IMAGE}", "--jobs=1", "--shares", "MIDPRI", "--then=keep", "--output=s3://models/search/"]
        )
        == 0
    )

    batch = boto3.client("batch")
    (job,) = batch.list_service_jobs(jobQueue="training-g6", jobStatus="RUNNABLE")["jobSummaryList"]
    payload = json.loads(batch.describe_service_job(jobId=job["jobId"])["serviceRequestPayload"])
    assert {channel["ChannelName"] for channel in payload["InputDataConfig"]} == {
        "train",
        "val",
        "config",
        "code",
        "sm_drivers",
    }
    assert payload["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"
    assert payload["TrainingJobName"] in payload["CheckpointConfig"]["S3Uri"]
    locations = [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in payload["InputDataConfig"]]
    for location in (*locations, payload["CheckpointConfig"]["S3Uri"], payload["OutputDataConfig"]["S3OutputPath"]):
        assert location.startswith("s3://models/search/"), location
    assert payload["StoppingCondition"] == {"MaxRuntimeInSeconds": 7200}
    objects = boto3.client("s3").list_objects_v2(Bucket="models", Prefix="search/")["Contents"]
    uploaded = {entry["Key"] for entry in objects}
    for ending in ("config/args.yaml", "code/train.py", "train/samples.csv", "torchrun_driver.py", "sm_train.sh"):
        assert any(key.endswith(f"/{ending}") for key in uploaded), ending


def test_the_script_terminates_its_jobs_without_a_wait(submit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main([f"--image={IMAGE}", "--jobs=1", "--then=terminate"]) == 0

    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"Terminated fine-tune-{share}-1" for share in ("lowpri", "midpri", "highpri")
    ]
    assert statuses() == {"FAILED"}


def test_an_interrupted_script_terminates_its_jobs(submit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_queued_job.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        submit.main([f"--image={IMAGE}", "--jobs=1", "--shares", "LOWPRI"])

    assert statuses() == {"FAILED"}


def test_a_failed_job_has_exit_code_1(
    submit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminate_all(_: float) -> None:
        batch = boto3.client("batch")
        for job in batch.list_service_jobs(jobQueue="training-g6", jobStatus="RUNNABLE")["jobSummaryList"]:
            batch.terminate_service_job(jobId=job["jobId"], reason="no data")

    monkeypatch.setattr(training_queued_job.time, "sleep", terminate_all)

    assert submit.main([f"--image={IMAGE}", "--jobs=1", "--shares", "LOWPRI"]) == 1

    assert "fine-tune-lowpri-1  FAILED  no data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--queue=none"], "queue none: does not exist in us-east-1; check --queue and AWS_DEFAULT_REGION"),
        (["--queue=fifo"], "queue fifo: has no fair-share scheduling policy; use a queue with fair share"),
        (
            ["--shares", "HIGHPRI", "URGENT"],
            "share URGENT: not in the scheduling policy of training-g6; use HIGHPRI, LOWPRI, MIDPRI",
        ),
        (["--train=/none"], "--train /none: does not exist; use a folder or an S3 URI"),
        (
            ["--output=s3://none/search/"],
            "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: The specified bucket",
        ),
        (["--jobs=0"], "--jobs 0: too few; use 1 or more"),
        (["--role=none"], "Value error, IAM role 'none' does not exist"),
    ],
)
def test_wrong_inputs_have_one_message_and_exit_code_2(
    submit: ModuleType, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    create_queue("fifo", {}, instances=1)

    assert submit.main([f"--image={IMAGE}", *arguments]) == 2

    assert f"submit.py: {message}" in capsys.readouterr().err
    assert not statuses()


def test_missing_credentials_have_one_message_and_exit_code_2(
    submit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    assert submit.main([f"--image={IMAGE}"]) == 2

    message = "no AWS credentials; run aws configure or aws sso login, or set AWS_PROFILE"
    assert capsys.readouterr().err == f"submit.py: {message}\n"
