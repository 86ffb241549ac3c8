"""One look at an image, as pipelines ask for it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.replication_gate.handler import handler
from tests.fairlane_lambda.replication_gate.gate import DIGEST, HOME, Record, ecr, expect_look, failed, status

TWO = ["eu-west-1", "us-west-2"]


def event(**fields: Any) -> Record:
    return {"repository": "train/llm", "image": "v1", "regions": TWO} | fields


def look(*statuses: Record, **fields: Any) -> Record:
    asked = event(**fields)
    with ecr() as stub:
        expect_look(stub, *statuses, tag=asked["image"])
        return handler(asked, None)


@pytest.mark.parametrize("image", ["v1", "2026.11_a-b", DIGEST])
def test_complete(image: str) -> None:
    assert look(status("us-west-2"), status("eu-west-1"), image=image) == {
        "complete": True,
        "regions": {"eu-west-1": "COMPLETE", "us-west-2": "COMPLETE"},
        "failed": {},
    }


def test_on_its_way() -> None:
    looked = look(status("eu-west-1"), status("us-west-2", "IN_PROGRESS"))
    assert looked["regions"] == {"eu-west-1": "COMPLETE", "us-west-2": "IN_PROGRESS"}
    assert looked["complete"] is False


def test_a_region_that_ecr_does_not_tell_of() -> None:
    looked = look(status("eu-west-1"))
    assert looked["regions"] == {"eu-west-1": "COMPLETE", "us-west-2": "NOT_STARTED"}
    assert looked["complete"] is False


def test_failure() -> None:
    looked = look(failed("eu-west-1"), status("us-west-2", "FAILED"))
    assert looked == {
        "complete": False,
        "regions": {"eu-west-1": "FAILED", "us-west-2": "FAILED"},
        "failed": {"eu-west-1": "KmsKeyNotAccessible", "us-west-2": "unknown"},
    }


def test_regions_that_nobody_asked_for() -> None:
    looked = look(status("eu-west-1"), failed("ap-south-1"), regions=["eu-west-1"])
    assert looked == {"complete": True, "regions": {"eu-west-1": "COMPLETE"}, "failed": {}}


def test_where_an_image_is_pushed_it_is_at_once() -> None:
    looked = look(status("eu-west-1"), regions=[HOME, "eu-west-1"])
    assert looked["complete"] is True
    assert looked["regions"][HOME] == "COMPLETE"


@given(
    st.permutations(
        [status("eu-west-1"), status(HOME, "IN_PROGRESS", "2" * 12), status("eu-west-1", "FAILED", "2" * 12)]
    )
)
def test_other_accounts_in_the_same_regions_do_not_count(statuses: list[Record]) -> None:
    assert look(*statuses, regions=[HOME, "eu-west-1"]) == {
        "complete": True,
        "regions": {HOME: "COMPLETE", "eu-west-1": "COMPLETE"},
        "failed": {},
    }


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_no_image(code: str) -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", code)
        looked = handler(event(regions=[HOME, "eu-west-1"]), None)
    assert looked == {"complete": False, "regions": {HOME: "NO_IMAGE", "eu-west-1": "NO_IMAGE"}, "failed": {}}


def test_other_errors_are_raised() -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDeniedException"):
            handler(event(), None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"repository": None}, "repository must be the name of a repository, got None"),
        ({"repository": "Train"}, "repository must be"),
        ({"repository": "a"}, "repository must be"),
        ({"repository": "a" * 257}, "repository must be"),
        ({"repository": "train//llm"}, "repository must be"),
        ({"image": ""}, "image must be a tag, or a digest as sha256:..., got ''"),
        ({"image": 5}, "image must be"),
        ({"image": ".v1"}, "image must be"),
        ({"image": "sha256:abc"}, "image must be"),
        ({"image": "train/llm:v1"}, "image must be"),
        ({"regions": []}, r"regions must be a list of Regions, got \[\]"),
        ({"regions": "eu-west-1"}, "regions must be a list"),
        ({"regions": ["eu-west-1", None]}, "regions must be names of Regions, got None"),
        ({"regions": ["Ireland"]}, "regions must be names"),
    ],
)
def test_what_is_malformed_is_not_asked_for(wrong: Record, message: str) -> None:
    with ecr(), pytest.raises(ValueError, match=message):
        handler(event(**wrong), None)


@pytest.mark.parametrize("wrong", [None, [], "train/llm:v1", {}])
def test_an_event_is_an_object(wrong: object) -> None:
    with ecr(), pytest.raises(ValueError, match="regions must be"):
        handler(wrong, None)
