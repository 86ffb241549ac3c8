"""Functions of a fan-out with their roles."""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Any, Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal.assets import create_asset
from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import MAX_INLINE_POLICY, policy_size
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role
from fairlane.errors import ConfigurationError, Problem
from fairlane.fan_out.fan_out_permissions import FanOutPermissions, Permission, wildcards

OUTCOMES_TIMEOUT_SECONDS: Final = 120
_REST_OF_POLICY: Final = 400
"""Characters of the statement for logs."""
_SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plan": {"timeout_seconds": 900, "memory_mb": 1_769, "storage_mb": 10_240},
    "submit": {"timeout_seconds": 900, "memory_mb": 512},
    "outcomes": {"timeout_seconds": OUTCOMES_TIMEOUT_SECONDS},
    "reconcile": {"timeout_seconds": 900, "memory_mb": 1_769},
    "capacity": {"timeout_seconds": 300, "memory_mb": 512},
}


def create_configuration(scope: Construct, configuration: Mapping[str, Any]) -> s3_assets.Asset:
    """Return the asset with the configuration, `fan-out.json`."""
    with TemporaryDirectory() as folder:
        path = FilePath(folder) / "fan-out.json"
        path.write_text(json.dumps(configuration, indent=2) + "\n")
        return create_asset(scope, "Configuration", path=str(path))


def create_functions(
    scope: Construct,
    permissions: Mapping[str, list[Permission]],
    environment: Mapping[str, str],
    log_key: str | None,
) -> dict[str, Function]:
    """Create the functions and return them by name.

    Args:
        scope: Fan-out.
        permissions: Permissions of each function by its name.
        environment: Environment variables of all functions.
        log_key: ARN of the KMS key of the log groups. None for a key of CloudWatch Logs.
    """
    parent, code = Construct(scope, "Functions"), lambda_code(scope)
    return {
        name: Function(
            parent,
            name.capitalize(),
            code=code,
            handler=f"fan_out.{name}",
            environment=environment,
            statements=[permission.statement for permission in granted],
            wildcards=wildcards(granted),
            log_key=log_key,
            **_SETTINGS[name],
        )
        for name, granted in permissions.items()
    }


def function_permissions(permissions: FanOutPermissions, path: str) -> dict[str, list[Permission]]:
    """Return the permissions of each function by its name.

    Args:
        permissions: Permissions of the fan-out.
        path: Path of the fan-out.

    Raises:
        ConfigurationError: If the policy of a function would be longer than IAM allows.
    """
    by_function = {name: list(getattr(permissions, name)()) for name in _SETTINGS}
    for granted in by_function.values():
        size = policy_size(permission.statement for permission in granted)
        if size > MAX_INLINE_POLICY - _REST_OF_POLICY:
            sentence = (
                f"the names take {size:,} characters in the policy of a role, and at most "
                f"{MAX_INLINE_POLICY - _REST_OF_POLICY:,} fit: use fewer or shorter names"
            )
            raise ConfigurationError(path, [Problem.relation((permissions.spec.longest_setting(),), sentence)])
    return by_function


def create_copy_role(scope: Construct, permissions: FanOutPermissions) -> iam.CfnRole:
    """Create the role with which S3 Batch Operations copies data between named prefixes."""
    granted = permissions.copy()
    statements = [permission.statement for permission in granted]
    role = service_role(scope, "CopyRole", "batchoperations.s3.amazonaws.com", statements)
    acknowledge_wildcards(role, wildcards(granted))
    return role
