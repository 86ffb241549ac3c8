"""The statistics of CloudWatch, as "CloudWatch statistics definitions" has them."""

import re
from typing import Final

_NUMBER: Final = r"\d+(?:\.\d{1,10})?"
_SIMPLE: Final = re.compile("SampleCount|Sum|Average|Minimum|Maximum|IQM")
_SINGLE: Final = re.compile(f"(p|tm|wm|tc|ts)({_NUMBER})")
_RANGE: Final = re.compile(f"(PR|TM|WM|TC|TS)\\(({_NUMBER})?(%?):({_NUMBER})?(%?)\\)")


def is_statistic(text: str) -> bool:
    """Tells whether CloudWatch has a statistic."""
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
