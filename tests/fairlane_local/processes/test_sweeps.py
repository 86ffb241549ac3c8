"""Sweep whose runs are processes of the local AWS, with killed attempts."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from fairlane_client.sweeps import Sweep
from fairlane_client.sweeps.vendor import vendor
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.processes.support import REGION, Here
from tests.fairlane_local.processes.test_container_jobs import requirements

pytestmark = pytest.mark.slow

SPACE = {"learning_rate": [1e-3, 5e-4, 1e-4, 5e-5], "batch_size": [16, 32, 64, 128], "model_name": ["a", "b", "c"]}
BUCKET = "search-store"
CALLS = ("get_object", "head_object", "put_object", "put_object", "put_object")
"""Calls of a run to S3: its line, its result, two reports and `finish`."""
CHANCE = random.Random(21)
KILLED = {index: (CHANCE.randint(1, len(CALLS)), CHANCE.random() < 0.5) for index in CHANCE.sample(range(48), 16)}
"""Runs whose first attempt is killed: the number of the call, and True to be killed after it instead of before."""
WRITTEN = {index for index, moment in KILLED.items() if moment == (len(CALLS), True)}
"""Runs that are killed after their result is written: the second attempt does nothing."""
SCRIPT = """
import os, signal
from botocore.client import BaseClient
from fairlane_run import run

calls, moments, call = [], {killed}, BaseClient._make_api_call

def call_and_kill(client, name, request):
    calls.append(name)
    moment = moments.get(int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"]))
    is_here = os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1" and moment and len(calls) == moment[0]
    if is_here and not moment[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        return call(client, name, request)
    finally:
        if is_here:
            os.kill(os.getpid(), signal.SIGKILL)

BaseClient._make_api_call = call_and_kill
with run() as this:
    rate, size = this.parameters["learning_rate"], this.parameters["batch_size"]
    for step in (1, 2):
        this.report(step, accuracy=rate * size * step)
    this.finish(accuracy=rate * size + len(this.parameters["model_name"]))
"""


class Session:
    """Session of boto3 for the local AWS."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def client(self, service_name: str, **options: Any) -> Any:
        return self._here.client(service_name)


@pytest.fixture
def sweep(here: Here, image: Path) -> Sweep:
    vendor(image)
    (image / "train.py").write_text(SCRIPT.format(killed=KILLED))
    create_store(here)
    return Sweep("resnet-lr", store="search", space=SPACE, metric="accuracy", session=Session(here))


@pytest.fixture
def queue(here: Here) -> str:
    """Queue for jobs of the definition `train`, which runs the script."""
    requirement = requirements(memory=120)
    container = {"image": "train:1", "command": ["python3", "train.py"], "resourceRequirements": requirement}
    return containers.fifo_queue(here.client("batch"), 4, containerProperties=containers.one_vcpu(**container))


def test_each_point_has_one_result_although_a_third_of_the_runs_is_killed(
    here: Here, sweep: Sweep, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.submit(queue=queue, job_definition="train", attempts=3)
    wait_for(here, queue, "resnet-lr-0000")
    board = sweep.leaderboard()
    best_first = sorted(board, key=lambda result: (-result["value"], result["index"]))
    assert [*board] == best_first
    assert sorted(result["index"] for result in board) == [*range(48)]
    assert {result["index"] for result in board if result["attempt"] == 2} == KILLED.keys() - WRITTEN
    assert len({*KILLED.values()}) == 2 * len(CALLS), "each moment has a run"
    for index in WRITTEN:
        assert f"fairlane_run: point {index} of sweep resnet-lr has a result" in here.output("/aws/batch/job")

    deleted = [3, 7, 20, 31, 47]
    for index in deleted:
        here.client("s3").delete_object(Bucket=BUCKET, Key=f"results/sweep=resnet-lr/{index}.json")
    monkeypatch.setattr("fairlane_client.sweeps.submission.LAG_SECONDS", -1)  # the jobs are listed
    assert sweep.resume() == 5
    wait_for(here, queue, "resnet-lr-0001")
    again = sweep.leaderboard()
    assert sorted(result["index"] for result in again) == [*range(48)]
    assert sorted(result["index"] for result in again if result not in [*board]) == deleted


def create_store(here: Here) -> None:
    """Create the bucket and the parameter of the sweep store `search`."""
    here.client("s3").create_bucket(Bucket=BUCKET)
    location = json.dumps({"bucket": BUCKET, "region": REGION})
    here.client("ssm").put_parameter(Name="/fairlane/sweep-store/search", Value=location, Type="String")


def wait_for(here: Here, queue: str, name: str) -> None:
    """Wait until a job has succeeded."""
    filters = [{"name": "JOB_NAME", "values": [name]}]
    (job,) = here.client("batch").list_jobs(jobQueue=queue, filters=filters)["jobSummaryList"]
    assert here.ended(here.job(job["jobId"])).status == "SUCCEEDED", here.output("/aws/batch/job")
