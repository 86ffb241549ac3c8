"""Kinds of setting values: conversion from text, and the description of allowed values."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """Kind of value: `read` converts a text and raises a ValueError if it is not as `allowed` describes."""

    allowed: str
    read: Callable[[str], object]


def whole(low: int, high: float = math.inf, meaning: str = "") -> Kind:
    """Return the kind of whole numbers in a range, both ends included."""
    upper = " or more" if high == math.inf else f" to {high}"
    return Kind(f"a whole number, {low}{upper}{meaning}", _checked(int, lambda value: low <= value <= high))


def number(allowed: str, right: Callable[[float], bool]) -> Kind:
    """Return the kind of numbers that pass a check."""
    return Kind(allowed, _checked(float, right))


def one_of(*choices: str) -> Kind:
    """Return the kind of texts that are one of the choices."""
    return Kind(f"one of {', '.join(choices)}", lambda text: choices[choices.index(text)])


def name(meaning: str) -> Kind:
    """Return the kind of texts, without a check."""
    return Kind(meaning, str)


def place(meaning: str) -> Kind:
    """Return the kind of paths."""
    return Kind(f"a path{meaning}", Path)


def _checked(read: Callable[[str], float], right: Callable[[float], bool]) -> Callable[[str], object]:
    def checked(text: str) -> float:
        value = read(text)
        if not right(value):
            raise ValueError(text)
        return value

    return checked
