"""ECR as far as the gate asks it: boto3's own client, whose answers are given one after the other."""

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
    """Answers to be given; botocore's model checks them and the requests, and all must be asked for."""
    client = boto3.client("ecr", region_name=HOME, aws_access_key_id="testing", aws_secret_access_key="testing")
    own = patch.dict(os.environ, {"REGISTRY_ID": ACCOUNT})
    with patch.object(handler, "_ecr", lambda: client), own, Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def expect_look(stub: Stubber, *statuses: Record, tag: str = "v1", repository: str = "train/llm") -> None:
    image = {"imageDigest": tag} if tag.startswith("sha256:") else {"imageTag": tag}
    asked = {"repositoryName": repository, "imageId": image}
    stub.add_response("describe_image_replication_status", asked | {"replicationStatuses": list(statuses)}, asked)


def status(region: str, state: str = "COMPLETE", registry: str = ACCOUNT, **fields: str) -> Record:
    return {"region": region, "registryId": registry, "status": state, **fields}


def failed(region: str, code: str = "KmsKeyNotAccessible") -> Record:
    return status(region, "FAILED", failureCode=code)
