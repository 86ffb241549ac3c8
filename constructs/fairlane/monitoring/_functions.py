"""What the Lambda functions of Fairlane have in common: their code, their roles and their logs."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._nag import acknowledge_wildcards
from fairlane._training_permissions import Statement, allow

_PACKAGE: Final = "fairlane_lambda"


class Function(lambda_.Function):
    """A function of `fairlane_lambda`, with a role and a log group of its own.

    Logs are kept for a month. Embedded metrics are read from log groups of the standard class only.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        handler: the module of its handler, inside `fairlane_lambda`.
        timeout: of an invocation.
        environment: variables.
        statements: what it may do, besides writing its logs.
        wildcards: for each resource of a statement with a wildcard, why it is no more than is needed.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        handler: str,
        timeout: cdk.Duration,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        wildcards: Mapping[str, str],
    ) -> None:
        log_group = logs.LogGroup(
            scope,
            f"{construct_id}Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            log_group_class=logs.LogGroupClass.STANDARD,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Function": iam.PolicyDocument.from_json({"Statement": [write, *statements]})},
        )
        acknowledge_wildcards(role, {log_group.log_group_arn: "its own log streams", **wildcards})
        super().__init__(
            scope,
            construct_id,
            code=_code(),
            handler=f"{_PACKAGE}.{handler}.handler.handler",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=timeout,
            environment=dict(environment),
            log_group=log_group,
            role=role,
        )
        self.logs = log_group
        resource = self.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.add_deletion_override("DependsOn")  # of the role, which it refers to anyway


@cache
def metrics_catalog() -> dict[str, Any]:
    """What `metrics.json` says of every metric, the one source of names, units and dimensions."""
    catalog: dict[str, Any] = json.loads((_root() / _PACKAGE / "metrics.json").read_text())
    return catalog


def _code() -> lambda_.Code:
    only = ["*", f"!{_PACKAGE}", f"!{_PACKAGE}/**", "**/__pycache__", "*.pyc"]
    return lambda_.Code.from_asset(str(_root()), exclude=only, ignore_mode=cdk.IgnoreMode.GIT)


def _root() -> Path:
    """The folder that has the package, which is never imported: it belongs into Lambda."""
    spec = find_spec(_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]
