"""IAM role of an AWS service."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct


def service_role(
    scope: Construct, construct_id: str, service: str, statements: Sequence[Mapping[str, Any]]
) -> iam.CfnRole:
    """Create a role that a service assumes, with one inline policy."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return iam.CfnRole(
        scope,
        construct_id,
        assume_role_policy_document={"Version": "2012-10-17", "Statement": [trust]},
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name=construct_id, policy_document={"Version": "2012-10-17", "Statement": statements}
            )
        ],
    )
