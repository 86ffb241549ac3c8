"""Training jobs as processes: files, variables, logs, statuses, checkpoints and preemption."""

import gzip
import io
import json
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fairlane_local.batch.jobs.job import Job, ServiceJob
from tests.fairlane_local.batch.jobs import support
from tests.fairlane_local.processes.support import Here
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

TOY = REPOSITORY / "examples" / "toy"
TOY_IMAGE = {"TrainingImage": "toy", "ContainerEntrypoint": ["python3", "train.py"]}


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri} | members.pop("source", {})
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}} | members


def bucket(here: Here, **objects: bytes) -> Any:
    s3 = here.client("s3")
    s3.create_bucket(Bucket="data")
    for key, body in objects.items():
        s3.put_object(Bucket="data", Key=key.replace("__", "/"), Body=body)
    return s3


def training_job(here: Here, job: Any) -> dict[str, Any]:
    name = job.latest_attempt.resource.rpartition("/")[2]
    return dict(here.client("sagemaker").describe_training_job(TrainingJobName=name))


def test_a_job_reads_channels_and_settings_and_writes_a_model(here: Here) -> None:
    s3 = bucket(here, in__a=b"first", in__sub__b=b"second", zipped__c=gzip.compress(b"third"))
    job = here.train(
        "cd /opt/ml; cat input/data/train/a input/data/train/sub/b input/data/zipped/c; echo\n"
        'cat input/config/hyperparameters.json; echo; echo "$SM_HP_STEPS $SM_CHANNEL_TRAIN $COLOR $TRAINING_JOB_NAME"\n'
        "mkdir -p model/a; echo weights > model/a/w; echo extra > output/data/x; echo error >&2; printf unfinished",
        HyperParameters={"steps": "3"},
        Environment={"COLOR": "red"},
        InputDataConfig=[
            channel("train", "s3://data/in/"),
            channel("zipped", "s3://data/zipped/", CompressionType="Gzip"),
        ],
        OutputDataConfig={"S3OutputPath": "s3://data/out"},
    )
    here.ended(job)
    name = job.latest_attempt.resource.rpartition("/")[2] if job.latest_attempt else ""
    assert (job.status, job.reason) == ("SUCCEEDED", "Received status from SageMaker: Completed")
    assert here.output() == [
        "firstsecondthird",
        '{"steps": "3"}',
        f"3 /opt/ml/input/data/train red {name}",
        "error",
        "unfinished",
    ]
    archive = s3.get_object(Bucket="data", Key=f"out/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as model:
        member = model.extractfile("a/w")
        assert member is not None
        assert member.read() == b"weights\n"
    assert s3.head_object(Bucket="data", Key=f"out/{name}/output/output.tar.gz")
    described = training_job(here, job)
    transitions = described["SecondaryStatusTransitions"]
    statuses = [transition["Status"] for transition in transitions]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    times = [transition["StartTime"] for transition in transitions]
    assert times == sorted(times)


def test_the_instances_of_a_job_are_processes_that_know_each_other(here: Here) -> None:
    bucket(here, in__a=b"1", in__b=b"2")
    sharded = {"S3DataDistributionType": "ShardedByS3Key"}
    job = here.train(
        "ls /opt/ml/input/data/train; hostname; getent hosts algo-2 | cut -d' ' -f1\n"
        'grep -o \'"current_host": "algo-."\' /opt/ml/input/config/resourceconfig.json',
        instances=2,
        InputDataConfig=[channel("train", "s3://data/in/", source=sharded)],
    )
    assert here.ended(job).status == "SUCCEEDED"
    lines = {name.rpartition("/")[2].rpartition("-")[0]: lines for name, lines in here.lines().items()}
    assert lines == {
        "algo-1": ["a", "algo-1", "127.0.0.2", '"current_host": "algo-1"'],
        "algo-2": ["b", "algo-2", "127.0.0.2", '"current_host": "algo-2"'],
    }


def test_an_old_checkpoint_of_an_instance_does_not_replace_the_new_one_of_another(here: Here) -> None:
    s3 = bucket(here, checkpoints__state=b"old")
    job = here.train(
        '[ "$SM_CURRENT_HOST" = algo-2 ] || printf new > /opt/ml/checkpoints/state',
        instances=2,
        CheckpointConfig={"S3Uri": "s3://data/checkpoints"},
    )
    assert here.ended(job).status == "SUCCEEDED"
    assert s3.get_object(Bucket="data", Key="checkpoints/state")["Body"].read() == b"new"


def test_a_failure_has_the_text_of_the_failure_file_and_is_retried_by_its_reason(here: Here) -> None:
    rules = [{"action": "RETRY", "onStatusReason": "*out of data*"}, {"action": "EXIT", "onStatusReason": "*"}]
    job = here.train(
        "printf 'out of data%2000s' > /opt/ml/output/failure; exit 7",
        retryStrategy={"attempts": 2, "evaluateOnExit": rules},
    )
    here.ended(job)
    assert job.status == "FAILED"
    assert len(job.attempts) == 2
    assert job.reason == "Received status from SageMaker: AlgorithmError: out of data, exit code: 7"
    assert training_job(here, job)["FailureReason"] == "AlgorithmError: out of data, exit code: 7"


@pytest.mark.parametrize("settings", [{"images": {"toy": str(TOY)}}])
def test_a_job_that_is_preempted_twice_ends_with_the_same_loss(here: Here) -> None:
    s3, batch = bucket(here), here.client("batch")
    queue = support.notebook_queue(batch)

    def submit(share: str, name: str, **members: Any) -> Any:
        payload = support.payload(**members)
        return here.job(
            support.submit(batch, queue, name, run=None, quotaShareName=share, serviceRequestPayload=payload)
        )

    def toy(name: str) -> dict[str, Any]:
        return {
            "AlgorithmSpecification": TOY_IMAGE,
            "HyperParameters": {"steps": "60", "log-every": "1", "step-seconds": "0.05"},
            "CheckpointConfig": {"S3Uri": f"s3://data/{name}"},
            "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        }

    first = submit("QS1", "whole", **toy("whole"))
    loss = last_loss(here, here.ended(first))
    holder = submit("QS1", "holder", AlgorithmSpecification=sleeps())
    victim = submit("QS1", "victim", **toy("victim"))
    for preemptions in (1, 2):
        here.until(lambda: any("step=" in line for line in latest_lines(here, victim)))
        owners = [submit(share, share, AlgorithmSpecification=sleeps()) for share in ("QS2", "QS3")]
        here.until(partial(has_preemptions, victim, preemptions))
        for owner in owners:
            batch.terminate_service_job(jobId=owner.arn, reason="done")
    here.ended(victim)
    assert victim.status == "SUCCEEDED"
    assert len(victim.preempted) == 2
    assert last_loss(here, victim) == loss
    lines = [line for stream in here.lines().values() for line in stream]
    assert sum(line.startswith("resumed step=") for line in lines) == 2
    assert sum(line.startswith("stopped step=") for line in lines) == 2
    assert json.loads(s3.get_object(Bucket="data", Key="victim/checkpoint.json")["Body"].read())["step"] > 0
    batch.terminate_service_job(jobId=holder.arn, reason="done")


def has_preemptions(job: Job, number: int) -> bool:
    assert isinstance(job, ServiceJob)
    return len(job.preempted) == number


def sleeps() -> dict[str, Any]:
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); signal.pause()"
    return {"TrainingImage": "toy", "ContainerEntrypoint": ["python3", "-c", code]}


def latest_lines(here: Here, job: Job) -> list[str]:
    if job.attempt is None:
        return []
    name = job.attempt.resource.rpartition("/")[2]
    return [line for stream, lines in here.lines().items() if stream.startswith(name) for line in lines]


def last_loss(here: Here, job: Any) -> str:
    name = job.latest_attempt.resource.rpartition("/")[2]
    (lines,) = [lines for stream, lines in here.lines().items() if stream.startswith(name)]
    return lines[-1]


def test_the_host_is_read_only_and_files_of_a_job_vanish(here: Here, image: Path, tmp_path: Path) -> None:
    (image / "kept").write_text("original")
    job = here.train(
        f"touch {tmp_path}/leak /usr/leak /tmp/leak; echo changed > kept; cat kept; env | grep -c XDG_STATE_HOME; true"
    )
    here.ended(job)
    assert (image / "kept").read_text() == "original"
    assert not (tmp_path / "leak").exists()
    assert not Path("/tmp/leak").exists()
    assert here.output()[-2:] == ["changed", "0"]
    assert any("Read-only file system" in line for line in here.output())
