"""PyTorch example as a training job of the local AWS. `make test-train` installs PyTorch and runs this test."""

import shutil
from pathlib import Path

import pytest

from fairlane_local.batch.jobs.job import ServiceJob
from tests.fairlane_local.processes.support import Here
from tests.fairlane_local.processes.test_training_jobs import bucket
from tests.support import REPOSITORY

PYTHON = REPOSITORY / ".venv-train"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="make test-train installs PyTorch"),
]


@pytest.mark.parametrize("settings", [{"memory_mib": 2048, "training_notice": 60}])
def test_the_example_resumes_after_a_stop(here: Here, image: Path) -> None:
    for file in (REPOSITORY / "examples" / "train").glob("*.py"):
        shutil.copy(file, image)
    (image / ".venv").symlink_to(PYTHON.resolve())
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
