"""Fan-outs for tests of their templates and permissions."""

import json
from typing import Any

from aws_cdk import Stack

from fairlane import SweepStore, TrainingExecutionRole, TrainingFanOut

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
QUEUES = {"us-east-1": "training-p4", "eu-west-1": ["training-p4", "gpu"]}
TEMPLATE: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "${image}", "TrainingInputMode": "File"},
    "RoleArn": "${role}",
    "OutputDataConfig": {"S3OutputPath": "s3://models/${region}/${id}/"},
    "ResourceConfig": {
        "InstanceType": "${instance_type}",
        "InstanceCount": "${instance_count}",
        "VolumeSizeInGB": 100,
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
}


def fan_out(stack: Stack, **changes: Any) -> TrainingFanOut:
    """Create a fan-out over two Regions with one execution role."""
    role = TrainingExecutionRole(stack, "ExecutionRole", regions=["eu-west-1"])
    settings: dict[str, Any] = {
        "fan_out_name": "campaigns",
        "queues": QUEUES,
        "template": json.dumps(TEMPLATE),
        "execution_roles": {"search": role},
    }
    return TrainingFanOut(stack, "FanOut", **settings | changes)


def full_fan_out(stack: Stack) -> TrainingFanOut:
    """Create a fan-out with a query, copies, array jobs and a key."""
    return fan_out(
        stack,
        query="SELECT id, region, data FROM drives",
        query_databases=["drives"],
        query_data=["s3://tables/drives/"],
        query_table_buckets=["drives"],
        query_catalogs=["redshift/sales"],
        query_connectors={
            "aurora": "aurora-connector",
            "shared": "arn:aws:lambda:us-east-1:444455556666:function:shared-connector:live",
        },
        query_spill=["s3://spill/aurora/"],
        schedule="rate(1 day)",
        residency={"s3://drives-eu/": ["eu-west-1"]},
        job_definitions=["train"],
        copy_from=["s3://drives-us/raw/"],
        copy_to=["s3://drives-eu/copies/"],
        store=SweepStore(stack, "Store", store_name="search"),
        encryption_key=KEY,
        tags={"team": "vision"},
    )
