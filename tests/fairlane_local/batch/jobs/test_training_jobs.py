"""Training jobs of service jobs, as the SageMaker API describes them."""

import json
from typing import Any

import pytest

from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.support import fifo_queue, submit
from tests.fairlane_local.batch.support import ACCOUNT

TAGS = [{"Key": "project", "Value": "reviews"}]
RESOURCES = {"InstanceType": "ml.g6.xlarge", "InstanceCount": 1}


def training_job(aws: LocalAws, batch: Any, request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a SageMaker client, and the description of the training job of a service job that has started."""
    job = submit(batch, fifo_queue(batch), serviceRequestPayload=json.dumps({"ResourceConfig": RESOURCES, **request}))
    aws.timeline.advance(1)
    arn = batch.describe_service_job(jobId=job)["latestAttempt"]["serviceResourceId"]["value"]
    sagemaker = client("sagemaker", aws.port, ACCOUNT, "us-east-1")
    return sagemaker, sagemaker.describe_training_job(TrainingJobName=arn.rpartition("/")[2])


@pytest.mark.parametrize(("given", "key"), [({}, ""), ({"KmsKeyId": "alias/models"}, "alias/models")])
def test_the_output_always_has_a_key(aws: LocalAws, batch: Any, given: dict[str, str], key: str) -> None:
    _, described = training_job(aws, batch, {"OutputDataConfig": {"S3OutputPath": "s3://models/", **given}})
    assert described["OutputDataConfig"] == {"S3OutputPath": "s3://models/", "KmsKeyId": key}


@pytest.mark.parametrize(("request_", "tags"), [({}, []), ({"Tags": TAGS}, TAGS)])
def test_the_tags_are_those_of_the_request(
    aws: LocalAws, batch: Any, request_: dict[str, Any], tags: list[dict[str, str]]
) -> None:
    sagemaker, described = training_job(aws, batch, request_)
    assert sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"] == tags
