"""Number of calls to AWS of 1,000 copies at once."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from fairlane_lambda.fan_out import copies
from fairlane_lambda.fan_out.copies import start
from fairlane_lambda.fan_out.placement import Copy

COPIES = [Copy(f"s3://europe/{number}/", f"s3://west/{number}/", "us-west-2", 1, 1) for number in range(1000)]


class FakeAws:
    """Amazon S3 and S3 Batch Operations that count their calls. Each source has one object."""

    def __init__(self) -> None:
        self.calls = Counter[str]()
        self.objects: dict[str, bytes] = {}
        self.ended: set[str] = set()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.calls["GetObject"] += 1
        if Key not in self.objects:
            raise KeyError(Key)
        modified = datetime.fromtimestamp(0, UTC)
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": _etag(self.objects[Key]), "LastModified": modified}

    def put_object(self, Bucket: str, Key: str, Body: Any, **condition: str) -> dict[str, Any]:  # noqa: N803
        self.calls["PutObject"] += 1
        if "IfMatch" in condition:
            assert condition["IfMatch"] == _etag(self.objects[Key])
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        return {"ETag": _etag(self.objects[Key])}

    def get_bucket_location(self, Bucket: str) -> dict[str, str]:  # noqa: N803
        self.calls["GetBucketLocation"] += 1
        return {"LocationConstraint": "us-west-2"}

    def get_paginator(self, name: str) -> "FakeAws":
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.calls["ListObjectsV2"] += 1
        yield {"Contents": [{"Key": f"{Prefix}0", "ETag": "any", "Size": 1}]}

    def create_job(self, **request: Any) -> dict[str, str]:
        self.calls["CreateJob"] += 1
        return {"JobId": request["ClientRequestToken"]}

    def describe_job(self, AccountId: str, JobId: str) -> dict[str, Any]:  # noqa: N803
        self.calls["DescribeJob"] += 1
        return {"Job": {"Status": "Complete" if JobId in self.ended else "Active"}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    aws = FakeAws()
    monkeypatch.setenv("BUCKET", "home")
    monkeypatch.setenv("COPY_ROLE", "arn:aws:iam::123456789012:role/copy")
    monkeypatch.setattr(copies, "_client", lambda service, region: aws)
    monkeypatch.setattr("fairlane_lambda.fan_out.plan.objects._ABSENT", ("KeyError",))
    return aws


def calls(aws: FakeAws, waiting: str = "") -> tuple[Counter[str], str]:
    """Return the calls of a call of `start`, and its result."""
    aws.calls.clear()
    result = start(COPIES, waiting)
    return Counter(aws.calls), result


def test_a_poll_costs_one_call_for_an_unfinished_copy_and_none_for_a_finished_one(aws: FakeAws) -> None:
    first, waiting = calls(aws)
    assert first == {
        "GetObject": 1000,
        "GetBucketLocation": 1,
        "ListObjectsV2": 1000,
        "CreateJob": 1000,
        "PutObject": 2001,
    }
    poll, waiting = calls(aws, waiting)
    assert poll == {"GetObject": 1, "DescribeJob": 1000}

    jobs = [token for token in _tokens(aws) if int(token, 16) % 10]
    aws.ended.update(jobs)
    ends, waiting = calls(aws, waiting)
    done = len(jobs)
    assert ends == {
        "GetObject": 1 + done,
        "DescribeJob": 1000,
        "ListObjectsV2": done,
        "PutObject": done + 1,
    }
    poll, waiting = calls(aws, waiting)
    assert poll == {"GetObject": 1, "DescribeJob": 1000 - done}

    aws.ended.update(_tokens(aws))
    _, waiting = calls(aws, waiting)
    assert waiting == ""


def _tokens(aws: FakeAws) -> list[str]:
    (content,) = (body for key, body in aws.objects.items() if "/waiting/" in key)
    return [job for _, job in json.loads(content)]


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
