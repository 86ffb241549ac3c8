"""IAM role of an AWS service."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.claims import Claims


def service_role(
    scope: Construct,
    construct_id: str,
    service: str,
    statements: Sequence[Mapping[str, Any]],
    *,
    source_arn: str | None = None,
    path: str | None = None,
) -> iam.CfnRole:
    """Create a role that a service assumes, with one inline policy.

    Args:
        scope: Scope of the role.
        construct_id: Id of the role, and name of its policy.
        service: Service principal.
        statements: Statements of the policy.
        source_arn: Pattern of the ARNs that the service can assume the role for, in the stack's account only. Default:
            no condition; for services that do not send `aws:SourceArn`.
        path: Path of the role in its ARN, with `/` at both ends. Default: `/`.
    """
    trust: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    if source_arn is not None:
        trust["Condition"] = {
            "StringEquals": {"aws:SourceAccount": Claims.regional(scope).account},
            "ArnLike": {"aws:SourceArn": source_arn},
        }
    return iam.CfnRole(
        scope,
        construct_id,
        path=path,
        assume_role_policy_document={"Version": "2012-10-17", "Statement": [trust]},
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name=construct_id, policy_document={"Version": "2012-10-17", "Statement": statements}
            )
        ],
    )
