"""Lambda functions of Fairlane, with their code, roles and log groups."""

from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal.assets import create_asset
from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.lambda_package import LAMBDA_PACKAGE, lambda_root
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role

_LOG_RETENTION_DAYS: Final = 30

_code: "WeakKeyDictionary[cdk.Stack, s3_assets.Asset]" = WeakKeyDictionary()


class Function(Construct):
    """Function of `fairlane_lambda`, with its own role and log group.

    CloudWatch Logs keeps the logs for 30 days. The log group has the standard class, the only class whose embedded
    metrics CloudWatch reads.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        code: Asset with the code of all functions.
        handler: Package of the handler, inside `fairlane_lambda`.
        timeout_seconds: Number of seconds after which Lambda stops an invocation.
        environment: Environment variables.
        statements: IAM statements of the role, besides the permission to write logs.
        wildcards: For each resource with a wildcard in the statements, the reason for the wildcard.
        entry: Name of the function in the handler module. Default: `handler`.
        log_key: ARN of the KMS key of the log group. Default: encryption with a key of CloudWatch Logs.
        memory_mb: Memory in MB, which also gives the share of a vCPU. Default: 256.
        storage_mb: Size of `/tmp` in MB. Default: 512, the default of Lambda.

    Attributes:
        role: Role of the function.
        function: Underlying L1 resource.
        name: Name of the function.
        arn: ARN of the function.
        log_group_name: Name of the log group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        code: s3_assets.Asset,
        handler: str,
        timeout_seconds: int,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        wildcards: Mapping[str, str],
        entry: str = "handler",
        log_key: str | None = None,
        memory_mb: int = 256,
        storage_mb: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.CfnLogGroup(
            self,
            "Logs",
            retention_in_days=_LOG_RETENTION_DAYS,
            log_group_class="STANDARD",
            kms_key_id=log_key,
        )
        log_group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.attr_arn])
        self.role = service_role(self, "Role", "lambda.amazonaws.com", [write, *statements])
        acknowledge_wildcards(self.role, wildcards)
        function = lambda_.CfnFunction
        self.function = function(
            self,
            "Resource",
            code=function.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
            handler=f"{LAMBDA_PACKAGE}.{handler}.handler.{entry}",
            runtime="python3.14",
            architectures=["arm64"],
            memory_size=memory_mb,
            ephemeral_storage=None if storage_mb is None else function.EphemeralStorageProperty(size=storage_mb),
            timeout=timeout_seconds,
            environment=function.EnvironmentProperty(variables=dict(environment)),
            logging_config=function.LoggingConfigProperty(log_group=log_group.ref),
            role=self.role.attr_arn,
        )
        self.name = self.function.ref
        self.arn = self.function.attr_arn
        self.log_group_name = log_group.ref


def lambda_code(scope: Construct) -> s3_assets.Asset:
    """Return the asset with the code of `fairlane_lambda`, one for each stack."""
    stack = cdk.Stack.of(scope)
    if stack not in _code:
        _code[stack] = create_asset(
            scope,
            "Code",
            path=str(lambda_root()),
            exclude=["*", f"!{LAMBDA_PACKAGE}", f"!{LAMBDA_PACKAGE}/**", "**/__pycache__", "*.pyc"],
            ignore_mode=cdk.IgnoreMode.GIT,
        )
    return _code[stack]
