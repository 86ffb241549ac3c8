"""What stands in CloudFormation templates: their resources, and values as text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def plain(value: Any) -> str:
    """A value of a template as text, in which a reference is `${LogicalId}` or `${LogicalId.Attribute}`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)} if len(value) == 1:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(plain(part) for part in parts)
        case {"Fn::Sub": str(text)}:
            return text
    return json.dumps(value, sort_keys=True)


def resources(template: Mapping[str, Any], *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The resources of some types, each with its logical id and its properties; what is no resource is left out.

    Args:
        template: the template; it may have no resources.
        types: such as `AWS::CloudWatch::Alarm`.
    """
    for logical_id, resource in template.get("Resources", {}).items():
        if isinstance(resource, dict) and resource.get("Type") in types:
            properties = resource.get("Properties")
            yield logical_id, properties if isinstance(properties, dict) else {}
