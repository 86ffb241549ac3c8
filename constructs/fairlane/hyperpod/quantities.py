"""Kubernetes resource quantities, for example 1536, 500m and 16384Gi, as exact numbers. Imports no aws_cdk."""

import re
from fractions import Fraction
from typing import Final

_BINARY: Final = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL: Final = {
    **{letter: Fraction(1000) ** power for power, letter in zip((-3, -2, -1), "num", strict=True)},
    **{letter: Fraction(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
}
_FACTORS: Final = {"": Fraction(1), **_BINARY, **_DECIMAL}
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:(?P<suffix>[KMGTPE]i|[numkMGTPE]?)|[eE](?P<power>[+-]?[0-9]{1,3}))"
)


def parse_quantity(quantity: object) -> Fraction:
    """Return a quantity as an exact number.

    Args:
        quantity: Text such as 16384Gi, 500m or 1e3, or a number.

    Raises:
        ValueError: The text is no quantity.
    """
    if isinstance(quantity, str) and (found := _QUANTITY.fullmatch(quantity)):
        factor = Fraction(10) ** int(found["power"]) if found["power"] else _FACTORS[found["suffix"] or ""]
        return Fraction(found["number"]) * factor
    if isinstance(quantity, int | float) and not isinstance(quantity, bool):
        return parse_quantity(repr(quantity))
    raise ValueError(f"{quantity!r} is no quantity: use a number with a suffix such as m, k, M, G, Ki, Mi or Gi")


def format_quantity(amount: Fraction | int, *, binary: bool = False) -> str:
    """Return the canonical text of an amount: the largest suffix with which the number is whole.

    Args:
        amount: Amount, rounded up to a billionth, the finest that Kubernetes stores.
        binary: True for suffixes such as Ki and Gi. An amount that is not whole gets a decimal suffix.
    """
    nanos = -((-amount * 10**9) // 1)
    exact = Fraction(nanos, 10**9)
    factors = _BINARY if binary and exact.denominator == 1 else _DECIMAL
    for suffix, factor in sorted({**factors, "": Fraction(1)}.items(), key=lambda item: -item[1]):
        number = exact / factor
        if number.denominator == 1 and (number or not suffix):
            return f"{number.numerator}{suffix}"
    raise AssertionError("each amount is a whole number of billionths")
