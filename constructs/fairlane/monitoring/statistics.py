"""Statistics and percentiles of CloudWatch. Imports no aws_cdk.

Source: "CloudWatch statistics definitions" in the CloudWatch documentation.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane.errors import Problem

PERCENTILE_DECIMALS: Final = 10
"""Decimals that CloudWatch accepts."""

_MAX_PERCENT: Final = 100
_NUMBER: Final = rf"\d+(?:\.\d{{1,{PERCENTILE_DECIMALS}}})?"
_SIMPLE: Final = re.compile("SampleCount|Sum|Average|Minimum|Maximum|IQM")
_SINGLE: Final = re.compile(f"(p|tm|wm|tc|ts)({_NUMBER})")
_RANGE: Final = re.compile(f"(PR|TM|WM|TC|TS)\\(({_NUMBER})?(%?):({_NUMBER})?(%?)\\)")


def is_statistic(text: str) -> bool:
    """Return True if `text` is a statistic of CloudWatch."""
    if single := _SINGLE.fullmatch(text):
        return 0 < float(single[2]) <= 100
    if not (bounds := _RANGE.fullmatch(text)):
        return _SIMPLE.fullmatch(text) is not None
    kind, low, low_percent, high, high_percent = bounds.groups()
    percents = {percent for bound, percent in ((low, low_percent), (high, high_percent)) if bound is not None}
    if len(percents) != 1 or (low is None and low_percent) or (high is None and high_percent):
        return False
    percent = percents == {"%"}
    if percent and (kind == "PR" or max(float(low or 0), float(high or 0)) > 100):
        return False
    return low is None or high is None or float(low) < float(high)


def percentile_text(percentile: float) -> str:
    """Return a percentile as a statistic of CloudWatch, for example `p99.9`."""
    return "p" + f"{percentile:.{PERCENTILE_DECIMALS}f}".rstrip("0").rstrip(".")


def check_percentiles(percentiles: object) -> Iterator[Problem]:
    """Yield the problems of a list of percentiles, which must be distinct and in range."""
    field = ("percentiles",)
    if isinstance(percentiles, str) or not isinstance(percentiles, Sequence):
        yield Problem(field, percentiles, "a list of percentiles")
        return
    if not percentiles:
        yield Problem.relation(field, "the list is empty: give one percentile or more")
    for index, percentile in enumerate(percentiles):
        is_number = isinstance(percentile, int | float) and not isinstance(percentile, bool)
        in_range = is_number and 0 < percentile <= _MAX_PERCENT
        if not in_range or float(percentile_text(percentile)[1:]) != percentile:
            allowed = f"a percentile: a number above 0, up to 100, with at most {PERCENTILE_DECIMALS} decimals"
            yield Problem((*field, index), percentile, allowed)
        elif percentile in percentiles[:index]:
            yield Problem.relation((*field, index), f"percentile {percentile} is given twice: remove one")
