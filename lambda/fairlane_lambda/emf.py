"""Metric values, printed in CloudWatch's embedded metric format."""

import json
import os
from collections.abc import Iterator

from fairlane_lambda.output import OUTPUT

_FOLDER = os.path.dirname(__file__)  # pathlib would add a millisecond to a cold start
_MOST_VALUES = 100
_WHOLE_FROM = 10
_LONGEST_DIMENSION = 1024
_LARGEST = 2.0**350  # CloudWatch refuses values over 2**360, which is more than a thousand times as much
_MINUTE = 60_000
_OLDEST = 14 * 24 * 60 * _MINUTE
_AHEAD = 120 * _MINUTE

_Dimensions = tuple[tuple[str, str], ...]

with open(os.path.join(_FOLDER, "metrics.json"), encoding="utf-8") as _file:
    _CATALOG = json.load(_file)

NAMESPACE: str = os.environ.get("FAIRLANE_NAMESPACE", _CATALOG["namespace"])
METRICS: dict[str, dict[str, str]] = _CATALOG["metrics"]
"""Metrics by name, from `metrics.json`, the only source of names, units and dimensions."""

REASONS: dict[str, list[str]] = _CATALOG["reasons"]
"""Values of the dimension Reason, by metric."""


def is_value(value: float) -> bool:
    """Return True if CloudWatch accepts a value, also as a part of the sum of a batch. It refuses NaN and infinity."""
    return 0 <= value <= _LARGEST


def is_dimension(value: object) -> bool:
    """Return True if CloudWatch accepts a value of a dimension: 1 to 1,024 printable ASCII characters."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_DIMENSION
        and value.isascii()
        and value.isprintable()
        and not value.isspace()
        and value[0] != ":"
    )


class Metrics:
    """Metric values, collected until they are written.

    Values of metrics with the statistic Sum are added up. Of all other metrics every value is kept, so that CloudWatch
    can compute percentiles.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int | None, _Dimensions], dict[str, list[float]]] = {}

    def add(
        self,
        name: str,
        value: float,
        *,
        queue: str | None = None,
        share: str | None = None,
        reason: str | None = None,
        fan_out: str | None = None,
        region: str | None = None,
        time: int | None = None,
    ) -> None:
        """Add a value.

        Args:
            name: Name of a metric in `metrics.json`.
            value: Value in the unit of the metric.
            queue: Name of the job queue, for metrics with the dimension JobQueueName.
            share: Name of the share, for metrics with the dimension Share.
            reason: Reason, for metrics with the dimension Reason.
            fan_out: Name of the fan-out, for metrics with the dimension FanOut.
            region: Region of jobs, for metrics with the dimension Region.
            time: Time of the value in milliseconds since 1970, rounded down to the minute. Default: time of writing.
        """
        given = {"JobQueueName": queue, "Share": share, "Reason": reason, "FanOut": fan_out, "Region": region}
        dimensions = tuple((dimension, text) for dimension, text in given.items() if text is not None)
        minute = None if time is None else time - time % _MINUTE
        values = self._lines.setdefault((minute, dimensions), {}).setdefault(name, [])
        if values and METRICS[name]["statistic"] == "Sum":
            values[0] += value
        else:
            values.append(value)

    def write(self, now_ms: int) -> None:
        """Print the collected values at once, one JSON object per line, and remove them.

        Args:
            now_ms: Time of writing in milliseconds since 1970. Replaces times that CloudWatch refuses: over 14 days in
                the past, or over two hours in the future. Also replaces times of the minute before, so that the values
                of a batch from two minutes share their lines.

        Raises:
            OSError: If the values were not printed. If a part was printed, `OUTPUT.rest` has the other part.
        """
        lines, self._lines = self._lines, {}
        merged: dict[tuple[int, _Dimensions], dict[str, list[float]]] = {}
        now = now_ms - now_ms % _MINUTE
        for (time, dimensions), metrics in lines.items():
            usable = time is not None and now_ms - _OLDEST < time < now_ms + _AHEAD
            timestamp = time if time is not None and usable and not 0 <= now - time <= _MINUTE else now
            line = merged.setdefault((timestamp, dimensions), {})
            for name, values in metrics.items():
                merged_values = line.setdefault(name, [])
                if merged_values and METRICS[name]["statistic"] == "Sum":
                    merged_values[0] += values[0]
                else:
                    merged_values += values
        text = "".join(
            line
            for (timestamp, dimensions), metrics in merged.items()
            for line in _lines(timestamp, dict(dimensions), metrics)
        )
        if text:
            OUTPUT.print(text)


def _lines(timestamp: int, dimensions: dict[str, str], metrics: dict[str, list[float]]) -> Iterator[str]:
    while metrics:
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": METRICS[name]["unit"]} for name in metrics],
        }
        printed = {name: _rounded(name, values[:_MOST_VALUES]) for name, values in metrics.items()}
        line = {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, **dimensions, **printed}
        yield json.dumps(line, separators=(",", ":")) + "\n"
        metrics = {name: values[_MOST_VALUES:] for name, values in metrics.items() if len(values) > _MOST_VALUES}


def _rounded(name: str, values: list[float]) -> object:
    """Return rounded values: durations of ten seconds and more in whole seconds, because AWS bills logs by size."""
    whole = METRICS[name]["unit"] == "Seconds" and METRICS[name]["statistic"] != "Sum"
    numbers = [
        round(value) if (whole and value >= _WHOLE_FROM) or value == int(value) else round(value, 3) for value in values
    ]
    return numbers[0] if len(numbers) == 1 else numbers
