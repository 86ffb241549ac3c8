"""Stubbed ECR client of boto3, with a list of responses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from botocore.stub import Stubber

from fairlane_lambda.replication_gate import handler

HOME = "us-east-1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
ACCOUNT = "111122223333"

Record = dict[str, Any]


@contextmanager
def ecr() -> Iterator[Stubber]:
    """Yield a stub for the responses. botocore's model checks requests and responses, and the gate must use all."""
    client = boto3.client("ecr", region_name=HOME, aws_access_key_id="testing", aws_secret_access_key="testing")
    environment = patch.dict(os.environ, {"REGISTRY_ID": ACCOUNT})
    with patch.object(handler, "_ecr", lambda: client), environment, Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def expect_status_call(stub: Stubber, *statuses: Record, tag: str = "v1", repository: str = "train/llm") -> None:
    image = {"imageDigest": tag} if tag.startswith("sha256:") else {"imageTag": tag}
    request = {"repositoryName": repository, "imageId": image}
    stub.add_response("describe_image_replication_status", request | {"replicationStatuses": list(statuses)}, request)


def status(region: str, state: str = "COMPLETE", registry: str = ACCOUNT, **fields: str) -> Record:
    return {"region": region, "registryId": registry, "status": state, **fields}


def failed(region: str, code: str = "KmsKeyNotAccessible") -> Record:
    return status(region, "FAILED", failureCode=code)
