from typing import Any

import pytest

from tests.fairlane_local.batch.support import (
    COUNTED,
    ENABLED,
    PREFIX,
    compute_environment,
    container_queue,
    ec2,
    fair_policy,
    fargate,
    limits,
    managed_instances,
    message_of,
    quota_policy,
    quota_queue,
    quota_share,
    service_environment,
    training_queue,
)


def order(kind: str, *environments: str) -> list[dict[str, Any]]:
    return [{"order": number, kind: name} for number, name in enumerate(environments, 1)]


def compute(*environments: str) -> dict[str, Any]:
    return {"computeEnvironmentOrder": order("computeEnvironment", *environments)}


def training(*environments: str) -> dict[str, Any]:
    return {"serviceEnvironmentOrder": order("serviceEnvironment", *environments)}


def time_limit(**changes: Any) -> list[dict[str, Any]]:
    limit = {"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "state": "RUNNABLE", "maxTimeSeconds": 600}
    return [limit | changes]


def test_queues_of_both_kinds_are_described_alike(batch: Any) -> None:
    environment = service_environment(batch, capacityLimits=COUNTED)
    training_queue(batch, "env", tags={"team": "search"}, jobStateTimeLimitActions=time_limit(action="TERMINATE"))
    first, second = compute_environment(batch), compute_environment(batch, "spot")
    container_queue(batch, "gpus", second, priority=7, schedulingPolicyArn=fair_policy(batch))
    common = {"state": "ENABLED", "status": "VALID", "statusReason": "JobQueue Healthy"}
    assert batch.describe_job_queues(jobQueues=["containers", f"{PREFIX}job-queue/queue"])["jobQueues"] == [
        {
            "jobQueueName": "queue",
            "jobQueueArn": f"{PREFIX}job-queue/queue",
            "jobQueueType": "SAGEMAKER_TRAINING",
            "priority": 1,
            "computeEnvironmentOrder": [],
            "serviceEnvironmentOrder": order("serviceEnvironment", environment),
            "jobStateTimeLimitActions": time_limit(action="TERMINATE"),
            "tags": {"team": "search"},
            **common,
        },
        {
            "jobQueueName": "containers",
            "jobQueueArn": f"{PREFIX}job-queue/containers",
            "jobQueueType": "ECS",
            "priority": 7,
            "schedulingPolicyArn": f"{PREFIX}scheduling-policy/fair",
            "computeEnvironmentOrder": [
                {"order": 0, "computeEnvironment": first},
                {"order": 1, "computeEnvironment": second},
            ],
            "serviceEnvironmentOrder": [],
            "jobStateTimeLimitActions": [],
            "tags": {},
            **common,
        },
    ]


def test_each_queue_is_on_one_page(batch: Any) -> None:
    service_environment(batch, capacityLimits=COUNTED)
    compute_environment(batch)
    for number in range(4):
        training_queue(batch, "env", f"training-{number}")
        container_queue(batch, "gpus", name=f"containers-{number}")
    pages = list(batch.get_paginator("describe_job_queues").paginate(PaginationConfig={"PageSize": 3}))
    names = [[queue["jobQueueName"] for queue in page["jobQueues"]] for page in pages]
    assert [len(page) for page in names] == [3, 3, 2]
    assert len({name for page in names for name in page}) == 8


def test_a_queue_of_eks_has_its_type(batch: Any) -> None:
    cluster = {"eksClusterArn": "arn:aws:eks:us-east-1:123456789012:cluster/c", "kubernetesNamespace": "n"}
    compute_environment(batch, eksConfiguration=cluster)
    container_queue(batch, "gpus")
    assert batch.describe_job_queues()["jobQueues"][0]["jobQueueType"] == "EKS"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "At least 1 compute environment must be provided"),
        (compute("a", "b", "c", "d"), "Only 3 environments are allowed in job queue request."),
        (compute("a", f"{PREFIX}compute-environment/a"), "Duplicate ComputeEnvironments within order list."),
        (
            {"computeEnvironmentOrder": [*compute("a")["computeEnvironmentOrder"], *compute("b")["computeEnvironmentOrder"]]},
            "Duplicate ComputeEnvironment order values.",
        ),
        (compute("missing"), "Compute Environments must be created and valid before attaching them to a job queue"),
        (compute("a", "fargate"), "Fargate and EC2 compute environments can not be mixed."),
        (compute("a", "managed"), "ECS and ECS_MANAGED_INSTANCES compute environments can not be mixed."),
        (compute("a", "arm"), "arm-based instance type cannot be used with other instance types"),
        (compute("managed-spot", "managed"), "On-Demand managed instances must come before Spot managed instances."),
        (
            {**compute("a"), "jobQueueType": "EKS"},
            "The jobQueueType provided is EKS, which is incompatible with the provided computeEnvironmentOrder.",
        ),
        (
            {**training("counted"), "jobQueueType": "ECS"},
            "The jobQueueType provided is ECS, which is incompatible with the provided serviceEnvironmentOrder.",
        ),
        ({"jobQueueType": "SAGEMAKER_TRAINING"}, "Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder."),
        ({**training("counted"), **compute("a")}, "Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder."),
        (training("counted", "typed"), "Job queue can only have 1 service environment."),
        (training("missing"), "Service environments must be created and valid before attaching them to a job queue."),
        ({**compute("a"), "jobQueueName": "x y"}, "Job Queue name should match a valid pattern."),
        ({**compute("a"), "jobQueueName": "taken"}, "Object already exists"),
        ({**compute("a"), "priority": -1}, "Priority should be between 0 and 1000."),
        ({**compute("a"), "priority": 1001}, "Priority should be between 0 and 1000."),
        ({**compute("a"), "schedulingPolicyArn": "fair"}, "Only scheduling policy Arn can be allowed."),
        (
            {**compute("a"), "schedulingPolicyArn": f"{PREFIX}scheduling-policy/none"},
            f"SchedulingPolicy {PREFIX}scheduling-policy/none not found.",
        ),
        (
            {**compute("a"), "schedulingPolicyArn": f"{PREFIX}scheduling-policy/quotas"},
            "Quota Management feature is only supported for SageMaker Training job queues.",
        ),
        (
            {**training("counted"), "schedulingPolicyArn": f"{PREFIX}scheduling-policy/quotas"},
            "Quota management requires a service environment whose capacity units are instance types",
        ),
        (
            {**training("typed"), "schedulingPolicyArn": f"{PREFIX}scheduling-policy/fair"},
            "Quota management requires a service environment whose capacity units are instance types",
        ),
        (
            {**compute("a"), "jobStateTimeLimitActions": time_limit(action="TERMINATE")},
            "Invalid job action. Valid job actions: [CANCEL]",
        ),
        (
            {**training("counted"), "jobStateTimeLimitActions": time_limit(action="CANCEL")},
            "Invalid job action. Valid job actions: [TERMINATE]",
        ),
        ({**compute("a"), "jobStateTimeLimitActions": time_limit(action="CANCEL", reason="X")}, "Invalid job reason."),
        (
            {**compute("a"), "jobStateTimeLimitActions": time_limit(action="CANCEL", maxTimeSeconds=599)},
            "Max time seconds should be between 600 and 86400.",
        ),
        (
            {**compute("a"), "jobStateTimeLimitActions": time_limit(action="CANCEL") * 2},
            "Duplicate job state limit actions are not allowed.",
        ),
    ],
)  # fmt: skip
def test_invalid_queues_are_refused(batch: Any, request_: dict[str, Any], message: str) -> None:
    for name in "abcd":
        compute_environment(batch, name)
    compute_environment(batch, "arm", computeResources=ec2(instanceTypes=["g5g"]))
    compute_environment(batch, "fargate", computeResources=fargate())
    compute_environment(batch, "managed", computeResources=managed_instances())
    compute_environment(batch, "managed-spot", computeResources=managed_instances("SPOT"))
    service_environment(batch, "counted", capacityLimits=COUNTED)
    service_environment(batch, "typed")
    quota_policy(batch)
    fair_policy(batch)
    container_queue(batch, "a", name="taken")
    request = {"jobQueueName": "new", "priority": 1, **request_}
    assert message_of(batch.create_job_queue, **request).startswith(message)
    assert [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]] == ["taken"]


def test_environments_of_one_kind_are_combined(batch: Any) -> None:
    compute_environment(batch)
    spot = ec2(type="SPOT", allocationStrategy="SPOT_CAPACITY_OPTIMIZED")
    compute_environment(batch, "spot", computeResources=spot)
    compute_environment(batch, "fargate", computeResources=fargate())
    compute_environment(batch, "fargate-spot", computeResources=fargate(type="FARGATE_SPOT"))
    compute_environment(batch, "managed", computeResources=managed_instances())
    compute_environment(batch, "managed-spot", computeResources=managed_instances("SPOT"))
    container_queue(batch, "gpus", "spot", name="first")
    container_queue(batch, "fargate", "fargate-spot", name="second")
    container_queue(batch, "managed", "managed-spot", name="third")
    types = [queue["jobQueueType"] for queue in batch.describe_job_queues()["jobQueues"]]
    assert types == ["ECS", "ECS_FARGATE", "ECS_MANAGED_INSTANCES"]


def test_there_are_at_most_fifty_queues_of_both_kinds(batch: Any) -> None:
    service_environment(batch, capacityLimits=COUNTED)
    compute_environment(batch)
    for number in range(25):
        training_queue(batch, "env", f"training-{number}")
        container_queue(batch, "gpus", name=f"containers-{number}")
    request = {"jobQueueName": "more", "priority": 1, **compute("gpus")}
    assert message_of(batch.create_job_queue, **request) == "At most 50 in an account and Region."


def test_a_service_environment_with_quota_management_has_one_queue(batch: Any) -> None:
    quota_queue(batch)
    request = {"jobQueueName": "second", "priority": 1, "jobQueueType": "SAGEMAKER_TRAINING", **training("env")}
    arn = f"{PREFIX}scheduling-policy/quotas"
    assert message_of(batch.create_job_queue, schedulingPolicyArn=arn, **request) == (
        "A service environment with quota management can only have 1 job queue."
    )


def test_a_queue_is_updated_by_name_or_arn(batch: Any) -> None:
    compute_environment(batch)
    second = compute_environment(batch, "second")
    arn = container_queue(batch, "gpus", schedulingPolicyArn=fair_policy(batch))
    policy = fair_policy(batch, "other")
    batch.update_job_queue(jobQueue="containers", priority=9, schedulingPolicyArn=policy)
    batch.update_job_queue(jobQueue=arn, state="DISABLED", **compute("second"))
    (queue,) = batch.describe_job_queues()["jobQueues"]
    assert (queue["priority"], queue["schedulingPolicyArn"], queue["state"]) == (9, policy, "DISABLED")
    assert queue["computeEnvironmentOrder"] == [{"order": 1, "computeEnvironment": second}]
    assert message_of(batch.update_job_queue, jobQueue="none") == "none does not exist"


def test_a_refused_update_changes_nothing(batch: Any) -> None:
    quota_queue(batch)
    before = batch.describe_job_queues()["jobQueues"]
    message_of(batch.update_job_queue, jobQueue="queue", priority=7, **training("missing"))
    assert batch.describe_job_queues()["jobQueues"] == before


def test_a_scheduling_policy_cannot_be_added_to_a_fifo_queue(batch: Any) -> None:
    training_queue(batch, service_environment(batch, capacityLimits=COUNTED))
    assert message_of(batch.update_job_queue, jobQueue="queue", schedulingPolicyArn=fair_policy(batch)) == (
        "A scheduling policy cannot be added to a job queue that was created without one"
    )


def test_a_queue_keeps_the_kind_of_its_policy(batch: Any) -> None:
    compute_environment(batch)
    container_queue(batch, "gpus", schedulingPolicyArn=fair_policy(batch))
    quota_queue(batch)
    update = batch.update_job_queue
    assert message_of(update, jobQueue="containers", schedulingPolicyArn=f"{PREFIX}scheduling-policy/quotas")
    assert message_of(update, jobQueue="queue", schedulingPolicyArn=f"{PREFIX}scheduling-policy/fair")
    assert message_of(update, jobQueue="queue", schedulingPolicyArn="")


def test_deletion_requires_a_disabled_queue_without_shares(batch: Any) -> None:
    share = quota_share(batch, quota_queue(batch), capacityLimits=limits(1))
    assert message_of(batch.delete_job_queue, jobQueue="queue") == ENABLED
    batch.update_job_queue(jobQueue="queue", state="DISABLED")
    assert message_of(batch.delete_job_queue, jobQueue="queue") == (
        "Cannot delete, found existing QuotaShare relationship"
    )
    batch.update_quota_share(quotaShareArn=share, state="DISABLED")
    batch.delete_quota_share(quotaShareArn=share)
    batch.delete_job_queue(jobQueue="queue")
    assert batch.describe_job_queues()["jobQueues"] == []
