from typing import Any

from tests.fairlane_local.batch.support import (
    COUNTED,
    ENABLED,
    PREFIX,
    limits,
    message_of,
    quota_queue,
    quota_share,
    service_environment,
    training_queue,
)

SHARE = {
    "capacityLimits": limits(5),
    "resourceSharingConfiguration": {"strategy": "LEND"},
    "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
}


def test_the_description_has_the_fields_of_aws(batch: Any) -> None:
    queue = quota_queue(batch)
    arn = quota_share(batch, queue, tags={"team": "search"})
    assert arn == f"{PREFIX}job-queue/queue/quota-share/team"
    described = batch.describe_quota_share(quotaShareArn=arn)
    del described["ResponseMetadata"]
    fields = {
        "quotaShareName": "team",
        "quotaShareArn": arn,
        "jobQueueArn": queue,
        "capacityLimits": limits(5),
        "resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": 50},
        "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
        "state": "ENABLED",
        "status": "VALID",
    }
    assert described == {**fields, "tags": {"team": "search"}}
    for name in ("queue", queue):
        assert batch.list_quota_shares(jobQueue=name)["quotaShares"] == [fields]


def test_invalid_shares_are_refused(batch: Any) -> None:
    counted = service_environment(batch, "plain", capacityLimits=COUNTED)
    plain = training_queue(batch, counted, "plain")
    assert message_of(batch.create_quota_share, quotaShareName="s", jobQueue=plain, **SHARE) == (
        "Job queue plain has no scheduling policy with quotaSharePolicy"
    )
    request = {"quotaShareName": "s", "jobQueue": quota_queue(batch), **SHARE}
    for changes, message in (
        ({"quotaShareName": "x y"}, "Quota share name should match a valid pattern."),
        ({"capacityLimits": limits(0)}, "Max capacity must be more than 0."),
        ({"capacityLimits": COUNTED}, "Capacity units of a quota share must be instance types"),
        (
            {"resourceSharingConfiguration": {"strategy": "LEND", "borrowLimit": 5}},
            "borrowLimit is only valid with the LEND_AND_BORROW strategy",
        ),
        (
            {"resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": -2}},
            "borrowLimit must be -1 or more",
        ),
    ):
        assert message_of(batch.create_quota_share, **{**request, **changes}) == message
    assert batch.list_quota_shares(jobQueue="queue")["quotaShares"] == []


def test_a_queue_has_at_most_twenty_shares(batch: Any) -> None:
    queue = quota_queue(batch)
    for number in range(20):
        quota_share(batch, queue, f"share-{number}")
    assert message_of(batch.create_quota_share, quotaShareName="more", jobQueue=queue, **SHARE) == (
        "Number of quota shares in a job queue exceeds 20."
    )


def test_a_share_is_updated_and_deleted_when_disabled(batch: Any) -> None:
    arn = quota_share(batch, quota_queue(batch))
    changes = {"capacityLimits": limits(1), "resourceSharingConfiguration": {"strategy": "RESERVE"}}
    batch.update_quota_share(quotaShareArn=arn, **changes)
    described = batch.describe_quota_share(quotaShareArn=arn)
    assert {name: described[name] for name in changes} == changes
    assert message_of(batch.update_quota_share, quotaShareArn=arn, capacityLimits=[]) == "Capacitylimits are required."
    assert message_of(batch.delete_quota_share, quotaShareArn=arn) == ENABLED
    assert message_of(batch.delete_quota_share, quotaShareArn="team") == "team does not exist"
    batch.update_quota_share(quotaShareArn=arn, state="DISABLED")
    batch.delete_quota_share(quotaShareArn=arn)
    assert message_of(batch.describe_quota_share, quotaShareArn=arn) == f"{arn} does not exist"
