"""Roles of a template as plain data, for the evaluator of IAM policies."""

from typing import Any

from aws_cdk import Stack

from tests.support import template_of


def roles_of(stack: Stack, kind: str) -> list[dict[str, Any]]:
    """Return the properties of the roles whose logical id contains `kind`, with joined texts.

    Attributes of other resources read `<logical id>`.
    """
    return [
        _plain(entry["Properties"])
        for name, entry in template_of(stack)["Resources"].items()
        if entry["Type"] == "AWS::IAM::Role" and kind in name
    ]


def statements_of(role: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of the inline policies of a role."""
    return [statement for policy in role.get("Policies", ()) for statement in policy["PolicyDocument"]["Statement"]]


def _plain(value: Any) -> Any:
    match value:
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return f"<{name}>"
        case {"Fn::Select": [_, {"Fn::Split": [_, inner]}]}:
            return _plain(inner)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(_plain, parts))
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
