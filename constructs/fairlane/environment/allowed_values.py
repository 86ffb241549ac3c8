"""Texts of the values that keys of an environment file allow, for values of a wrong type."""

import re
from typing import Final

from fairlane._internal.checks import alternatives
from fairlane.environment.scheduling import POLICIES
from fairlane.errors import Path

_ALLOWED: Final = {
    "string_type": "a text, in quotes if it looks like a number or a boolean",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BARE: Final = {
    "int_type": re.compile(r"[-+]?[0-9]+"),
    "float_type": re.compile(r"[-+]?[0-9]+(\.[0-9]+)?"),
    "bool_type": re.compile(r"true|false", re.IGNORECASE),
}
"""By type of an error of pydantic, the texts that are values of the right type without their quotes."""


def allowed_values(kind: str, path: Path, got: object) -> str | None:
    """Return the values that are allowed instead of a value of a wrong type.

    Args:
        kind: Type of the error of pydantic.
        path: Path of the value.
        got: Value.
    """
    key = path[-1] if path else ""
    if key == "account" and kind == "string_type":
        return "an account ID of 12 digits in quotes; without quotes, YAML drops a leading 0"
    if key == "scheduling" and kind in _ALLOWED:
        return f"a mapping with the key policy: {alternatives(POLICIES)}"
    if key == "capacity" and kind == "dict_type":
        return "a mapping of instance types to numbers of instances"
    if kind in _BARE and isinstance(got, str) and _BARE[kind].fullmatch(got):
        return f"{_ALLOWED[kind]}, without quotes"
    return _ALLOWED.get(kind)
