"""The function that writes the capacity, against the local AWS."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fairlane_lambda.fan_out.capacity import handler as function
from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.placement import CapacityRow, Idle, read_capacity
from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock

pytestmark = pytest.mark.slow
ACCOUNT = "123456789012"
TYPE = "ml.p4d.24xlarge"
ARN = "arn:aws:sagemaker:${region}:${account}:training-plan/campaigns"
TEMPLATE = json.dumps({"ResourceConfig": {"InstanceType": TYPE, "InstanceCount": 15, "TrainingPlanArn": ARN}})
REGIONS = {"us-east-1": ("training",), "eu-west-1": ("training", "absent")}


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    config = Config("campaigns", "us-east-1", TEMPLATE, None, REGIONS, (), {})
    monkeypatch.setenv("BUCKET", "home")
    monkeypatch.setattr(function, "read_config", lambda: config)
    with LocalAws(clock=Clock(None)) as aws:
        monkeypatch.setattr(function, "_client", lambda service, region: client(service, aws.port, ACCOUNT, region))
        client("s3", aws.port, ACCOUNT, "us-east-1").create_bucket(Bucket="home")
        for region in REGIONS:
            create_queue(aws, region)
        yield aws


def create_queue(aws: LocalAws, region: str) -> None:
    batch = client("batch", aws.port, ACCOUNT, region)
    environment = batch.create_service_environment(
        serviceEnvironmentName="training",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 20, "capacityUnit": "NUM_INSTANCES"}],
    )["serviceEnvironmentArn"]
    batch.create_job_queue(
        jobQueueName="training",
        jobQueueType="SAGEMAKER_TRAINING",
        priority=1,
        serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": environment}],
    )


def rows(aws: LocalAws) -> dict[tuple[str, str], CapacityRow]:
    return read_capacity(client("s3", aws.port, ACCOUNT, "us-east-1"), "home", REGIONS)


def test_each_region_has_its_rows(aws: LocalAws) -> None:
    sagemaker = client("sagemaker", aws.port, ACCOUNT, "eu-west-1")
    sagemaker.create_training_plan(TrainingPlanName="campaigns", TrainingPlanOfferingId=f"tpo-16-{TYPE}")
    sagemaker.create_training_plan(TrainingPlanName="other", TrainingPlanOfferingId=f"tpo-9-{TYPE}")
    assert function.handler({}, Context()) == {"us-east-1": 1, "eu-west-1": 2}
    found = rows(aws)
    europe = found["eu-west-1", TYPE]
    assert (europe.on_demand_price, europe.free_reserved) == (27.27, 16)
    assert europe.idle == {"training": Idle(20, "NUM_INSTANCES"), "absent": Idle(None, "")}
    assert europe.spot_price is not None
    assert 0 < europe.spot_price < 27.27
    assert europe.spot_score in range(1, 11)
    assert (found["us-east-1", TYPE].on_demand_price, found["us-east-1", TYPE].free_reserved) == (25.25, 0)


def test_jobs_take_idle_capacity(aws: LocalAws) -> None:
    batch = client("batch", aws.port, ACCOUNT, "us-east-1")
    request = {
        "TrainingJobName": "x",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/training",
        "AlgorithmSpecification": {
            "TrainingImage": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/x",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": "s3://models/out/"},
        "ResourceConfig": {"InstanceType": TYPE, "InstanceCount": 15, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }
    batch.submit_service_job(
        jobName="x",
        jobQueue="training",
        serviceJobType="SAGEMAKER_TRAINING",
        serviceRequestPayload=json.dumps(request),
    )
    aws.timeline.advance(5)
    function.handler({}, Context())
    assert rows(aws)["us-east-1", TYPE].idle["training"] == Idle(5, "NUM_INSTANCES")


@pytest.mark.parametrize(
    ("service", "operation", "nulls"),
    [
        ("pricing", "get_products", {"on_demand_price"}),
        ("pricing", "get_attribute_values", {"on_demand_price"}),
        ("ec2", "describe_spot_price_history", {"spot_price"}),
        ("ec2", "get_spot_placement_scores", {"spot_score"}),
        ("sagemaker", "list_training_plans", {"free_reserved"}),
        ("batch", "describe_job_queues", {"idle"}),
        ("s3", "get_paginator", set()),
    ],
)
def test_a_source_that_fails_leaves_null(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, service: str, operation: str, nulls: set[str]
) -> None:
    def fail(*_: Any, **__: Any) -> Mapping[str, Any]:
        raise ConnectionError("secret")

    def failing(name: str, region: str) -> Any:
        found = client(name, aws.port, ACCOUNT, region)
        if name == service:
            monkeypatch.setattr(found, operation, fail)
        return found

    monkeypatch.setattr(function, "_client", failing)
    function.handler({}, Context())
    s3 = client("s3", aws.port, ACCOUNT, "us-east-1")
    row = json.loads(s3.get_object(Bucket="home", Key="capacity/us-east-1.jsonl")["Body"].read())
    assert {name for name, value in row.items() if value is None} == nulls


def test_templates_of_lines_add_instance_types(aws: LocalAws) -> None:
    s3 = client("s3", aws.port, ACCOUNT, "us-east-1")
    template = {"ResourceConfig": {"InstanceType": "ml.g5.xlarge"}}
    s3.put_object(Bucket="home", Key="templates/small.json", Body=json.dumps(template).encode())
    function.handler({}, Context())
    assert {name for _, name in rows(aws)} == {TYPE, "ml.g5.xlarge"}


def test_an_object_that_cannot_be_written_is_an_error(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "absent")
    with pytest.raises(RuntimeError, match="the capacity of us-east-1, eu-west-1 was not written"):
        function.handler({}, Context())
