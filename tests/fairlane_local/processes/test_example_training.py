"""PyTorch example as a training job of the local AWS. `make test-train` installs PyTorch and runs this test."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest

from fairlane_client.sweeps import Sweep
from fairlane_client.sweeps.vendor import vendor
from fairlane_local.batch.jobs.job import ServiceJob
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.processes.support import Here
from tests.fairlane_local.processes.test_container_jobs import requirements
from tests.fairlane_local.processes.test_sweeps import Session, create_store, wait_for
from tests.fairlane_local.processes.test_training_jobs import bucket
from tests.support import REPOSITORY

BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""Modules of boto3, which the image installs, and .venv-train does not."""
PYTHON = REPOSITORY / ".venv-train"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="make test-train installs PyTorch"),
]


@pytest.fixture
def example(image: Path) -> None:
    for file in (REPOSITORY / "examples" / "train").glob("*.py"):
        shutil.copy(file, image)
    (image / ".venv").symlink_to(PYTHON.resolve())


@pytest.mark.parametrize("settings", [{"memory_mib": 2048, "disk_mib": 256}])
@pytest.mark.usefixtures("example")
def test_the_example_runs_in_a_sweep(here: Here, image: Path) -> None:
    vendor(image)
    for name in BOTO3:
        path = Path(str(import_module(name).__file__))
        shutil.copytree(path.parent, image / name) if path.stem == "__init__" else shutil.copy(path, image)
    create_store(here)
    requirement = requirements(memory=2048)
    command = ["python3", "launch.py", "--epochs", "9", "--processes", "1"]
    container = {"image": "train:1", "command": command, "resourceRequirements": requirement}
    queue = containers.fifo_queue(here.client("batch"), 4, containerProperties=containers.one_vcpu(**container))
    space = {"epochs": [1, 2], "learning_rate": [0.1]}
    sweep = Sweep("epochs", store="search", space=space, metric="held_out_accuracy", session=Session(here))
    sweep.submit(queue=queue, job_definition="train")
    wait_for(here, queue, "epochs-0000")
    found = sorted(sweep.leaderboard(), key=lambda result: result["index"])
    assert [result["step"] for result in found] == [2, 3]  # one step for each epoch, and one for the end
    assert all(result["metrics"].keys() == {"held_out_accuracy", "held_out_loss"} for result in found)


@pytest.mark.parametrize("settings", [{"memory_mib": 2048, "training_notice": 60}])
@pytest.mark.usefixtures("example")
def test_the_example_resumes_after_a_stop(here: Here) -> None:
    s3 = bucket(here)

    def train(epochs: str) -> ServiceJob:
        job = here.train(
            "exec python3 launch.py train",
            queue=queue,
            HyperParameters={"epochs": epochs, "log-every": "1", "processes": "1"},
            Environment={"OMP_NUM_THREADS": "1"},
            CheckpointConfig={"S3Uri": "s3://data/checkpoints"},
            OutputDataConfig={"S3OutputPath": "s3://data/out"},
        )
        assert isinstance(job, ServiceJob)
        return job

    queue = ""
    stopped = train("100000")
    queue = stopped.queue
    here.until(lambda: stopped.has_ended or any(line.startswith("epoch=") for line in here.output()))
    assert not stopped.has_ended, here.output()
    here.client("batch").terminate_service_job(jobId=stopped.arn, reason="enough")
    here.ended(stopped)
    (line,) = [line for line in here.output() if line.startswith("stopped epoch=")]
    epoch = line.split()[1].partition("=")[2]
    resumed = here.ended(train(str(int(epoch) + 1)))
    assert resumed.status == "SUCCEEDED", here.output()
    assert s3.head_object(Bucket="data", Key="checkpoints/checkpoint.pt")
