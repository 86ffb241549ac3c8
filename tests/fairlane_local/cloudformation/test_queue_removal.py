"""Removal and renaming of queues, shares and environments on the local AWS while jobs wait in them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError, Fifo, TrainingQueue
from fairlane.environment import load_environment
from fairlane.environment.lock import lock_text
from fairlane_local import LocalAws, client, deployed_queues
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_stacks import build_stacks
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import payload, status, submit
from tests.fairlane_local.batch.support import job_definition
from tests.support import template_of

pytestmark = pytest.mark.slow

P5 = "ml.p5.48xlarge"
ACCOUNT, REGION = "123456789012", "us-east-1"
FILE = f"""region: {REGION}
account: "{ACCOUNT}"
termination_protection: true
queues:
  cpu: {{capacity: 1, scheduling: {{policy: fair-share, weight_factors: {{a: 1}}}}}}
  quotas:
    capacity: {{{P5}: 2}}
    scheduling:
      policy: quota-management
      shares:
        prod: {{capacity: {{{P5}: 1}}, sharing: RESERVE}}
        research: {{capacity: {{{P5}: 1}}, sharing: RESERVE}}
"""
CPU = "  cpu: {capacity: 1, scheduling: {policy: fair-share, weight_factors: {a: 1}}}\n"
CPU_DRAINING = CPU.replace("1,", "1, state: draining,", 1)
RESEARCH = f"        research: {{capacity: {{{P5}: 1}}, sharing: RESERVE}}\n"
RESEARCH_DRAINING = RESEARCH.replace("RESERVE", "RESERVE, state: draining")
CONTAINERS = """  containers: {compute_environments: [g5], scheduling: {policy: fifo}}
network: {}
compute_environments:
  g5: {instance_types: [g5.xlarge], max_gpus: 8}
  g6: {instance_types: [g6.xlarge], max_gpus: 8}
"""
G5 = "  g5: {instance_types: [g5.xlarge], max_gpus: 8}\n"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS with a manual clock and without throttling."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        yield aws


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, ACCOUNT, REGION)


@pytest.fixture
def deploy(cloudformation: Any, tmp_path: Path) -> Callable[[str], str]:
    """Return a function that deploys the training stack of a file, and returns the status of the stack."""

    def run(text: str) -> str:
        (tmp_path / "prod.yaml").write_text(text)
        stack = build_stacks(cdk.App(), "prod", load_environment(tmp_path / "prod.yaml"))[0]
        return deploy_template(cloudformation, stack)

    return run


def deploy_template(cloudformation: Any, stack: cdk.Stack) -> str:
    names = [found["StackName"] for found in cloudformation.describe_stacks()["Stacks"]]
    call = cloudformation.update_stack if stack.stack_name in names else cloudformation.create_stack
    call(StackName=stack.stack_name, TemplateBody=json.dumps(template_of(stack)))
    protection = bool(stack.termination_protection)
    cloudformation.update_termination_protection(StackName=stack.stack_name, EnableTerminationProtection=protection)
    (deployed,) = cloudformation.describe_stacks(StackName=stack.stack_name)["Stacks"]
    return str(deployed["StackStatus"])


def resources(batch: Any) -> set[str]:
    """Return the names of all queues and shares, and the numbers of environments and policies."""
    queues = [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]]
    shares = [
        share["quotaShareName"]
        for queue in set(queues) & {"quotas"}
        for share in batch.list_quota_shares(jobQueue=queue)["quotaShares"]
    ]
    environments = batch.describe_service_environments()["serviceEnvironments"]
    policies = batch.list_scheduling_policies()["schedulingPolicies"]
    return {*queues, *shares, f"{len(environments)} environments", f"{len(policies)} policies"}


ALL = {"cpu", "quotas", "prod", "research", "2 environments", "2 policies"}


def three_jobs(batch: Any) -> list[str]:
    """Submit two jobs to the queue cpu, of which the second waits, and one to the share research."""
    cpu = [submit(batch, "cpu", shareIdentifier="a", run=60) for _ in range(2)]
    quota = submit(batch, "quotas", quotaShareName="research", serviceRequestPayload=payload(1, P5), run=60)
    return [*cpu, quota]


def states(batch: Any, jobs: list[str]) -> list[str]:
    return [status(batch, job) for job in jobs]


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace(CPU, "").replace(RESEARCH, ""),
        FILE.replace("  cpu:", "  batch:").replace("  research:", "  science:"),
        FILE[: FILE.index("  quotas:")].replace("  cpu:", "  batch:"),
    ],
    ids=["removed", "renamed", "removed and renamed"],
)
def test_jobs_of_removed_queues_and_shares_run_to_their_end(
    deploy: Callable[[str], str], batch: Any, aws: LocalAws, text: str
) -> None:
    assert deploy(FILE) == "CREATE_COMPLETE"
    jobs = three_jobs(batch)
    aws.timeline.advance(1)
    assert states(batch, jobs) == ["RUNNING", "RUNNABLE", "RUNNING"]
    assert deploy(text) == "UPDATE_COMPLETE"
    assert resources(batch) >= {"cpu", "quotas", "prod", "research"}
    aws.timeline.advance(200)
    assert states(batch, jobs) == ["SUCCEEDED"] * 3


def test_without_protection_the_jobs_of_a_removed_queue_end(
    deploy: Callable[[str], str], batch: Any, aws: LocalAws
) -> None:
    deploy(FILE.replace("true", "false"))
    jobs = three_jobs(batch)
    deploy(FILE.replace("true", "false").replace(CPU, "").replace(RESEARCH, ""))
    aws.timeline.advance(200)
    assert states(batch, jobs) == ["FAILED"] * 3
    assert resources(batch) == {"quotas", "prod", "1 environments", "1 policies"}


def test_drained_queues_and_shares_are_deleted_in_two_steps(
    deploy: Callable[[str], str], batch: Any, aws: LocalAws
) -> None:
    deploy(FILE)
    jobs = three_jobs(batch)
    deploy(FILE.replace(CPU, CPU_DRAINING).replace(RESEARCH, RESEARCH_DRAINING))
    aws.timeline.advance(200)
    assert states(batch, jobs) == ["SUCCEEDED"] * 3
    assert resources(batch) == ALL
    assert deploy(FILE.replace(CPU, "").replace(RESEARCH, "")) == "UPDATE_COMPLETE"
    assert resources(batch) == {"quotas", "prod", "1 environments", "1 policies"}


def test_a_removal_before_the_queue_is_empty_ends_its_jobs(
    deploy: Callable[[str], str], batch: Any, aws: LocalAws
) -> None:
    deploy(FILE)
    jobs = three_jobs(batch)
    deploy(FILE.replace(CPU, CPU_DRAINING))
    deploy(FILE.replace(CPU, ""))
    aws.timeline.advance(200)
    assert states(batch, jobs) == ["FAILED", "FAILED", "SUCCEEDED"]


def test_a_removed_compute_environment_starts_the_waiting_jobs_of_its_queue(
    deploy: Callable[[str], str], batch: Any, aws: LocalAws
) -> None:
    text = FILE.replace(CPU, "") + CONTAINERS
    assert deploy(text) == "CREATE_COMPLETE"
    job_definition(batch, containerProperties=containers.one_vcpu())
    jobs = [containers.submit(batch, "containers") for _ in range(40)]
    queue = CONTAINERS.splitlines(keepends=True)[0]
    assert deploy(text.replace(G5, "").replace(queue, "")) == "UPDATE_COMPLETE"
    (environment,) = [
        found
        for found in batch.describe_compute_environments()["computeEnvironments"]
        if found["computeResources"]["instanceTypes"] == ["g5.xlarge"]
    ]
    assert (environment["state"], environment["status"]) == ("ENABLED", "VALID")
    aws.timeline.advance(1_000)
    assert set(containers.statuses(batch, *jobs)) == {"SUCCEEDED"}


def test_a_lock_file_refuses_the_removal_until_the_queue_drains(
    deploy: Callable[[str], str], batch: Any, tmp_path: Path
) -> None:
    def lock() -> None:
        text = lock_text("prod", load_environment(tmp_path / "prod.yaml"))
        (tmp_path / "prod.lock").write_text(text)

    deploy(FILE)
    lock()
    with pytest.raises(ConfigurationError, match=r"queues\.cpu: AWS ends the jobs of a removed queue"):
        deploy(FILE.replace(CPU, ""))
    assert resources(batch) == ALL
    deploy(FILE.replace(CPU, CPU_DRAINING))
    lock()
    deploy(FILE.replace(CPU, ""))
    assert resources(batch) == {"quotas", "prod", "research", "1 environments", "1 policies"}


def test_a_removed_queue_that_is_added_again_has_to_be_imported(deploy: Callable[[str], str], batch: Any) -> None:
    deploy(FILE)
    deploy(FILE.replace(CPU, ""))
    assert deploy(FILE) == "UPDATE_ROLLBACK_COMPLETE"
    assert resources(batch) == ALL


def test_a_rollback_deletes_the_queues_that_it_created(deploy: Callable[[str], str], batch: Any) -> None:
    deploy(FILE.replace(CPU, ""))
    batch.create_service_environment(
        serviceEnvironmentName="taken",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}],
    )
    before = resources(batch)
    assert deploy(FILE + CPU.replace("  cpu:", "  taken:")) == "UPDATE_ROLLBACK_COMPLETE"
    assert resources(batch) == before


def test_the_deletion_of_a_stack_without_protection_deletes_its_queues(
    deploy: Callable[[str], str], cloudformation: Any, batch: Any
) -> None:
    deploy(FILE)
    deploy(FILE.replace("true", "false"))
    cloudformation.delete_stack(StackName="fairlane-prod-training")
    assert resources(batch) == {"0 environments", "0 policies"}


def test_a_new_queue_name_keeps_the_old_queue_with_its_jobs(cloudformation: Any, batch: Any, aws: LocalAws) -> None:
    for name in ("old", "new"):
        stack = cdk.Stack(cdk.App(), "Stack", termination_protection=True)
        TrainingQueue(stack, "Queue", queue_name=name, capacity=1, scheduling=Fifo())
        deploy_template(cloudformation, stack)
        if name == "old":
            jobs = [submit(batch, "old", run=60) for _ in range(2)]
    aws.timeline.advance(200)
    assert states(batch, jobs) == ["SUCCEEDED", "SUCCEEDED"]
    assert {queue.name for queue in deployed_queues(batch)} == {"old", "new"}
