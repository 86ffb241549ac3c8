"""JSON texts of users, with a limit of nested levels: at about 900, functions that walk a value recursively fail."""

import json
from typing import Any, Final

MAX_LEVELS: Final = 50
"""Most nested levels of objects and lists."""


class NestingError(ValueError):
    """JSON text with too many nested levels."""

    def __init__(self) -> None:
        super().__init__(f"nested more than {MAX_LEVELS} levels deep")


def parse_json(text: str, **options: Any) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        options: Further arguments of `json.loads`.

    Raises:
        NestingError: If the text has too many nested levels.
        ValueError: If the text is not JSON.
    """
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise NestingError from None
    if text.count("{") + text.count("[") > MAX_LEVELS and _is_deeper(value):
        raise NestingError
    return value


def _is_deeper(value: Any) -> bool:
    """Return True if objects and lists of a value have more than the most nested levels."""
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        level = [node for node in level if isinstance(node, dict | list)]
        if not level:
            return False
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    return True
