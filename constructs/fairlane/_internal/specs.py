"""Values of a dataclass's fields, from an object that has more of them."""

from dataclasses import fields
from typing import Any


def values_of(spec: type, settings: object) -> dict[str, Any]:
    """Return the values that `settings` has for the fields of a dataclass."""
    return {field.name: getattr(settings, field.name) for field in fields(spec)}
