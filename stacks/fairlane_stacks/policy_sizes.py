"""Check of the sizes of IAM policies for people against the quotas of IAM."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk.cx_api import CloudAssembly

from fairlane import ConfigurationError, Problem
from fairlane._internal.iam_statements import MAX_INLINE_POLICY
from fairlane.queues.grant_rules import MAX_MANAGED_POLICY

_PREFIXES: Final = {
    "AWS::Batch::JobQueue": "arn:aws:batch:us-gov-east-1:123456789012:job-queue/",
    "AWS::IAM::Role": f"arn:aws:iam::123456789012:role/{'-' * 64}",
}
"""Starts of ARNs, by type of resource. The name of a role is known only at deployment."""


def check_policy_sizes(assembly: CloudAssembly) -> None:
    """Check managed policies, and all inline policies of the app for each imported role.

    Args:
        assembly: Synthesized app. Inline policies that a role has from elsewhere are unknown.

    Raises:
        ConfigurationError: If policies are too large, with the size of each.
    """
    inline: dict[str, int] = {}
    problems = []
    for path in sorted(Path(assembly.directory).rglob("*.template.json")):
        for is_managed, name, size in _policies(json.loads(path.read_text()).get("Resources", {})):
            if not is_managed:
                inline[name] = inline.get(name, 0) + size
            elif size > MAX_MANAGED_POLICY:
                problems.append(_too_large(f"managed policy {name} has", size, MAX_MANAGED_POLICY))
    problems += [
        _too_large(f"inline policies of role {name} have", size, MAX_INLINE_POLICY)
        for name, size in inline.items()
        if size > MAX_INLINE_POLICY
    ]
    if problems:
        raise ConfigurationError("The synthesized stacks", problems)


def _too_large(policies: str, size: int, most: int) -> Problem:
    sentence = (
        f"the {policies} about {size:,} characters, and IAM accepts {most:,}: "
        "use another role or managed_policy_name for some of the queues"
    )
    return Problem.relation((), sentence)


def _policies(resources: Mapping[str, Any]) -> Iterator[tuple[bool, str, int]]:
    """Yield the policies with names and of roles with names: whether managed, the name, and number of characters."""
    for resource in resources.values():
        properties, kind = resource.get("Properties", {}), resource["Type"]
        names = [properties.get("ManagedPolicyName")] if kind == "AWS::IAM::ManagedPolicy" else []
        names += properties.get("Roles", []) if kind == "AWS::IAM::Policy" else []
        for name in (name for name in names if isinstance(name, str)):
            document = _with_arns(properties["PolicyDocument"], resources)
            yield kind == "AWS::IAM::ManagedPolicy", name, len(json.dumps(document, separators=(",", ":")))


def _with_arns(value: Any, resources: Mapping[str, Any]) -> Any:
    """Return a policy with texts of the length of its references."""
    match value:
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": "AWS::AccountId"}:
            return "123456789012"
        case {"Fn::GetAtt": [str(name), str()]}:
            resource = resources[name]
            return _PREFIXES.get(resource["Type"], "") + str(resource["Properties"].get("JobQueueName", ""))
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(str(_with_arns(part, resources)) for part in parts)
        case dict():
            return {key: _with_arns(item, resources) for key, item in value.items()}
        case list():
            return [_with_arns(item, resources) for item in value]
        case _:
            return value
