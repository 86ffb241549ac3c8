"""Training jobs of the SageMaker Python SDK in a queue of the local AWS, with the unchanged classes of the SDK."""

import json
from pathlib import Path

import boto3
import pytest
from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.train import ModelTrainer
from sagemaker.train.aws_batch import training_queued_job
from sagemaker.train.aws_batch.training_queue import TrainingQueue
from sagemaker.train.configs import Compute, InputData, SourceCode, StoppingCondition

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1"
SHORT, LONG = {"fairlane:run-seconds": "1"}, {"fairlane:run-seconds": "36000"}


@pytest.fixture(autouse=True)
def fast_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_queued_job, "POLL_IN_SECONDS", 0.05)


@pytest.fixture
def trainer(queue: str, tmp_path: Path) -> ModelTrainer:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('trained')")
    return ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
        compute=Compute(instance_type="ml.g6.xlarge", instance_count=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
        base_job_name="fine-tune",
    )


def test_the_caller_is_a_role_that_the_sdk_accepts(trainer: ModelTrainer) -> None:
    assert trainer.role == "arn:aws:iam::123456789012:role/fairlane-local"
    assert trainer.sagemaker_session.account_id() == "123456789012"
    assert trainer.sagemaker_session.default_bucket() == "sagemaker-us-east-1-123456789012"


@pytest.fixture
def roles(queue: str) -> None:
    """Roles that differ in the service they trust and in their policy."""
    iam = boto3.client("iam")
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": %s}]}'
    for name, service, policy in (
        ("usable", "sagemaker", "AmazonSageMakerFullAccess"),
        ("powerless", "sagemaker", "AmazonS3ReadOnlyAccess"),
        ("untrusting", "ec2", "AmazonSageMakerFullAccess"),
    ):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust % f'{{"Service": "{service}.amazonaws.com"}}')
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")


def test_the_sdk_checks_a_role_by_its_policies_and_its_trust(roles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ModelTrainer(training_image=IMAGE, role="usable").role == "arn:aws:iam::123456789012:role/usable"
    with pytest.raises(RoleValidationError, match="Missing permissions: cloudwatch:PutMetricData, ec2:"):
        ModelTrainer(training_image=IMAGE, role="powerless")
    with pytest.raises(RoleValidationError, match=r"does not allow '.*' to assume it"):
        ModelTrainer(training_image=IMAGE, role="untrusting")
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")
    assert ModelTrainer(training_image=IMAGE, role="powerless").role.endswith(":role/powerless")


def test_submit_uploads_the_source_code_and_calls_the_batch_api(trainer: ModelTrainer, queue: str) -> None:
    job = TrainingQueue(queue).submit(trainer, [], share_identifier="research", priority=1)
    payload = json.loads(job.describe()["serviceRequestPayload"])
    assert payload["ResourceConfig"]["InstanceType"] == "ml.g6.xlarge"
    objects = boto3.client("s3").list_objects_v2(Bucket="sagemaker-us-east-1-123456789012")["Contents"]
    assert {entry["Key"].rpartition("/")[2] for entry in objects} >= {"train.py"}


def test_a_job_runs_and_can_be_attached(trainer: ModelTrainer, queue: str) -> None:
    training_queue = TrainingQueue(queue)
    data = InputData(channel_name="train", data_source="s3://sagemaker-us-east-1-123456789012/data/")
    job = training_queue.submit(trainer, [data], "first", share_identifier="research", priority=1, tags=SHORT)
    described = job.describe()
    assert described["jobName"] == "first"
    assert described["shareIdentifier"] == "research"
    assert described["schedulingPriority"] == 1
    assert job.wait()["status"] == "SUCCEEDED"
    assert job.result(timeout=60)["jobArn"] == job.job_arn
    attached = job.get_model_trainer()
    assert attached.training_image == IMAGE
    assert attached.compute.instance_type == "ml.g6.xlarge"


def test_jobs_are_listed_updated_and_terminated(trainer: ModelTrainer, queue: str) -> None:
    training_queue = TrainingQueue(queue)
    names = ["a", "b", "c", "d"]
    jobs = training_queue.map(trainer, [[]] * 4, names, share_identifier="research", priority=1, tags=LONG)
    assert [job.job_name for job in jobs] == names
    other = training_queue.submit(trainer, [], "other", share_identifier="product")

    assert [job.job_arn for job in training_queue.list_jobs("b")] == [jobs[1].job_arn]
    assert training_queue.get_job("other").job_arn == other.job_arn
    with pytest.raises(ValueError, match="Cannot find job: none"):
        training_queue.get_job("none")
    listed = {
        job.job_name
        for status in ("RUNNABLE", "SCHEDULED", "STARTING", "RUNNING")
        for job in training_queue.list_jobs_by_share(status, share_identifier="research")
    }
    assert listed == set(names)

    jobs[3].update(7)
    assert jobs[3].describe()["schedulingPriority"] == 7

    jobs[2].terminate("enough")
    assert jobs[2].wait(timeout=60)["status"] == "FAILED"
    with pytest.raises(RuntimeError, match="enough"):
        jobs[2].result(timeout=60)
