"""Training jobs of the SageMaker Python SDK as processes, with the script and the drivers that the SDK uploads."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from sagemaker.train import ModelTrainer
from sagemaker.train.aws_batch import training_queued_job
from sagemaker.train.aws_batch.training_queue import TrainingQueue
from sagemaker.train.configs import Compute, InputData, SourceCode

from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.processes.options import ProcessOptions

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1"
SCRIPT = """
import argparse, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int)
parser.add_argument("--fail", type=int, default=0)
arguments = parser.parse_args()
print("steps", arguments.steps, os.environ["SM_CURRENT_HOST"], os.environ["SM_HP_STEPS"])
print("data", pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "rows.csv").read_text())
pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_text("1")
if arguments.fail:
    raise ValueError("no rows")
"""


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"options": JobOptions(processes=ProcessOptions(processes=2))}


@pytest.fixture(autouse=True)
def fast_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_queued_job, "POLL_IN_SECONDS", 0.1)


def submit(queue: str, source: Path, **hyperparameters: int) -> Any:
    source.mkdir()
    (source / "train.py").write_text(SCRIPT)
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
        compute=Compute(instance_type="ml.g6.xlarge", instance_count=1),
        hyperparameters={"steps": 3, **hyperparameters},
        base_job_name="fine-tune",
    )
    bucket = trainer.sagemaker_session.default_bucket()
    data = InputData(channel_name="train", data_source=f"s3://{bucket}/data/")
    boto3.client("s3").put_object(Bucket=bucket, Key="data/rows.csv", Body=b"1,2")
    return TrainingQueue(queue).submit(trainer, [data], share_identifier="research", priority=1)


def log_lines(job: Any) -> list[str]:
    logs = boto3.client("logs")
    name = job.describe()["latestAttempt"]["serviceResourceId"]["value"].rpartition("/")[2]
    events = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=name)["events"]
    return [event["message"] for event in events]


def test_the_script_of_the_sdk_runs_unchanged(queue: str, tmp_path: Path) -> None:
    job = submit(queue, tmp_path / "code")
    status = job.wait()["status"]
    lines = log_lines(job)
    assert status == "SUCCEEDED", lines
    assert "steps 3 algo-1 3" in lines
    assert "data 1,2" in lines
    assert "Training Container Execution Completed" in lines


def test_the_failure_of_a_script_is_the_reason(queue: str, tmp_path: Path) -> None:
    job = submit(queue, tmp_path / "code", fail=1)
    assert job.wait()["status"] == "FAILED"
    reason = job.describe()["statusReason"]
    assert reason.startswith("Received status from SageMaker: AlgorithmError: "), reason
    assert "returned non-zero exit status 1" in reason, "the text of the SDK's driver"
    assert "ValueError: no rows" in log_lines(job)
