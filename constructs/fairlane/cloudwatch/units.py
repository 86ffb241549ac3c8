"""Units of metrics: bodies do not name them, and CloudWatch knows them from the samples."""

from typing import Final

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.cloudwatch.samples import MetricKey

_WORDS: Final = (
    ("Duration", "Milliseconds"),
    ("Utilization", "Percent"),
    ("Percent", "Percent"),
    ("Age", "Seconds"),
    ("Seconds", "Seconds"),
    ("Bytes", "Bytes"),
)
_SUFFIXES: Final = {"Percent": " %", "Seconds": " s", "Milliseconds": " ms", "Bytes": " B"}


def unit_of(metric: MetricKey) -> str:
    """The unit, as CloudWatch spells it; empty where there is none."""
    if not metric.namespace.startswith(("AWS/", "/aws/")) and metric.name in metrics_catalog()["metrics"]:
        unit = str(metrics_catalog()["metrics"][metric.name]["unit"])
        return "" if unit == "None" else unit
    known = (unit for word, unit in _WORDS if word in metric.name)
    return next(known, "Count" if metric.namespace.startswith("AWS/") else "")


def suffix(unit: str) -> str:
    """What stands behind a number."""
    return _SUFFIXES.get(unit, "")
