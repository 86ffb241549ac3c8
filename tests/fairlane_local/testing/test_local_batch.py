"""Calls of the fixture `local_batch`: jobs, the clock, events, deployments, and wrong calls."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane.scheduler import hours, minutes
from fairlane_local import LocalAwsError, LocalBatch, deployed_queues
from fairlane_local.testing.local_batch import start_local_batch
from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "environments" / "example.yaml"
FILE = """
region: eu-west-1
account: "111122223333"
tags: {owner: platform}
service_environments:
  pool: {capacity: 8}
queues:
  high:
    service_environment: pool
    priority: 2
    scheduling: {policy: fifo}
  low:
    service_environment: pool
    state: draining
    scheduling: {policy: fair-share, weight_factors: {a: 1, b: 2}, share_decay_seconds: 600}
    time_limit_actions:
      - {reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", max_time_seconds: 600}
  quotas:
    capacity: {ml.p4d.24xlarge: 4, ml.p5.48xlarge: 2}
    scheduling:
      policy: quota-management
      shares:
        team: {capacity: {ml.p4d.24xlarge: 2}, sharing: LEND_AND_BORROW, borrow_limit: 50}
        rest: {capacity: {ml.p5.48xlarge: 1}, sharing: RESERVE, state: draining}
regions:
  us-west-2:
    queues:
      high: {capacity: 1, scheduling: {policy: fifo}}
"""
APP = """
from aws_cdk import App, Environment, Stack

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.queues import TrainingQueue

app = App()
stack = Stack(app, "Training", env=Environment(account="111122223333", region=app.node.get_context("region")))
TrainingQueue(stack, "Fifo", queue_name="fifo", capacity=3, scheduling=Fifo())
app.synth()
"""


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalBatch]:
    with start_local_batch(tmp_path, monkeypatch) as batch:
        yield batch


def test_a_job_is_live(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    first = batch.submit("cpu", instances=10, run=minutes(2), name="first")
    second = batch.submit("cpu", run=minutes(1))
    assert (first.status, first.start, first.end) == ("RUNNABLE", None, None)
    batch.advance(1)
    assert (first.status, first.start, first.end, first.reason) == ("RUNNING", 0, None, "")
    assert (second.status, second.reason) == ("RUNNABLE", "too little capacity is free")
    batch.advance(hours(1))
    assert (first.status, first.start, first.end) == ("SUCCEEDED", 0, 120)
    assert (second.status, second.start, second.end) == ("SUCCEEDED", 120, 180)
    assert second.reason == "Received status from SageMaker: Completed"
    assert batch.jobs("cpu") == [first, second]
    assert batch.client("batch").describe_service_job(jobId=first.id)["jobName"] == "first"


def test_priorities_and_shares_reach_the_scheduler(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    low = batch.submit("training-p4", share="ProdExp1", instances=100, priority=1, run=hours(2))
    batch.advance(1)
    high = batch.submit("training-p4", share="ProdExp1", instances=100, priority=2)
    batch.until(high, "SUCCEEDED")
    assert (low.preemptions, low.status, high.preemptions) == (1, "RUNNABLE", 0)
    assert low.share == "ProdExp1"


def test_until_stops_at_the_second_of_the_condition(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    job = batch.submit("cpu", run=hours(2))
    batch.until(job, "RUNNABLE")
    assert batch.now == 0
    batch.until(job, "SUCCEEDED")
    assert batch.now == hours(2)
    later = batch.submit("cpu", run=60)
    batch.until(lambda: later.end)
    assert batch.now == hours(2) + 60
    batch.until(lambda: batch.now >= hours(5), limit=hours(3))
    assert batch.now == hours(5) + 60


def test_events_are_complete_and_in_order(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    batch.client("events").put_events(Entries=[{"Source": "mine", "DetailType": "other", "Detail": "{}"}])
    job = batch.submit("cpu", run=60)
    batch.until(job, "SUCCEEDED")
    events = batch.events()
    changes = ["RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED"]
    assert [event["detail"]["status"] for event in events] == changes
    assert {event["detail-type"] for event in events} == {"Batch Service Job State Change"}
    assert {event["detail"]["jobId"] for event in events} == {job.id}
    assert {(event["source"], event["account"], event["region"]) for event in events} == {
        ("aws.batch", "123456789012", "us-east-1")
    }


def test_submissions_are_not_throttled(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    jobs = [batch.submit("cpu") for _ in range(50)]
    assert len(jobs) == len({job.id for job in jobs}) == 50


def test_a_file_deploys_what_it_says(batch: LocalBatch, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(FILE)
    batch.deploy("file.yaml")
    client = batch.client("batch")
    assert client.meta.region_name == "eu-west-1"
    queues = {queue["jobQueueName"]: queue for queue in client.describe_job_queues()["jobQueues"]}
    assert {name: (queue["priority"], queue["state"]) for name, queue in queues.items()} == {
        "high": (2, "ENABLED"),
        "low": (1, "DISABLED"),
        "quotas": (1, "ENABLED"),
    }
    assert ":111122223333:" in queues["high"]["jobQueueArn"]
    assert queues["high"]["serviceEnvironmentOrder"] == queues["low"]["serviceEnvironmentOrder"]
    assert queues["high"]["tags"] == {"owner": "platform"}
    (action,) = queues["low"]["jobStateTimeLimitActions"]
    assert (action["action"], action["maxTimeSeconds"], action["state"]) == ("TERMINATE", 600, "RUNNABLE")
    shares = client.list_quota_shares(jobQueue="quotas")["quotaShares"]
    assert {share["quotaShareName"]: share["state"] for share in shares} == {"team": "ENABLED", "rest": "DISABLED"}
    other = batch.client("batch", region="us-west-2").describe_job_queues()["jobQueues"]
    assert [queue["jobQueueName"] for queue in other] == ["high"]
    with pytest.raises(LocalAwsError, match=r"several queues have the name high: use the ARN arn:aws:batch:eu-west-1:"):
        batch.submit("high")
    job = batch.submit(queues["high"]["jobQueueArn"])
    batch.until(job, "SUCCEEDED")


def test_the_queues_of_a_file_have_its_policies(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    deployed = {queue.name: queue for queue in deployed_queues(batch.client("batch"))}
    model = load_environment(EXAMPLE)
    assert deployed.keys() == model.queues.keys()
    for name, queue in model.queues.items():
        expected, found = queue.queue_settings["scheduling"], deployed[name].scheduling
        assert type(found) is type(expected)
        capacity = deployed[name].capacity
        assert found.entitlements(capacity) == expected.entitlements(capacity)
        assert found.ceilings(capacity) == expected.ceilings(capacity)


@pytest.mark.slow
def test_an_app_is_deployed_by_the_cdk_cli(batch: LocalBatch, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.py").write_text(APP)
    (app / "cdk.json").write_text(f'{{"app": "{sys.executable} app.py"}}')
    (app / "node_modules").symlink_to(REPOSITORY / "node_modules")
    batch.deploy("app", context={"region": "eu-west-1"})
    assert batch.client("batch").meta.region_name == "eu-west-1"
    job = batch.submit("fifo", instances=3)
    batch.until(job, "SUCCEEDED")
    assert len(batch.events()) == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda batch: batch.advance(-5), "the clock cannot advance by -5 seconds: use 0 to 31,622,400"),
        (
            lambda batch: batch.submit("training"),
            "the local AWS has no queue training; its queues: cpu, gpu-g5, gpu-p5, training-g6, training-p4, training-p5",
        ),
        (lambda batch: batch.jobs("training"), "the local AWS has no queue training; its queues: cpu, "),
        (lambda batch: batch.submit("gpu-g5"), r"gpu-g5 is a queue for containers: use client\('batch'\).submit_job"),
        (lambda batch: batch.submit("training-p4"), "training-p4: quotaShareName must be specified "),
        (lambda batch: batch.submit("training-g6"), "training-g6: shareIdentifier must be specified "),
        (lambda batch: batch.submit("cpu", share="a"), "cpu: shareIdentifier requires a fair-share scheduling policy"),
        (lambda batch: batch.submit("cpu", instances=0), "cpu: InstanceCount of ResourceConfig must be at least 1"),
        (lambda batch: batch.submit("cpu", run=0.5), "cpu: Tag fairlane:run-seconds: got 0.5, allowed: a whole number"),
        (lambda batch: batch.submit("cpu", priority=10000), "cpu: Scheduling priority must be between 0 and 9999"),
        (lambda batch: batch.submit("cpu", name="a b"), "cpu: Job name should match valid pattern"),
        (lambda batch: batch.deploy(EXAMPLE, context={"a": "b"}), "is not a folder with a CDK app"),
        (lambda batch: batch.deploy(EXAMPLE), "example.yaml: Object already exists"),
        (
            lambda batch: batch.until(lambda: False, limit=60),
            "the condition is not true after 60 seconds; no job waits",
        ),
    ],
)
def test_a_wrong_call_is_an_error_in_one_sentence(batch: LocalBatch, call: object, message: str) -> None:
    batch.deploy(EXAMPLE)
    assert callable(call)
    with pytest.raises(LocalAwsError, match=message) as raised:
        call(batch)
    assert "\n" not in str(raised.value)


def test_mistakes_of_a_file_are_listed(batch: LocalBatch, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("region: eu-west-1\nqueues: {a: {capacity: 0}}\n")
    with pytest.raises(ConfigurationError, match="scheduling"):
        batch.deploy("file.yaml")
    with pytest.raises(ConfigurationError, match=r"missing\.yaml"):
        batch.deploy("missing.yaml")


def test_a_status_that_is_not_reached_names_the_reason(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    batch.submit("cpu", instances=10, run=hours(50), name="etl")
    large = batch.submit("training-p4", share="ProdExp2", instances=101)
    small = batch.submit("cpu")
    with pytest.raises(LocalAwsError, match="the job needs more than the limit of each environment of the queue"):
        batch.until(large, "RUNNING", limit=minutes(1))
    message = "job job-3 has the status RUNNABLE after 60 seconds and not RUNNING: too little capacity is free"
    with pytest.raises(LocalAwsError, match=message):
        batch.until(small, "RUNNING", limit=minutes(1))
    assert batch.now == minutes(2)
    with pytest.raises(LocalAwsError, match=r"job-2 waits: .*; job-3 waits: too little capacity is free"):
        batch.until(lambda: small.end, limit=minutes(1))
    batch.client("batch").terminate_service_job(jobId=small.id, reason="not needed")
    with pytest.raises(LocalAwsError, match="job job-3 ended with the status FAILED and not RUNNING: not needed"):
        batch.until(small, "RUNNING")


def test_an_error_lists_at_most_five_jobs_that_wait(batch: LocalBatch) -> None:
    batch.deploy(EXAMPLE)
    for _ in range(9):
        batch.submit("cpu", instances=10, run=hours(1))
    with pytest.raises(LocalAwsError, match=r"(job-\d waits: [^;]*; ){5}3 more jobs wait$"):
        batch.until(lambda: False, limit=minutes(1))


def test_a_queue_with_several_instance_types_requires_one(batch: LocalBatch, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(FILE)
    batch.deploy("file.yaml")
    with pytest.raises(LocalAwsError, match=r"quotas has several instance types: set instance_type to ml.p4d.*"):
        batch.submit("quotas", share="team")
    job = batch.submit("quotas", share="team", instance_type="ml.p4d.24xlarge")
    batch.until(job, "RUNNING")
