"""Encryption of log groups with a KMS key."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.interfaces.aws_kms import IKeyRef
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.key_rules import check_log_key
from fairlane.errors import Problem

AnyKey: TypeAlias = IKeyRef | str

_ACTIONS: Final = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]

_log_groups: "WeakKeyDictionary[kms.Key, set[str]]" = WeakKeyDictionary()


def log_key_problems(scope: Construct, key: Any) -> Iterator[Problem]:
    """Yield the problems of the KMS key of log groups in the stack of `scope`."""
    if hasattr(key, "alias_name"):
        yield Problem.relation(("log_encryption_key",), "the key is an alias: use the key itself")
    elif key is not None:
        home = Claims.regional(scope)
        yield from check_log_key(("log_encryption_key",), key_arn_of(key), home.region, home.account)


def log_key_arn(scope: Construct, key: AnyKey | None) -> str | None:
    """Return the ARN of the KMS key of log groups in the stack of `scope`.

    The policy of a key that the app creates with `aws_kms.Key` then allows CloudWatch Logs to use the key for log
    groups of the account and Region. The CDK cannot change the policies of other keys.
    """
    if isinstance(key, kms.Key):
        home = Claims.regional(scope)
        log_groups = f"{ARN}:logs:{home.region}:{home.account}:log-group:*"
        if log_groups not in _log_groups.setdefault(key, set()):
            _log_groups[key].add(log_groups)
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=_ACTIONS,
                    resources=["*"],
                    principals=[iam.ServicePrincipal(f"logs.{home.region}.{cdk.Aws.URL_SUFFIX}")],
                    conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
                )
            )
    return None if key is None else str(key_arn_of(key))


def with_log_key(log_group: logs.LogGroup, key_arn: str | None) -> logs.LogGroup:
    """Encrypt a log group with a KMS key, and return the log group."""
    resource = log_group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)
    resource.kms_key_id = key_arn
    return log_group


def key_arn_of(key: Any) -> Any:
    """Return the ARN of a key. Other values stay as they are, for the checks."""
    return key.key_ref.key_arn if hasattr(key, "key_ref") else key
