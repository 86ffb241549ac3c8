"""Calls of the real client, and the response to CloudFormation."""

import json
from io import BytesIO
from typing import Any
from unittest.mock import patch

import boto3
from botocore.stub import Stubber

from fairlane_lambda.hyperpod_governance import handler
from tests.fairlane_lambda.hyperpod_governance.requests import CLUSTER, Context, quota, request

ID = "abcdefghijk1"
ARN = f"arn:aws:sagemaker:us-east-1:111122223333:compute-quota/{ID}"


def test_the_real_client_accepts_the_calls_and_cloudformation_gets_the_id() -> None:
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    described = {
        "ComputeQuotaArn": ARN,
        "ComputeQuotaId": ID,
        "Name": "research",
        "ComputeQuotaVersion": 1,
        "Status": "Created",
        "ClusterArn": CLUSTER,
        "ComputeQuotaTarget": {"TeamName": "research"},
        "CreationTime": 0,
    }
    sent: list[Any] = []

    def urlopen(put: Any, timeout: int) -> BytesIO:
        sent.append(json.loads(put.data))
        return BytesIO()

    with (
        Stubber(client) as stub,
        patch.object(handler, "_sagemaker", lambda: client),
        patch("urllib.request.urlopen", urlopen),
    ):
        stub.add_response(
            "list_compute_quotas", {"ComputeQuotaSummaries": []}, {"ClusterArn": CLUSTER, "NameContains": "research"}
        )
        stub.add_response("create_compute_quota", {"ComputeQuotaArn": ARN, "ComputeQuotaId": ID})
        stub.add_response("describe_compute_quota", described, {"ComputeQuotaId": ID})
        handler.handler(request("Create", quota()), Context())
        stub.assert_no_pending_responses()
    assert sent == [
        {
            "Status": "SUCCESS",
            "PhysicalResourceId": ID,
            "StackId": request("Create", quota())["StackId"],
            "RequestId": "request-1",
            "LogicalResourceId": "Quota",
        }
    ]


def test_the_client_is_made_once() -> None:
    with patch.dict("os.environ", {"AWS_DEFAULT_REGION": "us-east-1"}):
        client = handler._sagemaker()
    assert client is handler._sagemaker()
    assert client.meta.service_model.service_name == "sagemaker"
    handler._sagemaker.cache_clear()
