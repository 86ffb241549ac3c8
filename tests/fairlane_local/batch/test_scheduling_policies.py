from typing import Any

import pytest

from tests.fairlane_local.batch.support import (
    COUNTED,
    IN_USE,
    PREFIX,
    fair_policy,
    message_of,
    quota_policy,
    service_environment,
    training_queue,
)

BOTH = "A scheduling policy can have either fairsharePolicy or quotaSharePolicy"


def shares(*identifiers: str) -> dict[str, Any]:
    return {"shareDistribution": [{"shareIdentifier": identifier} for identifier in identifiers]}


def test_policies_are_described_by_arn_and_listed(batch: Any) -> None:
    arn = fair_policy(batch, shareDecaySeconds=3600)
    other = batch.create_scheduling_policy(name="empty", tags={"a": "b"})["arn"]
    assert other == f"{PREFIX}scheduling-policy/empty"
    described = batch.describe_scheduling_policies(arns=[other, arn, f"{PREFIX}scheduling-policy/none"])
    assert described["schedulingPolicies"] == [
        {"name": "empty", "arn": other, "fairsharePolicy": {}, "tags": {"a": "b"}},
        {"name": "fair", "arn": arn, "fairsharePolicy": {"shareDecaySeconds": 3600}, "tags": {}},
    ]
    assert batch.list_scheduling_policies()["schedulingPolicies"] == [{"arn": arn}, {"arn": other}]
    refused = message_of(batch.describe_scheduling_policies, arns=[arn] * 101)
    assert refused == "Maximum number of scheduling policies supported is 100"


def test_a_policy_has_one_kind_and_keeps_it(batch: Any) -> None:
    quotas = {"idleResourceAssignmentStrategy": "FIFO"}
    assert message_of(batch.create_scheduling_policy, name="p", fairsharePolicy={}, quotaSharePolicy=quotas) == BOTH
    assert message_of(batch.update_scheduling_policy, arn=quota_policy(batch), fairsharePolicy={}) == BOTH
    arn = fair_policy(batch)
    assert message_of(batch.update_scheduling_policy, arn=arn, quotaSharePolicy=quotas) == BOTH
    batch.update_scheduling_policy(arn=arn, fairsharePolicy=shares("a"))
    (policy,) = batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]
    assert policy["fairsharePolicy"] == shares("a")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1000.0}]},
            "Weight factor should be between 0.0001 and 999.9999.",
        ),
        (
            {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 0.00001}]},
            "Weight factor should be between 0.0001 and 999.9999.",
        ),
        (shares(*map(str, range(501))), "ShareDistribution size cannot be greater than 500."),
        (shares("a", "a"), "Cannot have two or more identical shareIdentifiers."),
        (shares("a*b"), "ShareIdentifier name should match a valid pattern."),
        (shares("a b"), "ShareIdentifier name should match a valid pattern."),
        (shares("a" * 256), "ShareIdentifier name should match a valid pattern."),
        (shares("user1", "user*"), "Share identifier user1 matches another share identifier user*"),
        (shares("us*", "user*"), "Share identifier user* matches another share identifier us*"),
        ({"shareDecaySeconds": 604801}, "ShareDecaySeconds should be between 0 and 604800."),
        ({"computeReservation": 100}, "ComputeReservation should be between 0 and 99."),
    ],
)
def test_invalid_fair_share_policies_are_refused(batch: Any, policy: dict[str, Any], message: str) -> None:
    assert message_of(batch.create_scheduling_policy, name="p", fairsharePolicy=policy) == message


def test_names_and_strategies_are_checked(batch: Any) -> None:
    pattern = "Scheduling policy name should match a valid pattern."
    assert message_of(batch.create_scheduling_policy, name="x y") == pattern
    assert message_of(
        batch.create_scheduling_policy, name="p", quotaSharePolicy={"idleResourceAssignmentStrategy": "LIFO"}
    ) == ("Idle resource assignment strategy must be one of [FIFO].")
    fair_policy(batch)
    assert message_of(batch.create_scheduling_policy, name="fair") == "Object already exists"


def test_a_policy_in_use_cannot_be_deleted(batch: Any) -> None:
    arn = fair_policy(batch)
    training_queue(batch, service_environment(batch, capacityLimits=COUNTED), schedulingPolicyArn=arn)
    assert message_of(batch.delete_scheduling_policy, arn=arn) == IN_USE
    assert message_of(batch.delete_scheduling_policy, arn="fair") == "fair does not exist"
    batch.update_job_queue(jobQueue="queue", state="DISABLED")
    batch.delete_job_queue(jobQueue="queue")
    batch.delete_scheduling_policy(arn=arn)
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []
