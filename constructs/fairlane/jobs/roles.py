"""Roles of the containers of GPU job definitions: job role and execution role."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.jobs.permission_rules import OBJECTS_REASON, ecr_repository, s3_statements

_PULL: Final = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def job_role(scope: Construct, read: Sequence[str], write: Sequence[str]) -> iam.Role:
    """Create the role of a container."""
    statements = list(s3_statements(read, write, ARN))
    role = iam.Role(
        scope,
        "JobRole",
        assumed_by=_tasks_of_the_account(scope),
        inline_policies={"Data": iam.PolicyDocument.from_json({"Statement": statements})} if statements else None,
    )
    resources = {resource for statement in statements for resource in statement["Resource"]}
    acknowledge_wildcards(role, {resource: OBJECTS_REASON for resource in resources if resource.endswith("*")})
    return role


def execution_role(scope: Construct, image: str, secrets: Mapping[str, Any], log_group: logs.LogGroup) -> iam.Role:
    """Create the role by which the ECS agent starts a container: pull its image, write its logs, read its secrets.

    With an execution role, the agent and the log driver do not use the role of the instance for these three.
    Sources: "Amazon ECS task execution IAM role" in the ECS developer guide; ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE
    in the README of the ECS agent, which Amazon Machine Images for ECS set to true.
    """
    streams = log_group.log_group_arn
    statements = [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [streams])]
    reasons = {streams: "log streams of the job"}
    repository = ecr_repository(image, ARN)
    if repository is None and is_token(image):
        repository = f"{ARN}:ecr:*:{Claims.regional(scope).account}:repository/*"
        reasons[repository] = "the image is known only at deployment; the actions only read images of the account"
    if repository is not None:
        statements += [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(_PULL, [repository])]
        reasons["*"] = "this action does not support resources"
    role = iam.Role(
        scope,
        "ExecutionRole",
        assumed_by=_tasks_of_the_account(scope),
        inline_policies={"Start": iam.PolicyDocument.from_json({"Statement": statements})},
    )
    for secret in secrets.values():
        secret.grant_read(role)
    acknowledge_wildcards(role, reasons)
    return role


def _tasks_of_the_account(scope: Construct) -> iam.ServicePrincipal:
    """Return ECS tasks, for tasks of this account and Region only. ECS does not support a single cluster here.

    Source: "Amazon ECS task IAM role" in the ECS developer guide.
    """
    claims = Claims.regional(scope)
    return iam.ServicePrincipal(
        "ecs-tasks.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": claims.account},
            "ArnLike": {"aws:SourceArn": f"{ARN}:ecs:{claims.region}:{claims.account}:*"},
        },
    )
