"""Units of metrics. Dashboard bodies do not contain units; CloudWatch reads them from the samples."""

from typing import Final

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.cloudwatch.samples import MetricKey

_UNITS_BY_WORD: Final = (
    ("Duration", "Milliseconds"),
    ("Utilization", "Percent"),
    ("Percent", "Percent"),
    ("Age", "Seconds"),
    ("Seconds", "Seconds"),
    ("Bytes", "Bytes"),
)
_SUFFIXES: Final = {"Percent": " %", "Seconds": " s", "Milliseconds": " ms", "Bytes": " B"}


def metric_unit(metric: MetricKey) -> str:
    """Return the unit of a metric in the spelling of CloudWatch. Empty for a metric without a unit."""
    if not metric.namespace.startswith(("AWS/", "/aws/")) and metric.name in metrics_catalog()["metrics"]:
        unit = str(metrics_catalog()["metrics"][metric.name]["unit"])
        return "" if unit == "None" else unit
    units = (unit for word, unit in _UNITS_BY_WORD if word in metric.name)
    return next(units, "Count" if metric.namespace.startswith("AWS/") else "")


def unit_suffix(unit: str) -> str:
    """Return the text after a number of a unit, for example ` ms`."""
    return _SUFFIXES.get(unit, "")
