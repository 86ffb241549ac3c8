from typing import Any

from tests.fairlane_local.batch.support import (
    PREFIX,
    compute_environment,
    container_queue,
    job_definition,
    message_of,
    quota_queue,
    quota_share,
)


def test_resources_of_all_kinds_have_tags(batch: Any) -> None:
    queue = quota_queue(batch)
    compute = compute_environment(batch)
    arns = [
        queue,
        compute,
        quota_share(batch, queue),
        container_queue(batch, compute),
        job_definition(batch),
        f"{PREFIX}service-environment/env",
        f"{PREFIX}scheduling-policy/quotas",
        batch.create_consumable_resource(consumableResourceName="licence")["consumableResourceArn"],
    ]
    for arn in arns:
        batch.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
        batch.tag_resource(resourceArn=arn, tags={"b": "3", "c/d": "é"})
        batch.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
        assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "3", "c/d": "é"}
    assert batch.describe_job_definitions()["jobDefinitions"][0]["tags"] == {"b": "3", "c/d": "é"}


def test_a_resource_has_at_most_fifty_tags(batch: Any) -> None:
    arn = job_definition(batch, tags={f"key-{number}": "" for number in range(50)})
    assert message_of(batch.tag_resource, resourceArn=arn, tags={"more": ""}) == (
        "The number of tags of a resource cannot exceed 50."
    )
    refused = message_of(
        batch.create_consumable_resource,
        consumableResourceName="licence",
        tags={f"key-{number}": "" for number in range(51)},
    )
    assert refused.endswith("Member must have length less than or equal to 50")


def test_unknown_resources_are_refused(batch: Any) -> None:
    arn = f"{PREFIX}job-queue/none"
    assert message_of(batch.list_tags_for_resource, resourceArn=arn) == f"{arn} does not exist"
    assert message_of(batch.tag_resource, resourceArn=arn, tags={"a": "b"}) == f"{arn} does not exist"
