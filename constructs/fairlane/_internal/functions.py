"""What the Lambda functions of Fairlane have in common: their code, their roles and their logs."""

from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.lambda_package import LAMBDA_PACKAGE, lambda_root
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role

_A_MONTH: Final = 30

_code: "WeakKeyDictionary[cdk.Stack, s3_assets.Asset]" = WeakKeyDictionary()


class Function(Construct):
    """A function of `fairlane_lambda`, with a role and a log group of its own.

    Logs are kept for a month. Embedded metrics are read from log groups of the standard class only.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        code: of all functions.
        handler: the package of its handler, inside `fairlane_lambda`.
        timeout_seconds: of an invocation.
        environment: variables.
        statements: what it may do, besides writing its logs.
        wildcards: for each resource of a statement with a wildcard, why it is no more than is needed.
        entry: which of the functions in there, if there are several.

    Attributes:
        function: the underlying resource.
        name: its name.
        arn: its ARN.
        log_group_name: where it logs.
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
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.CfnLogGroup(self, "Logs", retention_in_days=_A_MONTH, log_group_class="STANDARD")
        log_group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.attr_arn])
        role = service_role(self, "Role", "lambda.amazonaws.com", [write, *statements])
        acknowledge_wildcards(role, wildcards)
        function = lambda_.CfnFunction
        self.function = function(
            self,
            "Resource",
            code=function.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
            handler=f"{LAMBDA_PACKAGE}.{handler}.handler.{entry}",
            runtime="python3.14",
            architectures=["arm64"],
            memory_size=256,
            timeout=timeout_seconds,
            environment=function.EnvironmentProperty(variables=dict(environment)),
            logging_config=function.LoggingConfigProperty(log_group=log_group.ref),
            role=role.attr_arn,
        )
        self.name = self.function.ref
        self.arn = self.function.attr_arn
        self.log_group_name = log_group.ref


def code_of_functions(scope: Construct) -> s3_assets.Asset:
    """The one asset that all functions of a stack have: the package, and nothing that stands beside it."""
    stack = cdk.Stack.of(scope)
    if stack not in _code:
        _code[stack] = s3_assets.Asset(
            scope,
            "Code",
            path=str(lambda_root()),
            exclude=["*", f"!{LAMBDA_PACKAGE}", f"!{LAMBDA_PACKAGE}/**", "**/__pycache__", "*.pyc"],
            ignore_mode=cdk.IgnoreMode.GIT,
        )
    return _code[stack]
