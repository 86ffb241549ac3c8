"""Bucket, ledger, tables and parameter of a fan-out."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from fairlane._internal.json_tables import create_database, create_table
from fairlane._internal.private_bucket import private_bucket
from fairlane_lambda.fan_out.names import CAPACITY, OUTCOMES, PLANS, QUERIES

PLAN_DAYS: Final = 400
"""Number of days after which plans expire, as the lines of the ledger do."""
QUERY_DAYS: Final = 90
DECISIONS: Final = f"{PLANS}*/decision-*"
"""Keys that nobody overwrites: each decides the places of the lines of one manifest version."""

_NO_ACCESS_LOGS: Final = (
    "server access logs need a second bucket with a retention of its own: record the access to manifests with data "
    "events of AWS CloudTrail where it is needed"
)
OUTCOME_COLUMNS: Final[Mapping[str, str]] = {
    "id": "string",
    "region": "string",
    "queue": "string",
    "share": "string",
    "state": "string",
    "status_reason": "string",
    "placement": "string",
    "attempts": "int",
    "gpus": "int",
    "gpu_hours": "double",
    "job_id": "string",
    "job_name": "string",
    "training_job": "string",
    "model": "string",
    "submitted_at": "double",
    "started_at": "double",
    "stopped_at": "double",
}
CAPACITY_COLUMNS: Final[Mapping[str, str]] = {
    "region": "string",
    "instance_type": "string",
    "on_demand_price": "double",
    "spot_price": "double",
    "spot_score": "int",
    "free_reserved": "int",
    "idle": "int",
    "idle_unit": "string",
    "queue": "string",
    "updated_at": "string",
}


def create_bucket(scope: Construct, key_arn: str | None) -> s3.Bucket:
    """Create the bucket, whose events go to EventBridge, with removal policy RETAIN.

    Args:
        scope: Fan-out.
        key_arn: ARN of the KMS key. None if Amazon S3 manages the key.
    """
    days = {PLANS: PLAN_DAYS, QUERIES: QUERY_DAYS}
    bucket = private_bucket(
        Construct(scope, "Bucket"), days=days, put_once=[DECISIONS], key_arn=key_arn, no_access_logs=_NO_ACCESS_LOGS
    )
    resource, cfn = bucket.node.default_child, s3.CfnBucket
    assert isinstance(resource, cfn)
    # The option of the L2 construct would add a function that changes the bucket.
    resource.notification_configuration = cfn.NotificationConfigurationProperty(
        event_bridge_configuration=cfn.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    return bucket


def create_ledger(scope: Construct, key_arn: str | None) -> dynamodb.CfnTable:
    """Create the table with the states of all lines, with deletion protection and removal policy RETAIN.

    Args:
        scope: Fan-out.
        key_arn: ARN of the KMS key. None for the key that DynamoDB owns.
    """
    cfn = dynamodb.CfnTable
    encryption = cfn.SSESpecificationProperty(sse_enabled=True, sse_type="KMS", kms_master_key_id=key_arn)
    keys = {"pk": "HASH", "sk": "RANGE"}
    table = cfn(
        scope,
        "Ledger",
        attribute_definitions=[
            cfn.AttributeDefinitionProperty(attribute_name=name, attribute_type="S") for name in keys
        ],
        key_schema=[cfn.KeySchemaProperty(attribute_name=name, key_type=kind) for name, kind in keys.items()],
        billing_mode="PAY_PER_REQUEST",
        deletion_protection_enabled=True,
        point_in_time_recovery_specification=cfn.PointInTimeRecoverySpecificationProperty(
            point_in_time_recovery_enabled=True
        ),
        sse_specification=encryption if key_arn else None,
        time_to_live_specification=cfn.TimeToLiveSpecificationProperty(attribute_name="expires", enabled=True),
    )
    table.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return table


def create_tables(scope: Construct, database_name: str, bucket_name: str) -> glue.CfnDatabase:
    """Create the database with the tables of outcomes, whose partitions are the manifests, and of capacity."""
    database = create_database(scope, database_name, "Outcomes and capacity of one fan-out")
    tables = Construct(scope, "Tables")
    create_table(tables, database, "outcomes", f"s3://{bucket_name}/{OUTCOMES}", OUTCOME_COLUMNS, partition="manifest")
    create_table(tables, database, "capacity", f"s3://{bucket_name}/{CAPACITY}", CAPACITY_COLUMNS)
    return database


def create_parameter(scope: Construct, name: str, place: Mapping[str, Any]) -> ssm.CfnParameter:
    """Create the parameter by which clients find the fan-out.

    Args:
        scope: Fan-out.
        name: Name of the parameter.
        place: Names of the resources, as clients read them.
    """
    return ssm.CfnParameter(
        scope,
        "Parameter",
        name=name,
        description="Place of a fan-out of Fairlane",
        type="String",
        value=cdk.Stack.of(scope).to_json_string(place),
    )
