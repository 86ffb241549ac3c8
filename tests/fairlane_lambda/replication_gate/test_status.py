"""Replication status of an image, for pipelines."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.replication_gate.handler import handler
from tests.fairlane_lambda.replication_gate.gate import DIGEST, HOME, Record, ecr, expect_status_call, failed, status

TWO = ["eu-west-1", "us-west-2"]


def event(**fields: Any) -> Record:
    return {"repository": "train/llm", "image": "v1", "regions": TWO} | fields


def call(*statuses: Record, **fields: Any) -> Record:
    image_event = event(**fields)
    with ecr() as stub:
        expect_status_call(stub, *statuses, tag=image_event["image"])
        return handler(image_event, None)


@pytest.mark.parametrize("image", ["v1", "2026.11_a-b", DIGEST])
def test_a_complete_image(image: str) -> None:
    assert call(status("us-west-2"), status("eu-west-1"), image=image) == {
        "complete": True,
        "regions": {"eu-west-1": "COMPLETE", "us-west-2": "COMPLETE"},
        "failed": {},
    }


def test_an_image_in_progress() -> None:
    result = call(status("eu-west-1"), status("us-west-2", "IN_PROGRESS"))
    assert result["regions"] == {"eu-west-1": "COMPLETE", "us-west-2": "IN_PROGRESS"}
    assert result["complete"] is False


def test_a_region_that_ecr_does_not_report() -> None:
    result = call(status("eu-west-1"))
    assert result["regions"] == {"eu-west-1": "COMPLETE", "us-west-2": "NOT_STARTED"}
    assert result["complete"] is False


def test_a_failed_replication() -> None:
    result = call(failed("eu-west-1"), status("us-west-2", "FAILED"))
    assert result == {
        "complete": False,
        "regions": {"eu-west-1": "FAILED", "us-west-2": "FAILED"},
        "failed": {"eu-west-1": "KmsKeyNotAccessible", "us-west-2": "unknown"},
    }


def test_other_regions_do_not_count() -> None:
    result = call(status("eu-west-1"), failed("ap-south-1"), regions=["eu-west-1"])
    assert result == {"complete": True, "regions": {"eu-west-1": "COMPLETE"}, "failed": {}}


def test_the_home_region_is_complete_at_once() -> None:
    result = call(status("eu-west-1"), regions=[HOME, "eu-west-1"])
    assert result["complete"] is True
    assert result["regions"][HOME] == "COMPLETE"


@given(
    st.permutations(
        [status("eu-west-1"), status(HOME, "IN_PROGRESS", "2" * 12), status("eu-west-1", "FAILED", "2" * 12)]
    )
)
def test_other_accounts_in_the_same_regions_do_not_count(statuses: list[Record]) -> None:
    assert call(*statuses, regions=[HOME, "eu-west-1"]) == {
        "complete": True,
        "regions": {HOME: "COMPLETE", "eu-west-1": "COMPLETE"},
        "failed": {},
    }


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_a_missing_image(code: str) -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", code)
        result = handler(event(regions=[HOME, "eu-west-1"]), None)
    assert result == {"complete": False, "regions": {HOME: "NO_IMAGE", "eu-west-1": "NO_IMAGE"}, "failed": {}}


def test_other_errors_are_raised() -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDeniedException"):
            handler(event(), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": None}, "repository must be a repository name, got None"),
        ({"repository": "Train"}, "repository must be"),
        ({"repository": "a"}, "repository must be"),
        ({"repository": "a" * 257}, "repository must be"),
        ({"repository": "train//llm"}, "repository must be"),
        ({"image": ""}, r"image must be a tag or a digest \(sha256:...\), got ''"),
        ({"image": 5}, "image must be"),
        ({"image": ".v1"}, "image must be"),
        ({"image": "sha256:abc"}, "image must be"),
        ({"image": "train/llm:v1"}, "image must be"),
        ({"regions": []}, r"regions must be a list of one or more Regions, got \[\]"),
        ({"regions": "eu-west-1"}, "regions must be a list"),
        ({"regions": ["eu-west-1", None]}, "each of regions must be the name of a Region, got None"),
        ({"regions": ["Ireland"]}, "each of regions must be"),
    ],
)
def test_malformed_fields_are_refused_without_a_call(changes: Record, message: str) -> None:
    with ecr(), pytest.raises(ValueError, match=message):
        handler(event(**changes), None)


@pytest.mark.parametrize("malformed", [None, [], "train/llm:v1", {}])
def test_an_event_must_be_an_object(malformed: object) -> None:
    with ecr(), pytest.raises(ValueError, match="regions must be"):
        handler(malformed, None)
