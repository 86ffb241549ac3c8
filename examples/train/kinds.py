"""What kinds of values a setting can have: how to read one from text, and what to say of one that is not right."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """A kind of value: `read` raises a ValueError unless the text is what `allowed` says."""

    allowed: str
    read: Callable[[str], object]


def whole(low: int, high: float = math.inf, meaning: str = "") -> Kind:
    """A whole number; both ends are allowed."""
    upper = " or more" if high == math.inf else f" to {high}"
    return Kind(f"a whole number, {low}{upper}{meaning}", _checked(int, lambda value: low <= value <= high))


def number(allowed: str, right: Callable[[float], bool]) -> Kind:
    """A number, whole or not."""
    return Kind(allowed, _checked(float, right))


def one_of(*choices: str) -> Kind:
    """One of these words."""
    return Kind(f"one of {', '.join(choices)}", lambda text: choices[choices.index(text)])


def name(meaning: str) -> Kind:
    """Any text."""
    return Kind(meaning, str)


def place(meaning: str) -> Kind:
    """A path."""
    return Kind(f"a path{meaning}", Path)


def _checked(read: Callable[[str], float], right: Callable[[float], bool]) -> Callable[[str], object]:
    def checked(text: str) -> float:
        value = read(text)
        if not right(value):
            raise ValueError(text)
        return value

    return checked
