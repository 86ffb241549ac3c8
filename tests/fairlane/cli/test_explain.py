"""Command `fairlane explain`: output, JSON, errors, and calls that an observer may make."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from fairlane import GpuQueue, TrainingQueue
from fairlane.cli import main
from fairlane.cli.progress import show_progress
from fairlane_client.clock import Clock
from fairlane_client.explain import explain
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import read_queue
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.explain.faulty import Faulty
from tests.iam.roles import Deployment
from tests.iam_evaluator import ACCOUNT, Request, allowed

FILE = """
region: us-east-1
network: {}
compute_environments:
  gpus: {instance_types: [g5.xlarge], max_gpus: 2}
queues:
  fifo: {capacity: 8, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
  quota:
    capacity: {ml.g5.xlarge: 8}
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.g5.xlarge: 8}, sharing: LEND_AND_BORROW, in_share_preemption: true}
  gpu: {compute_environments: [gpus], scheduling: {policy: fifo}}
"""
OF_QUEUE = ("batch:GetJobQueueSnapshot", "batch:ListQuotaShares")


@pytest.fixture
def team(local_batch: LocalBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBatch:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "team.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    local_batch.deploy(tmp_path / "environments" / "team.yaml")
    local_batch.submit("fifo", instances=8, run=3600, name="holder")
    local_batch.submit("fifo", instances=2, name="waiting")
    local_batch.advance(60)
    return local_batch


@pytest.mark.parametrize("options", [[], ["-c", "environment=team"]])
def test_the_command_says_why_a_job_waits(
    team: LocalBatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["explain", "waiting", "--queue", "fifo", *options]) == 0
    out, err = capsys.readouterr()
    assert "reason  capacity-full: the capacity is full (inferred)" in out
    assert "starts  when 2 more instances become free" in out
    assert err == ""
    assert main(["explain", "waiting", "--queue", "fifo", "--json", *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["reason"], answer["inferred"], answer["partial"]) == ("capacity-full", True, False)
    assert answer["holders"][0]["amount"] == 8
    assert answer["place"]["position"] == 1


def test_progress_is_on_a_terminal_only_and_leaves_an_empty_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with show_progress() as show:
        show("jobs read", 5000)
    assert capsys.readouterr() == ("", "")
    with monkeypatch.context() as closed:
        closed.setattr("sys.stderr", None)
        with show_progress() as show:
            show("jobs read", 5000)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with show_progress() as show:
        show("jobs read", 5000)
    out, err = capsys.readouterr()
    assert out == ""
    assert "jobs read: 5,000" in err
    assert err.endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["waiting", "--queue", "nope"], 1, "no queue nope; the queues of this account and Region: fifo, gpu, quota"),
        (["nope", "--queue", "fifo"], 1, "queue fifo has no job nope"),
        (["waiting", "--queue", "gpu"], 1, "queue gpu has no job waiting"),
        (["waiting", "--queue", "nope", "-c", "environment=team"], 2, "allowed: a queue of the file: fifo, quota, gpu"),
        (["waiting", "--queue", "fifo", "-c", "team"], 2, "allowed: environment=NAME"),
    ],
)
def test_mistakes_are_named(
    team: LocalBatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["explain", *arguments]) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_a_missing_permission_is_an_error_with_its_action(
    team: LocalBatch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Faulty(boto3.client("batch", region_name="us-east-1"))
    client.denied.add("list_service_jobs")
    monkeypatch.setattr("fairlane.cli.explain.open_calls", lambda: Calls(client))
    assert main(["explain", "waiting", "--queue", "fifo"]) == 1
    assert "fairlane: no permission for batch:ListServiceJobs: queue.grants.observe" in capsys.readouterr().err


def test_a_partial_answer_is_printed_with_exit_code_1(
    team: LocalBatch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Faulty(boto3.client("batch", region_name="us-east-1"))
    client.throttled["list_service_jobs"] = lambda request: request.get("jobStatus") == "RUNNING"
    clock = Clock(sleep=lambda seconds: None)
    monkeypatch.setattr("fairlane.cli.explain.open_calls", lambda: Calls(client, clock))
    assert main(["explain", "waiting", "--queue", "fifo"]) == 1
    out, _ = capsys.readouterr()
    assert "the answer is partial: AWS throttled a call" in out


@pytest.mark.parametrize("name", ["fifo", "quota", "gpu"])
def test_all_calls_are_those_of_an_observer(team: LocalBatch, stack: Stack, name: str) -> None:
    client = Faulty(boto3.client("batch", region_name="us-east-1"))
    job = _waiting_job(team, name)
    calls = Calls(client)
    assert explain(calls, read_queue(calls, name), job).reason is not None
    actions = {"batch:" + "".join(part.capitalize() for part in call.split("_")) for call in client.calls}
    arn = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{name}"
    requests = [Request(action, arn if action in OF_QUEUE else "*") for action in sorted(actions)]
    kind: Any = GpuQueue if name == "gpu" else TrainingQueue
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    kind.from_job_queue_name(stack, "Queue", name).grants.observe(role)
    assert len(requests) >= 5
    assert all(allowed(Deployment.of(stack).statements("Role"), requests)), requests


def _waiting_job(team: LocalBatch, name: str) -> str:
    """Submit jobs to a queue, and return one that waits: for capacity, or for a job that it depends on."""
    if name == "fifo":
        return "waiting"
    if name == "quota":
        team.submit("quota", share="a", instances=8, run=3600, priority=1)
        job = team.submit("quota", share="a", instances=8, run=3600, priority=1)
        team.advance(60)
        return job.id
    client = team.client("batch")
    needs = [{"type": "VCPU", "value": "8"}, {"type": "MEMORY", "value": "8"}]
    container = {"image": "train", "resourceRequirements": needs}
    client.register_job_definition(jobDefinitionName="train", type="container", containerProperties=container)
    request = {"jobQueue": "gpu", "jobDefinition": "train"}
    first = client.submit_job(jobName="first", **request)["jobId"]
    team.advance(10)
    client.submit_job(jobName="dependent", dependsOn=[{"jobId": first}], **request)
    return str(client.submit_job(jobName="waiting", **request)["jobId"])
