"""Examples on the page about schedules, deployed to the local AWS."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock
from tests.docs.test_state_machines import deploy
from tests.support import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Tried to parse AWS..CDK..Metadata:UserWarning")]

PAGE = (REPOSITORY / "docs" / "schedules.md").read_text()
ACCOUNT, REGION = "123456789012", "us-east-1"
SUNDAY_NOON = 12 * 3_600
STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
APP = """
from pathlib import Path
import aws_cdk as cdk
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks

app = cdk.App()
build_stacks(app, "prod", load_environment(Path("prod.yaml")))
app.synth()
"""


def local_aws() -> LocalAws:
    """Return a local AWS whose manual clock starts on Sunday, 2026-03-01, at midnight."""
    clock = Clock(None)
    clock.start = 1_772_323_200
    return LocalAws(clock=clock)


def training_jobs(aws: LocalAws) -> list[dict[str, Any]]:
    batch = client("batch", aws.port, ACCOUNT, REGION)
    found = [batch.list_service_jobs(jobQueue="training", jobStatus=status)["jobSummaryList"] for status in STATUSES]
    return [batch.describe_service_job(jobId=job["jobId"]) for jobs in found for job in jobs]


def container_jobs(aws: LocalAws) -> list[dict[str, Any]]:
    batch = client("batch", aws.port, ACCOUNT, REGION)
    statuses = [status for status in STATUSES if status != "SCHEDULED"]
    found = [batch.list_jobs(jobQueue="gpu", jobStatus=status)["jobSummaryList"] for status in statuses]
    jobs: list[dict[str, Any]] = batch.describe_jobs(jobs=[job["jobId"] for jobs in found for job in jobs])["jobs"]
    return jobs


def test_the_schedules_of_the_environment_submit_their_jobs(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "prod.yaml").write_text(f'account: "{ACCOUNT}"\n{text}')
    with local_aws() as aws:
        deploy(aws, tmp_path, APP)
        aws.timeline.advance(SUNDAY_NOON)
        (weekly,) = container_jobs(aws)
        assert weekly["jobName"].startswith("weekly-")
        assert weekly["parameters"] == {"date": "2026-03-01T12:00:00Z"}
        assert training_jobs(aws) == []
        aws.timeline.advance(2 * 86_400)
        jobs = sorted(training_jobs(aws), key=lambda job: int(job["createdAt"]))
        dates = [json.loads(job["serviceRequestPayload"])["HyperParameters"]["date"] for job in jobs]
        assert dates == ["2026-03-02T01:00:00Z", "2026-03-03T01:00:00Z"]
        assert {(job["jobName"], job["shareIdentifier"], job["schedulingPriority"]) for job in jobs} == {
            ("nightly", "vision", 10)
        }


def test_the_pipeline_runs_its_jobs_one_after_the_other(tmp_path: Path) -> None:
    *_, code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (arn,) = re.findall(r"^\$ ARN=(.*)$", PAGE, re.MULTILINE)
    with local_aws() as aws:
        deploy(aws, tmp_path, code)
        states = client("stepfunctions", aws.port, ACCOUNT, REGION)
        execution = states.start_execution(stateMachineArn=arn, name="first", input="{}")["executionArn"]
        aws.timeline.advance(12 * 3_600)
        description = states.describe_execution(executionArn=execution)
        assert description["status"] == "SUCCEEDED", description
        (train,) = training_jobs(aws)
        prepare, evaluate = sorted(container_jobs(aws), key=lambda job: int(job["createdAt"]))
        assert [job["jobName"] for job in (prepare, train, evaluate)] == ["prepare", "first", "evaluate"]
        assert prepare["stoppedAt"] <= train["startedAt"] <= train["stoppedAt"] <= evaluate["startedAt"]
        assert prepare["parameters"] == evaluate["parameters"] == {"run": "first"}
