"""Sweep store in moto's S3, with the client that runs use."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fairlane_run.objects import Objects
from fairlane_run.settings import SETTINGS, Settings, read_settings

BUCKET, SWEEP = "search-store", "resnet-lr"
LINES = [
    {"index": 40 + line, "parameters": {"learning_rate": 10.0**-line, "model_name": "resnet18"}} for line in range(3)
]


@cache
def s3_client() -> Any:
    """Return a client that all tests share, because each new client takes a fifth of a second."""
    return boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


class Store:
    """Bucket of a sweep store, with one manifest of three lines."""

    def __init__(self, lines: list[dict[str, Any]] = LINES) -> None:
        self.client = s3_client()
        self.client.create_bucket(Bucket=BUCKET)
        self.objects = Objects(BUCKET, self.client)
        self.key = f"sweeps/{SWEEP}/manifests/0000.jsonl"
        width = max(len(json.dumps(line)) for line in lines) + 1
        body = "".join(json.dumps(line).ljust(width - 1) + "\n" for line in lines).encode()
        etag = self.client.put_object(Bucket=BUCKET, Key=self.key, Body=body)["ETag"]
        self.manifest = {"key": self.key, "etag": etag, "width": width, "lines": len(lines)}

    def environment(self, line: int, **values: Any) -> dict[str, str]:
        """Return the environment variables of a child of an array job."""
        settings = {"bucket": BUCKET, "sweep": SWEEP, "metric": "accuracy", "direction": "maximize"}
        return {
            SETTINGS: json.dumps(settings | {"manifest": self.manifest} | values),
            "AWS_BATCH_JOB_ID": f"job:{line}",
            "AWS_BATCH_JOB_ARRAY_INDEX": str(line),
            "AWS_BATCH_JOB_ATTEMPT": "2",
        }

    def settings(self, line: int, **values: Any) -> Settings:
        return read_settings(self.environment(line, **values))

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return record


@pytest.fixture
def store() -> Iterator[Store]:
    with mock_aws():
        yield Store()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store, list[str]], None]:
    """Let the next writes of a store fail with error codes of S3."""

    def set_answers(store: Store, codes: list[str]) -> None:
        put = store.client.put_object

        def answer(**request: Any) -> Any:
            if codes:
                raise ClientError({"Error": {"Code": codes.pop(0)}}, "PutObject")
            return put(**request)

        monkeypatch.setattr(store.client, "put_object", answer)
        monkeypatch.setattr("fairlane_run.objects._CONFLICT_SECONDS", 0)

    return set_answers
