"""NumPy, which the results of rehearsals need, and columns of whole numbers as arrays."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

try:
    import numpy as np
except ModuleNotFoundError as error:
    sentence = 'the results of rehearsals need NumPy: run pip install "fairlane[report]"'
    raise ModuleNotFoundError(sentence, name="numpy") from error

__all__ = ["Integers", "fits", "multiply", "np", "shrink", "sum_by", "to_array", "to_small"]

Integers: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""Whole numbers: 64-bit integers, or Python numbers where the results do not fit into them."""

_LARGEST: Final = 2**62
_SMALL: Final = 2**30


def to_array(column: Sequence[Any]) -> Integers:
    """Return a column as an array of 64-bit integers. It has the memory of the column if that has such integers."""
    return np.asarray(column, np.int64)


def to_small(column: Sequence[Any]) -> Integers:
    """Return a column of small numbers as an array, with the memory and the size of the numbers of the column."""
    return np.asarray(column)


def shrink(numbers: Integers) -> Integers:
    """Return numbers as integers of 32 bits, if they and their differences fit."""
    small = len(numbers) and max(abs(int(numbers.min())), abs(int(numbers.max()))) < _SMALL
    return numbers.astype(np.int32) if small else numbers


def fits(number: int) -> bool:
    """Return True if a sum of this size fits into 64-bit integers."""
    return abs(number) < _LARGEST


def multiply(first: Integers, second: Integers) -> Integers:
    """Return the products, with Python numbers where their sum may not fit into 64-bit integers."""
    if len(first) and not fits(int(np.abs(first).max()) * int(np.abs(second).max()) * len(first)):
        first, second = first.astype(object), second.astype(object)
    return first * second


def sum_by(keys: Integers, amounts: Integers, number: int) -> list[int]:
    """Return the sum of the amounts of each key, 0 to `number` - 1."""
    sums = np.zeros(number, amounts.dtype)
    np.add.at(sums, keys, amounts)
    found: list[int] = sums.tolist()
    return found
