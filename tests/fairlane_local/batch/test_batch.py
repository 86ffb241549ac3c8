"""Batch API calls that moto lacks: shapes, rules, messages and deletion order of AWS Batch, tested through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane.scheduling import FairShare, Fifo, QuotaManagement
from fairlane_local import LocalAws, client, deployed_queues

P4 = "ml.p4d.24xlarge"


def limits(number: int = 10, unit: str = P4) -> list[dict[str, Any]]:
    return [{"maxCapacity": number, "capacityUnit": unit}]


def environment(batch: Any, name: str = "env", **changes: Any) -> str:
    request = {"serviceEnvironmentType": "SAGEMAKER_TRAINING", "capacityLimits": limits()} | changes
    return str(batch.create_service_environment(serviceEnvironmentName=name, **request)["serviceEnvironmentArn"])


def quota_policy(batch: Any, name: str = "quotas") -> str:
    policy = {"idleResourceAssignmentStrategy": "FIFO"}
    return str(batch.create_scheduling_policy(name=name, quotaSharePolicy=policy)["arn"])


def queue(batch: Any, environment: str, name: str = "queue", **more: Any) -> str:
    order = [{"order": 1, "serviceEnvironment": environment}]
    request = {"jobQueueType": "SAGEMAKER_TRAINING", "priority": 1, "serviceEnvironmentOrder": order} | more
    return str(batch.create_job_queue(jobQueueName=name, **request)["jobQueueArn"])


def share(batch: Any, queue: str, name: str = "team", **changes: Any) -> str:
    request = {
        "capacityLimits": limits(5),
        "resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": 50},
        "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
    } | changes
    return str(batch.create_quota_share(quotaShareName=name, jobQueue=queue, **request)["quotaShareArn"])


def quota_queue(batch: Any) -> str:
    return queue(batch, environment(batch), schedulingPolicyArn=quota_policy(batch))


def message_of(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    assert raised.value.response["Error"]["Code"] == "ClientException"
    return str(raised.value.response["Error"]["Message"])


def test_describe_calls_return_the_created_resources(batch: Any) -> None:
    arn = share(batch, quota_queue(batch), tags={"team": "search"})
    assert arn == "arn:aws:batch:us-east-1:123456789012:job-queue/queue/quota-share/team"
    described = batch.describe_quota_share(quotaShareArn=arn)
    del described["ResponseMetadata"]
    assert described == {
        "quotaShareName": "team",
        "quotaShareArn": arn,
        "jobQueueArn": "arn:aws:batch:us-east-1:123456789012:job-queue/queue",
        "capacityLimits": limits(5),
        "resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": 50},
        "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
        "state": "ENABLED",
        "status": "VALID",
        "tags": {"team": "search"},
    }
    (described_queue,) = batch.describe_job_queues(jobQueues=["queue"])["jobQueues"]
    assert described_queue["jobQueueType"] == "SAGEMAKER_TRAINING"
    assert described_queue["statusReason"] == "JobQueue Healthy"
    (described_environment,) = batch.describe_service_environments()["serviceEnvironments"]
    assert described_environment["capacityLimits"] == limits()


def test_each_account_and_region_has_its_own_resources(aws: LocalAws, batch: Any) -> None:
    environment(batch)
    for account, region in (("123456789012", "eu-west-1"), ("111122223333", "us-east-1")):
        other_batch = client("batch", aws.port, account, region)
        assert other_batch.describe_service_environments()["serviceEnvironments"] == []
        assert f":{region}:{account}:" in environment(other_batch)


def test_lists_come_in_pages(batch: Any) -> None:
    for number in range(5):
        environment(batch, f"env-{number}")
    pages = list(batch.get_paginator("describe_service_environments").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["serviceEnvironments"]) for page in pages] == [2, 2, 1]


MIXED = [*limits(), *limits(1, "NUM_INSTANCES")]


@pytest.mark.parametrize(
    ("capacity_limits", "message"),
    [
        ([], "Capacitylimits are required."),
        ([*limits()] * 6, "Number of capacity limits exceeds 5."),
        (limits(0), "Max capacity must be more than 0."),
        ([*limits(), *limits()], "Capacity units must be unique."),
        (limits(1, "bananas"), "Invalid capacity unit: bananas"),
        (MIXED, "Capacity units must specify either number of instances OR instance type"),
    ],
)
def test_invalid_service_environments_are_refused_with_messages_of_aws(
    batch: Any, capacity_limits: list[Any], message: str
) -> None:
    request = {"serviceEnvironmentName": "env", "serviceEnvironmentType": "SAGEMAKER_TRAINING"}
    assert message_of(batch.create_service_environment, capacityLimits=capacity_limits, **request) == message
    environment(batch)
    request = {"serviceEnvironment": "env"}
    assert message_of(batch.update_service_environment, capacityLimits=capacity_limits, **request) == message


def test_a_duplicate_name_is_refused(batch: Any) -> None:
    environment(batch)
    request = {"serviceEnvironmentType": "SAGEMAKER_TRAINING", "capacityLimits": limits()}
    assert (
        message_of(batch.create_service_environment, serviceEnvironmentName="env", **request) == "Object already exists"
    )


def test_a_scheduling_policy_cannot_change_its_kind(batch: Any) -> None:
    fair: dict[str, Any] = {"shareDistribution": []}
    quotas = {"idleResourceAssignmentStrategy": "FIFO"}
    message = "A scheduling policy can have either fairsharePolicy or quotaSharePolicy"
    assert (
        message_of(batch.create_scheduling_policy, name="p", fairsharePolicy=fair, quotaSharePolicy=quotas) == message
    )
    assert message_of(batch.update_scheduling_policy, arn=quota_policy(batch), fairsharePolicy=fair) == message


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([{"shareIdentifier": "a", "weightFactor": 1000.0}], "Weight factor should be between 0.0001 and 999.9999."),
        ([{"shareIdentifier": f"s{n}"} for n in range(501)], "ShareDistribution size cannot be greater than 500."),
    ],
)
def test_invalid_fair_share_policies_are_refused_with_messages_of_aws(
    batch: Any, shares: list[Any], message: str
) -> None:
    policy = {"shareDistribution": shares}
    assert message_of(batch.create_scheduling_policy, name="p", fairsharePolicy=policy) == message


def test_invalid_queues_are_refused_with_messages_of_aws(batch: Any) -> None:
    first, second = environment(batch), environment(batch, "other", capacityLimits=limits(1, "NUM_INSTANCES"))
    base = {"jobQueueName": "q", "jobQueueType": "SAGEMAKER_TRAINING", "priority": 1}
    order = [{"order": 1, "serviceEnvironment": second}]
    assert (
        message_of(batch.create_job_queue, **base)
        == "Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder."
    )
    two = [*order, {"order": 2, "serviceEnvironment": first}]
    assert (
        message_of(batch.create_job_queue, **base, serviceEnvironmentOrder=two)
        == "Job queue can only have 1 service environment."
    )
    cancel = [
        {
            "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
            "state": "RUNNABLE",
            "maxTimeSeconds": 600,
            "action": "CANCEL",
        }
    ]
    assert (
        message_of(batch.create_job_queue, **base, serviceEnvironmentOrder=order, jobStateTimeLimitActions=cancel)
        == "Invalid job action. Valid job actions: [TERMINATE]"
    )
    quotas = quota_policy(batch)
    assert "capacity units are instance types" in message_of(
        batch.create_job_queue, **base, serviceEnvironmentOrder=order, schedulingPolicyArn=quotas
    )
    assert batch.describe_job_queues()["jobQueues"] == []


def test_an_environment_with_quota_management_has_one_queue(batch: Any) -> None:
    quota_queue(batch)
    order = [{"order": 1, "serviceEnvironment": "env"}]
    request = {"jobQueueType": "SAGEMAKER_TRAINING", "priority": 1, "serviceEnvironmentOrder": order}
    arn = batch.list_scheduling_policies()["schedulingPolicies"][0]["arn"]
    assert "only have 1 job queue" in message_of(
        batch.create_job_queue, jobQueueName="second", schedulingPolicyArn=arn, **request
    )


def test_a_refused_update_changes_nothing(batch: Any) -> None:
    quota_queue(batch)
    before = batch.describe_job_queues()["jobQueues"]
    order = [{"order": 1, "serviceEnvironment": "missing"}]
    assert message_of(batch.update_job_queue, jobQueue="queue", priority=7, serviceEnvironmentOrder=order) == (
        "missing does not exist"
    )
    assert batch.describe_job_queues()["jobQueues"] == before


def test_a_scheduling_policy_cannot_be_added_to_a_fifo_queue(batch: Any) -> None:
    name = environment(batch, capacityLimits=limits(1, "NUM_INSTANCES"))
    arn = batch.create_scheduling_policy(name="p", fairsharePolicy={})["arn"]
    queue(batch, name)
    assert "cannot be added" in message_of(batch.update_job_queue, jobQueue="queue", schedulingPolicyArn=arn)


def test_a_quota_share_requires_a_quota_queue_with_less_than_twenty_shares(batch: Any) -> None:
    plain = queue(batch, environment(batch, "plain", capacityLimits=limits(1, "NUM_INSTANCES")), "plain")
    request = {
        "capacityLimits": limits(5),
        "resourceSharingConfiguration": {"strategy": "LEND", "borrowLimit": 5},
        "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
    }
    assert "quotaSharePolicy" in message_of(batch.create_quota_share, quotaShareName="s", jobQueue=plain, **request)
    owner = quota_queue(batch)
    assert "LEND_AND_BORROW" in message_of(batch.create_quota_share, quotaShareName="s", jobQueue=owner, **request)
    for number in range(20):
        share(batch, owner, f"share-{number}")
    request["resourceSharingConfiguration"] = {"strategy": "LEND"}
    assert "exceeds 20" in message_of(batch.create_quota_share, quotaShareName="s", jobQueue=owner, **request)


def test_deletion_requires_the_order_of_aws(batch: Any) -> None:
    arn = share(batch, quota_queue(batch))
    policy = batch.list_scheduling_policies()["schedulingPolicies"][0]["arn"]
    enabled, in_use = "Cannot delete, state must be DISABLED", "Cannot delete, found existing JobQueue relationship"

    assert message_of(batch.delete_service_environment, serviceEnvironment="env") == enabled
    batch.update_service_environment(serviceEnvironment="env", state="DISABLED")
    assert message_of(batch.delete_service_environment, serviceEnvironment="env") == in_use
    assert message_of(batch.delete_scheduling_policy, arn=policy) == in_use
    assert message_of(batch.delete_job_queue, jobQueue="queue") == enabled
    batch.update_job_queue(jobQueue="queue", state="DISABLED")
    assert message_of(batch.delete_job_queue, jobQueue="queue") == (
        "Cannot delete, found existing QuotaShare relationship"
    )
    assert message_of(batch.delete_quota_share, quotaShareArn=arn) == enabled

    batch.update_quota_share(quotaShareArn=arn, state="DISABLED")
    batch.delete_quota_share(quotaShareArn=arn)
    batch.delete_job_queue(jobQueue="queue")
    batch.delete_scheduling_policy(arn=policy)
    batch.delete_service_environment(serviceEnvironment="env")
    assert batch.describe_job_queues()["jobQueues"] == []
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []
    assert batch.describe_service_environments()["serviceEnvironments"] == []


def test_deployed_queues_have_their_scheduling_policies(batch: Any) -> None:
    share(batch, quota_queue(batch))
    instances = environment(batch, "counted", capacityLimits=limits(4, "NUM_INSTANCES"))
    fair = {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 2.0}, {"shareIdentifier": "b"}]}
    arn = batch.create_scheduling_policy(name="fair", fairsharePolicy=fair)["arn"]
    queue(batch, instances, "fair", schedulingPolicyArn=arn)
    queue(batch, instances, "fifo")
    quotas, fair_share, fifo = deployed_queues(batch)
    assert isinstance(quotas.scheduling, QuotaManagement)
    assert quotas.scheduling.entitlements(quotas.capacity) == {"team": {P4: 5}}
    assert fair_share.scheduling == FairShare({"a": 2.0, "b": 1.0})
    assert (fifo.scheduling, fifo.capacity) == (Fifo(), {"NUM_INSTANCES": 4})


def test_moto_handles_queues_for_containers(batch: Any) -> None:
    request = {"jobQueueName": "containers", "priority": 1, "state": "ENABLED", "computeEnvironmentOrder": []}
    assert message_of(batch.create_job_queue, **request) == "At least 1 compute environment must be provided"
    assert message_of(batch.update_job_queue, jobQueue="containers") == "Job queue containers does not exist"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "x y"}, "should match valid pattern"),
        ({"priority": -5}, "Priority should be between 0 and 1000."),
        ({"jobStateTimeLimitActions": [{"maxTimeSeconds": 1}]}, "Max time seconds should be between 600 and 86400."),
        ({"jobStateTimeLimitActions": [{"reason": "X"}]}, "Invalid job reason."),
    ],
)
def test_queues_out_of_range_are_refused(batch: Any, changes: dict[str, Any], message: str) -> None:
    limit = {
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "TERMINATE",
    }
    actions = [limit | action for action in changes.pop("jobStateTimeLimitActions", [])]
    name = environment(batch, capacityLimits=limits(1, "NUM_INSTANCES"))
    with pytest.raises(ClientError, match=message):
        queue(batch, name, **changes, jobStateTimeLimitActions=actions)


def test_there_are_at_most_fifty_environments(batch: Any) -> None:
    for number in range(50):
        environment(batch, f"env-{number}")
    with pytest.raises(ClientError, match="At most 50"):
        environment(batch, "one-more")


def test_invalid_requests_are_api_errors(batch: Any) -> None:
    assert message_of(batch.describe_job_queues, nextToken="abc") == "Invalid nextToken"
    request = {"serviceEnvironmentName": "e", "serviceEnvironmentType": "SAGEMAKER_TRAINING"}
    without = [{"capacityUnit": "NUM_INSTANCES"}]
    assert message_of(batch.create_service_environment, capacityLimits=without, **request) == (
        "Max capacity must be more than 0."
    )
    request = {"jobName": "j", "jobQueue": "q", "serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": "{}"}
    assert message_of(batch.submit_service_job, **request) == ("SubmitServiceJob is not available in the local AWS")
