"""Acknowledgments of cdk-nag's findings about wildcards in policies."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

from fairlane._internal.aws import PARTITION
from fairlane._internal.tokens import is_token

_CHANGED_BY_CDK: Final = re.compile(r"[ \[\](){}]")
"""Characters of S3 prefixes in whose ids `acknowledge` of the CDK replaces spaces, and refuses single brackets."""


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge wildcards in the policies of a construct and of its descendants.

    Args:
        scope: Construct with the policies.
        reasons: For each resource with a wildcard in a statement, the reason for the wildcard.
    """
    resources = [resource.replace(PARTITION, "<AWS::Partition>") for resource in reasons]
    resolved = Stack.of(scope).resolve(resources) if any(map(is_token, resources)) else resources
    for resource, reason in zip(resolved, reasons.values(), strict=True):
        rule = f"AwsSolutions-IAM5[Resource::{flat(resource)}]"
        if _CHANGED_BY_CDK.search(flat(resource)):
            scope.node.add_metadata(Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {f"Annotation::{rule}": reason})
        else:
            Validations.of(scope).acknowledge(Acknowledgment(id=rule, reason=reason))


def flat(value: Any) -> str:
    """Return an ARN as in the ids of cdk-nag's findings (`flattenCfnReference`): references in angle brackets."""
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(map(flat, parts))
        case {"Fn::GetAtt": [str(logical_id), str(attribute)]}:
            return f"<{logical_id}.{attribute}>"
        case {"Ref": str(logical_id)}:
            return f"<{logical_id}>"
        case {"Fn::ImportValue": inner} | {"Fn::Sub": inner}:
            return flat(inner)
        case str():
            return value.replace("${", "<").replace("}", ">")
        case _:
            return json.dumps(value, separators=(",", ":"))
