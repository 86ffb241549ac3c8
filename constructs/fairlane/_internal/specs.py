"""Values of a dataclass's fields, read from another object."""

from dataclasses import fields
from typing import Any


def field_values(spec: type, settings: object) -> dict[str, Any]:
    """Return the attributes of `settings` that are named like the fields of a dataclass."""
    return {field.name: getattr(settings, field.name) for field in fields(spec)}
