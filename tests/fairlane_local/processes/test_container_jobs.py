"""Container jobs as processes: command, variables, secrets, exit codes, nodes, array children and time limits."""

from pathlib import Path

import pytest

from fairlane_local.batch.jobs.containers import LOG_GROUP
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.processes.support import Here

pytestmark = pytest.mark.slow

HANDLER = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({})); print('ready', flush=True)\n"
WAITS = HANDLER + "while True: signal.pause()"


def test_command_parameters_overrides_variables_and_secrets(here: Here) -> None:
    secret = here.client("secretsmanager").create_secret(Name="token", SecretString="hidden")["ARN"]
    here.client("ssm").put_parameter(Name="/color", Value="red", Type="String")
    names = ("A", "B", "TOKEN", "COLOR", "AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_JQ_NAME")
    script = "; ".join(f'echo "${name}"' for name in (*names, "AWS_BATCH_CE_NAME"))
    job = here.container(
        ["never"],
        {
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "secrets": [{"name": "TOKEN", "valueFrom": secret}, {"name": "COLOR", "valueFrom": "/color"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/own"}},
        },
        parameters={"last": "end"},
        containerOverrides={
            "command": ["bash", "-c", script + '; echo "$@"', "-", "Ref::last", "Ref::unknown"],
            "environment": [{"name": "B", "value": "3"}],
        },
    )
    assert here.ended(job).status == "SUCCEEDED"
    expected = ["1", "3", "hidden", "red", job.id, "1", "fifo", "fifo-env", "end Ref::unknown"]
    assert here.output("/own") == expected


def test_boto3_in_a_job_uses_the_local_aws(here: Here) -> None:
    here.client("s3").create_bucket(Bucket="found")
    code = "import boto3; print('found' in [b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    job = here.container(["python3", "-c", code], {"resourceRequirements": requirements(memory=128)})
    assert here.ended(job).status == "SUCCEEDED", here.output(LOG_GROUP)
    assert here.output(LOG_GROUP) == ["True"]


def requirements(memory: int) -> list[dict[str, str]]:
    return [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": str(memory)}]


def test_exit_codes_decide_about_retries(here: Here) -> None:
    rules = [{"action": "RETRY", "onExitCode": "75"}, {"action": "EXIT", "onExitCode": "*"}]
    job = here.container(
        ["bash", "-c", "exit $((77 - 2 / AWS_BATCH_JOB_ATTEMPT))"],  # 75 at the first attempt, then 76
        retryStrategy={"attempts": 3, "evaluateOnExit": rules},
    )
    here.ended(job)
    assert job.status == "FAILED"
    assert [attempt.exit_code for attempt in job.attempts] == [75, 76]
    described = containers.describe(here.client("batch"), job.id)
    assert described["container"]["exitCode"] == 76


def test_children_of_an_array_job_know_their_index(here: Here) -> None:
    job = here.container(
        ["bash", "-c", "echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"], arrayProperties={"size": 2}
    )
    assert here.ended(job).status == "SUCCEEDED"
    assert sorted(here.output(LOG_GROUP)) == ["0 of 2", "1 of 2"]


def test_the_end_of_the_main_node_is_the_end_of_the_job(here: Here) -> None:
    script = (
        'echo "$AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"\n'
    )
    waits = "[ $AWS_BATCH_JOB_NODE_INDEX = 0 ] || sleep 1000"
    container = containers.one_vcpu(
        image="train", command=["bash", "-c", script + waits], resourceRequirements=requirements(64)
    )
    batch = here.client("batch")
    ranges = [{"targetNodes": "0:1", "container": container}]
    properties = {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": ranges}
    batch.register_job_definition(jobDefinitionName="nodes", type="multinode", nodeProperties=properties)
    queue = containers.fifo_queue(batch, 4)
    job = here.job(containers.submit(batch, queue, run=None, jobDefinition="nodes"))
    assert here.ended(job).status == "SUCCEEDED"
    assert "0 of 2" in [line.strip() for line in here.output(LOG_GROUP)]


def wait_until_ready(here: Here) -> None:
    here.until(lambda: "ready" in here.output(LOG_GROUP))


def test_a_terminated_job_gets_sigterm(here: Here) -> None:
    job = here.container(["python3", "-c", WAITS.format(9)])
    here.until(lambda: job.status == "RUNNING")
    wait_until_ready(here)
    here.client("batch").terminate_job(jobId=job.id, reason="enough")
    here.ended(job)
    assert (job.status, job.reason, job.attempts[0].exit_code) == ("FAILED", "enough", 9)


@pytest.mark.parametrize("init", [False, True])
def test_only_an_init_process_passes_signals_on_that_the_command_does_not_handle(here: Here, init: bool) -> None:
    members = {"linuxParameters": {"initProcessEnabled": init}}
    job = here.container(["bash", "-c", "echo ready; exec sleep 1000"], members)
    wait_until_ready(here)
    here.client("batch").terminate_job(jobId=job.id, reason="enough")
    here.ended(job)
    assert job.attempts[0].exit_code == (143 if init else 137)


def test_a_timeout_ends_the_job_without_a_retry(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane_client.checks.container_job_rules.timeout_refusals", lambda timeout, field: [])
    job = here.container(["sleep", "1000"], timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3})
    here.ended(job)
    assert (job.status, len(job.attempts)) == ("FAILED", 1)
    assert job.reason == "Job attempt duration exceeded timeout"


def test_jobs_wait_for_a_place_while_they_start(here: Here) -> None:
    batch = here.client("batch")
    first = here.container(["python3", "-c", WAITS.format(0)])
    jobs = [first, *(here.job(containers.submit(batch, first.queue, run=None)) for _ in range(3))]
    here.until(lambda: all(job.status == "RUNNING" for job in jobs))
    late = here.job(containers.submit(batch, containers.fifo_queue(batch, 4, name="other"), run=None))
    here.until(lambda: late.status == "STARTING")
    batch.terminate_job(jobId=first.id, reason="enough")
    here.until(lambda: late.status == "RUNNING")
    for job in (*jobs, late):
        batch.terminate_job(jobId=job.id, reason="enough")
        here.ended(job)


@pytest.mark.parametrize("settings", [{"processes": 1}])
def test_a_job_with_more_processes_than_places_fails(here: Here) -> None:
    job = here.train("true", instances=2)
    here.ended(job)
    assert "the job has 2 processes, and the local AWS runs 1 at a time" in job.reason
    assert "--processes 2" in job.reason


def test_a_python_of_the_image_comes_first(here: Here, image: Path) -> None:
    python = image / ".venv" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho own python\n")
    python.chmod(0o755)
    job = here.container(["python3"])
    assert here.ended(job).status == "SUCCEEDED"
    assert here.output(LOG_GROUP) == ["own python"]
