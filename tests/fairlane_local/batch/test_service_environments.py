from typing import Any

import pytest

from fairlane_local import LocalAws, client
from tests.fairlane_local.batch.support import (
    COUNTED,
    ENABLED,
    IN_USE,
    PREFIX,
    fair_policy,
    limits,
    message_of,
    service_environment,
    training_queue,
)


def test_the_description_has_the_fields_of_aws(batch: Any) -> None:
    arn = service_environment(batch, tags={"team": "search"})
    assert batch.describe_service_environments(serviceEnvironments=[arn])["serviceEnvironments"] == [
        {
            "serviceEnvironmentName": "env",
            "serviceEnvironmentArn": f"{PREFIX}service-environment/env",
            "serviceEnvironmentType": "SAGEMAKER_TRAINING",
            "state": "ENABLED",
            "status": "VALID",
            "capacityLimits": limits(),
            "tags": {"team": "search"},
        }
    ]


def test_each_account_and_region_has_its_own_resources(aws: LocalAws, batch: Any) -> None:
    service_environment(batch)
    for account, region in (("123456789012", "eu-west-1"), ("111122223333", "us-east-1")):
        other_batch = client("batch", aws.port, account, region)
        assert other_batch.describe_service_environments()["serviceEnvironments"] == []
        assert f":{region}:{account}:" in service_environment(other_batch)


@pytest.mark.parametrize(
    ("capacity_limits", "message"),
    [
        ([], "Capacitylimits are required."),
        (limits() * 6, "Number of capacity limits exceeds 5."),
        (limits(0), "Max capacity must be more than 0."),
        ([{"capacityUnit": "NUM_INSTANCES"}], "Max capacity must be more than 0."),
        (limits() * 2, "Capacity units must be unique."),
        (limits(1, "bananas"), "bananas is unknown capacity unit"),
        ([*limits(), *COUNTED], "Capacity units must specify either number of instances OR instance type"),
    ],
)
def test_invalid_limits_are_refused_at_creation_and_update(
    batch: Any, capacity_limits: list[Any], message: str
) -> None:
    request = {"serviceEnvironmentName": "env", "serviceEnvironmentType": "SAGEMAKER_TRAINING"}
    assert message_of(batch.create_service_environment, capacityLimits=capacity_limits, **request) == message
    service_environment(batch)
    request = {"serviceEnvironment": "env"}
    assert message_of(batch.update_service_environment, capacityLimits=capacity_limits, **request) == message


def test_names_are_unique_and_valid(batch: Any) -> None:
    service_environment(batch)
    request = {"serviceEnvironmentType": "SAGEMAKER_TRAINING", "capacityLimits": limits()}
    refused = [
        message_of(batch.create_service_environment, serviceEnvironmentName=name, **request)
        for name in ("env", "x y", "x" * 129)
    ]
    pattern = "Service environment name should match a valid pattern."
    assert refused == ["Object already exists", pattern, pattern]


def test_limits_and_state_are_updated_by_name_or_arn(batch: Any) -> None:
    arn = service_environment(batch)
    batch.update_service_environment(serviceEnvironment="env", capacityLimits=limits(3))
    answer = batch.update_service_environment(serviceEnvironment=arn, state="DISABLED")
    assert (answer["serviceEnvironmentName"], answer["serviceEnvironmentArn"]) == ("env", arn)
    (environment,) = batch.describe_service_environments(serviceEnvironments=["env"])["serviceEnvironments"]
    assert (environment["state"], environment["capacityLimits"]) == ("DISABLED", limits(3))
    assert message_of(batch.update_service_environment, serviceEnvironment="env", capacityLimits=COUNTED) == (
        "Capacity units must specify either number of instances OR instance type"
    )


def test_there_are_at_most_fifty(batch: Any) -> None:
    for number in range(50):
        service_environment(batch, f"env-{number}")
    request = {"serviceEnvironmentType": "SAGEMAKER_TRAINING", "capacityLimits": limits()}
    refused = message_of(batch.create_service_environment, serviceEnvironmentName="one-more", **request)
    assert refused == "At most 50 in an account and Region."


def test_deletion_requires_a_disabled_environment_without_queue(batch: Any) -> None:
    service_environment(batch, capacityLimits=COUNTED)
    training_queue(batch, "env", schedulingPolicyArn=fair_policy(batch))
    assert message_of(batch.delete_service_environment, serviceEnvironment="env") == ENABLED
    batch.update_service_environment(serviceEnvironment="env", state="DISABLED")
    assert message_of(batch.delete_service_environment, serviceEnvironment="env") == IN_USE
    batch.update_job_queue(jobQueue="queue", state="DISABLED")
    batch.delete_job_queue(jobQueue="queue")
    batch.delete_service_environment(serviceEnvironment="env")
    assert batch.describe_service_environments()["serviceEnvironments"] == []
    assert message_of(batch.delete_service_environment, serviceEnvironment="env") == "env does not exist"
