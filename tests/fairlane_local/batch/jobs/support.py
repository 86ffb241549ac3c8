"""Queues and jobs for the tests of service jobs, through boto3."""

import json
from typing import Any

from tests.fairlane_local.batch.support import (
    fair_policy,
    quota_policy,
    quota_share,
    service_environment,
    training_queue,
)

G5 = "ml.g5.xlarge"


def payload(instances: int = 1, instance_type: str = G5, **members: Any) -> str:
    config = {"InstanceType": instance_type, "InstanceCount": instances}
    return json.dumps({"ResourceConfig": config} | members)


def submit(batch: Any, queue: str, name: str = "job", run: int | None = 3600, **request: Any) -> str:
    """Submit a job, and return its ARN."""
    tags = request.pop("tags", {}) | ({} if run is None else {"fairlane:run-seconds": str(run)})
    request = {"serviceRequestPayload": payload()} | request | ({"tags": tags} if tags else {})
    response = batch.submit_service_job(jobName=name, jobQueue=queue, serviceJobType="SAGEMAKER_TRAINING", **request)
    return str(response["jobArn"])


def status(batch: Any, job: str) -> str:
    return str(batch.describe_service_job(jobId=job)["status"])


def fifo_queue(batch: Any, instances: int = 2, name: str = "fifo") -> str:
    environment = service_environment(batch, f"{name}-env", capacityLimits=[_limit(instances, "NUM_INSTANCES")])
    return training_queue(batch, environment, name)


def fair_queue(batch: Any, instances: int = 2, name: str = "fair", **settings: Any) -> str:
    environment = service_environment(batch, f"{name}-env", capacityLimits=[_limit(instances, "NUM_INSTANCES")])
    return training_queue(
        batch, environment, name, schedulingPolicyArn=fair_policy(batch, f"{name}-policy", **settings)
    )


def notebook_queue(batch: Any) -> str:
    """Create the queue of AWS's notebook on quota management: three instances, one for each share."""
    environment = service_environment(batch, "quota-env", capacityLimits=[_limit(3, G5)])
    queue = training_queue(batch, environment, "quota", schedulingPolicyArn=quota_policy(batch))
    strategies = {"QS1": {"strategy": "LEND_AND_BORROW", "borrowLimit": 200}, "QS2": {"strategy": "LEND"}}
    for share in ("QS1", "QS2", "QS3"):
        quota_share(
            batch,
            queue,
            share,
            capacityLimits=[_limit(1, G5)],
            resourceSharingConfiguration=strategies.get(share, {"strategy": "RESERVE"}),
            preemptionConfiguration={"inSharePreemption": "ENABLED" if share == "QS1" else "DISABLED"},
        )
    return queue


def _limit(number: int, unit: str) -> dict[str, Any]:
    return {"maxCapacity": number, "capacityUnit": unit}
