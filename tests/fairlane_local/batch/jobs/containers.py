"""Queues and jobs for the tests of container jobs, through boto3."""

from typing import Any

from tests.fairlane_local.batch.support import (
    compute_environment,
    container,
    container_queue,
    ec2,
    fair_policy,
    job_definition,
)


def one_vcpu(**changes: Any) -> dict[str, Any]:
    requirements = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "4"}]
    return container(**({"resourceRequirements": requirements} | changes))


def fifo_queue(batch: Any, vcpus: int = 2, name: str = "fifo", **definition: Any) -> str:
    """Create a FIFO queue, and the job definition `train` with one vCPU."""
    environment = compute_environment(batch, f"{name}-env", computeResources=ec2(maxvCpus=vcpus))
    if not batch.describe_job_definitions(jobDefinitionName="train")["jobDefinitions"]:
        job_definition(batch, **({"containerProperties": one_vcpu()} | definition))
    return container_queue(batch, environment, name=name)


def fair_queue(batch: Any, vcpus: int = 2, **definition: Any) -> str:
    environment = compute_environment(batch, "fair-env", computeResources=ec2(maxvCpus=vcpus))
    job_definition(batch, **({"containerProperties": one_vcpu()} | definition))
    return container_queue(batch, environment, name="fair", schedulingPolicyArn=fair_policy(batch))


def submit(batch: Any, queue: str, run: int | None = 60, **request: Any) -> str:
    """Submit a job, and return its id."""
    tags = request.pop("tags", {}) | ({} if run is None else {"fairlane:run-seconds": str(run)})
    request = {"jobName": "job", "jobDefinition": "train"} | request | ({"tags": tags} if tags else {})
    return str(batch.submit_job(jobQueue=queue, **request)["jobId"])


def describe(batch: Any, job: str) -> dict[str, Any]:
    (described,) = batch.describe_jobs(jobs=[job])["jobs"]
    return dict(described)


def statuses(batch: Any, *jobs: str) -> list[str]:
    """Return the statuses of up to 100 jobs."""
    described = {job["jobId"]: job["status"] for job in batch.describe_jobs(jobs=[*jobs])["jobs"]}
    return [described[job] for job in jobs]


def children(job: str, size: int) -> list[str]:
    return [f"{job}:{index}" for index in range(size)]
