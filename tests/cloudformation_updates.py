"""Update behavior of CloudFormation resources, read from the lists of properties in the resource schemas."""

from collections.abc import Iterator
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER


def update_of(resource_type: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return `none`, `in place` or `replacement`; conditional properties behave as AWS Batch documents them."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    changed = list(_changed(before, after))
    if _among(changed, schema.get("createOnlyProperties", [])):
        return "replacement"
    if _among(changed, schema.get("conditionalCreateOnlyProperties", [])) and after.get(
        "ReplaceComputeEnvironment", True
    ):
        return "replacement"
    return "in place" if changed else "none"


def _changed(before: Any, after: Any, path: str = "/properties") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from _changed(before.get(key), after.get(key), f"{path}/{key}")
    elif before != after:
        yield path


def _among(changed: list[str], listed: list[str]) -> bool:
    return any(
        path == entry or path.startswith(f"{entry}/") or entry.startswith(f"{path}/")
        for path in changed
        for entry in listed
    )
