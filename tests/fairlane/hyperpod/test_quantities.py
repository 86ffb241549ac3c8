"""Kubernetes quantities against an independent model: decimal arithmetic of the text."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod.quantities import format_quantity, parse_quantity

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
POWERS_OF_TWO = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
POWERS_OF_TEN = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

numbers = st.from_regex(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})", fullmatch=True)


@given(numbers, st.sampled_from([*POWERS_OF_TWO, *POWERS_OF_TEN]))
def test_suffixes(number: str, suffix: str) -> None:
    with localcontext() as context:
        context.prec = 200
        power = Decimal(2) ** POWERS_OF_TWO[suffix] if suffix in POWERS_OF_TWO else Decimal(10) ** POWERS_OF_TEN[suffix]
        assert parse_quantity(number + suffix) == Fraction(Decimal(number) * power)


@given(numbers, st.integers(-99, 99), st.sampled_from("eE"))
def test_exponents(number: str, power: int, letter: str) -> None:
    assert parse_quantity(f"{number}{letter}{power}") == Fraction(Decimal(number).scaleb(power))


@given(st.integers(-(2**63), 2**63) | st.floats(-1e18, 1e18))
def test_numbers_of_json(number: float) -> None:
    assert parse_quantity(number) == Fraction(repr(number))


@pytest.mark.parametrize(
    "text",
    ["", "1x", "1 Gi", "1ki", "1K", "Gi", "1e", "1.2.3", "--1", "0x10", "1_000", "\uff11", "NaN", "1Gib", "1\n", "mig"],
)
def test_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)


@pytest.mark.parametrize("value", [None, True, [], float("inf"), float("nan")])
def test_other_values(value: object) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(value)


@given(st.integers(-(10**30), 10**30), st.booleans())
def test_texts_read_back(nanos: int, binary: bool) -> None:
    amount = Fraction(nanos, 10**9)
    assert parse_quantity(format_quantity(amount, binary=binary)) == amount


@pytest.mark.parametrize(
    ("amount", "binary", "text"),
    [
        (0, False, "0"),
        (1536, False, "1536"),
        (64_000, False, "64k"),
        (Fraction(3, 2), False, "1500m"),
        (16_384 * 2**30, True, "16Ti"),
        (16_385 * 2**30, True, "16385Gi"),
        (1000, True, "1000"),
        (Fraction(1, 10**10), False, "1n"),
    ],
)
def test_canonical_texts(amount: Fraction, binary: bool, text: str) -> None:
    assert format_quantity(amount, binary=binary) == text
