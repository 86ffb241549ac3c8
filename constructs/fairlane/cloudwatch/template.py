"""Resources of CloudFormation templates, and their values as text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def template_text(value: Any) -> str:
    """Return a value of a template as text. A reference becomes `${LogicalId}` or `${LogicalId.Attribute}`."""
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
            return separator.join(template_text(part) for part in parts)
        case {"Fn::Sub": str(text)}:
            return text
    return json.dumps(value, sort_keys=True)


def resources(template: Mapping[str, Any], *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the logical ids and the properties of resources. Skip entries that are not resources.

    Args:
        template: Template, with or without `Resources`.
        types: Resource types, for example `AWS::CloudWatch::Alarm`.
    """
    for logical_id, resource in template.get("Resources", {}).items():
        if isinstance(resource, dict) and resource.get("Type") in types:
            properties = resource.get("Properties")
            yield logical_id, properties if isinstance(properties, dict) else {}
