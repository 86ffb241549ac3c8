"""Units of metrics: bodies do not name them, and CloudWatch knows them from the samples."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fairlane.preview._samples import MetricKey

_WORDS: Final = (
    ("Duration", "Milliseconds"),
    ("Utilization", "Percent"),
    ("Percent", "Percent"),
    ("Age", "Seconds"),
    ("Seconds", "Seconds"),
    ("Bytes", "Bytes"),
)
_SUFFIXES: Final = {"Percent": " %", "Seconds": " s", "Milliseconds": " ms", "Bytes": " B"}


@cache
def catalog() -> dict[str, Any]:
    """What `metrics.json` says of the metrics of Fairlane."""
    spec = find_spec("fairlane_lambda")
    assert spec is not None
    assert spec.origin is not None
    found: dict[str, Any] = json.loads(Path(spec.origin).with_name("metrics.json").read_text())
    return found


def unit_of(metric: MetricKey) -> str:
    """The unit, as CloudWatch spells it; empty where there is none."""
    if not metric.namespace.startswith(("AWS/", "/aws/")) and metric.name in catalog()["metrics"]:
        unit = str(catalog()["metrics"][metric.name]["unit"])
        return "" if unit == "None" else unit
    known = (unit for word, unit in _WORDS if word in metric.name)
    return next(known, "Count" if metric.namespace.startswith("AWS/") else "")


def suffix(unit: str) -> str:
    """What stands behind a number."""
    return _SUFFIXES.get(unit, "")
