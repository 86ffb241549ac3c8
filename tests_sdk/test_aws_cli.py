"""Job commands of the AWS CLI against the local AWS, as a person types them."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.clock import Clock

PAYLOAD = json.dumps({"ResourceConfig": {"InstanceType": "ml.g6.xlarge", "InstanceCount": 1}})
CONTAINER = json.dumps(
    {"image": "train", "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "4"}]}
)


@pytest.fixture
def clock() -> Clock:
    """Manual clock of the jobs."""
    return Clock(None)


def cli(*arguments: str) -> Any:
    """Return the output of a command of AWS Batch."""
    command = [sys.executable, "-m", "awscli", "batch", *arguments, "--output", "json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) if result.stdout else None


def refusal(*arguments: str) -> str:
    """Return the message of a command that AWS Batch refuses."""
    command = [sys.executable, "-m", "awscli", "batch", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode
    return result.stderr.strip()


def submit_service_job(queue: str, name: str, *arguments: str) -> str:
    payload = ("--service-job-type", "SAGEMAKER_TRAINING", "--service-request-payload", PAYLOAD)
    submitted = cli("submit-service-job", "--job-name", name, "--job-queue", queue, *payload, *arguments)
    return str(submitted["jobId"])


def test_service_jobs(aws: LocalAws, queue: str) -> None:
    share = ("--share-identifier", "research", "--tags", "fairlane:run-seconds=3600")
    jobs = [submit_service_job(queue, name, *share) for name in ("first", "second", "third")]
    aws.timeline.advance(1)
    listed = cli("list-service-jobs", "--job-queue", queue, "--job-status", "RUNNABLE")["jobSummaryList"]
    assert [job["jobName"] for job in listed] == ["third"]
    by_name = "name=JOB_NAME,values=SEC*"
    names = cli("list-service-jobs", "--job-queue", queue, "--filters", by_name, "--query", "jobSummaryList[].jobName")
    assert names == ["second"]
    assert cli("describe-service-job", "--job-id", jobs[0])["status"] == "RUNNING"
    front = cli("get-job-queue-snapshot", "--job-queue", queue, "--query", "frontOfQueue.jobs[].jobArn")
    assert [arn.rpartition("/")[2] for arn in front] == [jobs[2]]

    cli("update-service-job", "--job-id", jobs[2], "--scheduling-priority", "7")
    assert cli("describe-service-job", "--job-id", jobs[2])["schedulingPriority"] == 7
    cli("terminate-service-job", "--job-id", jobs[0], "--reason", "not needed")
    aws.timeline.advance(21)
    ended = cli("describe-service-job", "--job-id", jobs[0])
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "not needed")
    assert cli("describe-service-job", "--job-id", jobs[2])["status"] == "RUNNING"

    message = refusal("describe-service-job", "--job-id", "none")
    assert message.endswith(
        "(ClientException) when calling the DescribeServiceJob operation: Service job none does not exist"
    )


def test_container_jobs(aws: LocalAws) -> None:
    resources = "type=FARGATE,maxvCpus=2,subnets=subnet-1,securityGroupIds=sg-1"
    cli(
        *("create-compute-environment", "--compute-environment-name", "gpus", "--type", "MANAGED"),
        *("--compute-resources", resources),
    )
    cli(
        *("create-job-queue", "--job-queue-name", "containers", "--priority", "1"),
        *("--compute-environment-order", "order=1,computeEnvironment=gpus"),
    )
    cli(
        *("register-job-definition", "--job-definition-name", "train", "--type", "container"),
        *("--container-properties", CONTAINER),
    )
    request = ("--job-queue", "containers", "--job-definition", "train", "--tags", "fairlane:run-seconds=60")
    array = cli("submit-job", "--job-name", "sweep", *request, "--array-properties", "size=3")["jobId"]
    after = cli("submit-job", "--job-name", "after", *request, "--depends-on", f"jobId={array}")["jobId"]
    aws.timeline.advance(1)
    described = cli("describe-jobs", "--jobs", array, f"{array}:0", after)["jobs"]
    assert [job["status"] for job in described] == ["PENDING", "RUNNING", "PENDING"]
    children = cli("list-jobs", "--array-job-id", array, "--job-status", "RUNNABLE")["jobSummaryList"]
    assert [job["jobId"] for job in children] == [f"{array}:2"]
    cli("cancel-job", "--job-id", f"{array}:2", "--reason", "enough")
    cli("terminate-job", "--job-id", f"{array}:1", "--reason", "wrong")
    aws.timeline.advance(60)
    described = cli("describe-jobs", "--jobs", array, f"{array}:0", f"{array}:1", after)["jobs"]
    assert [job["status"] for job in described] == ["FAILED", "SUCCEEDED", "FAILED", "FAILED"]

    message = refusal("submit-job", "--job-name", "sweep", *request, "--array-properties", "size=1")
    assert message.endswith("when calling the SubmitJob operation: Array size must be between 2 and 10000.")
