from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from fairlane import ConfigurationError
from fairlane.capacity.rules import ComputeEnvironmentSpec
from fairlane.scheduling import FairShare, Fifo, QuotaManagement
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls, NotAllowed, Throttled
from fairlane_client.queues.jobs import ENDED, HOLDING, WAITING, list_jobs, read_job
from fairlane_client.queues.queue import Queue, queue_of_environment, read_queue
from fairlane_client.queues.snapshot import read_snapshot
from fairlane_local.testing.local_batch import LocalBatch

EXAMPLE = Path("environments/example.yaml")


def test_a_queue_is_the_same_from_aws_and_from_the_file(local_batch: LocalBatch) -> None:
    local_batch.deploy(EXAMPLE)
    calls = Calls(boto3.client("batch", region_name="us-east-1"))
    for name in ("training-p4", "training-p5"):
        live, file = read_queue(calls, name), queue_of_environment(EXAMPLE, name)
        assert (live.name, live.kind, live.policy, live.capacity) == (file.name, file.kind, file.policy, file.capacity)
        assert (live.priority, live.is_enabled, live.time_limits) == (file.priority, file.is_enabled, file.time_limits)
        assert isinstance(live.policy, FairShare | QuotaManagement)
    for queue in (read_queue(calls, "gpu-g5"), queue_of_environment(EXAMPLE, "gpu-g5")):
        assert [environment.is_spot for environment in queue.environments] == [False, True]


def test_jobs_and_snapshot_of_a_queue(local_batch: LocalBatch) -> None:
    local_batch.deploy(EXAMPLE)
    calls = Calls(boto3.client("batch", region_name="us-east-1"))
    queue = read_queue(calls, "training-p4")
    share = queue.shares[0]
    running = local_batch.submit("training-p4", share=share, instances=100, run=600, priority=1)
    local_batch.advance(60)
    waiting = local_batch.submit("training-p4", share=share, instances=2, priority=7, name="second")
    local_batch.advance(5)
    (holding,), (queued,) = list_jobs(calls, queue, HOLDING), list_jobs(calls, queue, WAITING)
    assert (holding.id, holding.share, holding.amount) == (running.id, share, 100)
    assert (queued.id, queued.state, queued.amount, queued.priority) == (waiting.id, "RUNNABLE", 2, None)
    job, detail = read_job(calls, queue, "second")
    assert (job.id, job.priority, detail["jobName"]) == (waiting.id, 7, "second")
    snapshot = read_snapshot(calls, queue)
    assert snapshot.front == [waiting.id]
    assert sum(snapshot.in_use.values()) == 100


def test_an_unknown_queue_or_job_is_named(local_batch: LocalBatch) -> None:
    local_batch.deploy(EXAMPLE)
    calls = Calls(boto3.client("batch", region_name="us-east-1"))
    with pytest.raises(LookupError, match=r"no queue nope; the queues of this account and Region: .*training-p4"):
        read_queue(calls, "nope")
    with pytest.raises(LookupError, match="queue training-p4 has no job nope"):
        read_job(calls, read_queue(calls, "training-p4"), "nope")
    with pytest.raises(ConfigurationError, match="nope"):
        queue_of_environment(EXAMPLE, "nope")


class _ArrayJobs:
    """Client of a queue with two array jobs, one of which has ended, and a job that waits for another."""

    def list_jobs(self, jobStatus: str, arrayJobId: str = "", **_: object) -> dict[str, object]:  # noqa: N803
        jobs = {
            ("", "PENDING"): ["array", "dependent"],
            ("", "SUCCEEDED"): ["ended"],
            ("array", "RUNNING"): ["array:0"],
            ("array", "SUCCEEDED"): ["array:1"],
            ("ended", "SUCCEEDED"): ["ended:0"],
        }.get((arrayJobId, jobStatus), [])
        return {"jobSummaryList": [self._summary(job, jobStatus) for job in jobs]}

    def _summary(self, job: str, status: str) -> dict[str, object]:
        array = {"index": 0} if ":" in job else {} if job == "dependent" else {"size": 2}
        return {"jobId": job, "status": status, "createdAt": 1000, "arrayProperties": array}


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (HOLDING, ["array:0"]),
        (WAITING, ["dependent"]),
        (ENDED, ["ended:0", "array:1"]),
        (("RUNNABLE",), []),
    ],
)
def test_children_of_array_jobs_are_listed_whose_parents_wait_or_have_ended(
    states: tuple[str, ...], found: list[str]
) -> None:
    queue = Queue(name="gpu", kind="gpu", policy=Fifo(), environments=[])
    assert [job.id for job in list_jobs(Calls(_ArrayJobs()), queue, states)] == found


def test_the_limit_of_several_instance_types_is_that_of_the_stack(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(
        """
region: us-east-1
network: {}
compute_environments:
  mixed: {instance_types: [g5.xlarge, g5.12xlarge], max_gpus: 8}
queues:
  gpu: {compute_environments: [mixed], scheduling: {policy: fifo}}
"""
    )
    spec = ComputeEnvironmentSpec(instance_types=["g5.xlarge", "g5.12xlarge"], max_gpus=8)
    assert queue_of_environment(file, "gpu").capacity == spec.vcpus == 32


class _Client:
    """Client whose calls fail with the codes of a list before they succeed."""

    def __init__(self, *codes: str) -> None:
        self.codes = [*codes]

    def describe_job_queues(self, **request: object) -> dict[str, object]:
        if self.codes:
            raise ClientError({"Error": {"Code": self.codes.pop(0), "Message": "no"}}, "DescribeJobQueues")
        return {"jobQueues": [request]}


def test_a_throttled_call_is_repeated_with_longer_pauses() -> None:
    pauses: list[float] = []
    calls = Calls(_Client(*["TooManyRequestsException"] * 3), Clock(sleep=pauses.append))
    assert calls("describe_job_queues") == {"jobQueues": [{}]}
    assert (calls.count, pauses) == (4, [0.5, 1, 2])


def test_a_call_that_is_throttled_again_and_again_names_its_action() -> None:
    calls = Calls(_Client(*["TooManyRequestsException"] * 6), Clock(sleep=lambda seconds: None))
    with pytest.raises(Throttled, match="batch:DescribeJobQueues failed 6 times: TooManyRequestsException"):
        calls("describe_job_queues")


def test_a_missing_permission_names_its_action_and_who_gives_it() -> None:
    with pytest.raises(NotAllowed, match=r"no permission for batch:DescribeJobQueues: queue\.grants\.observe"):
        Calls(_Client("AccessDeniedException"))("describe_job_queues")


def test_another_refusal_is_raised_as_it_is() -> None:
    with pytest.raises(ClientError):
        Calls(_Client("ValidationException"))("describe_job_queues")
