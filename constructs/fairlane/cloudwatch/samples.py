"""Samples of metrics, and what CloudWatch makes of them over a window."""

import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_END_OF_TIME: Final = 4_102_444_800_000  # the year 2100 in ms: what is later was not in ms
_LARGEST: Final = 2**360  # what CloudWatch takes

KEPT: Final = 455 * 86_400
"""How long CloudWatch keeps metrics, in seconds."""

Series = dict[int, float]
"""Values by the start of their period, in seconds since 1970; a missing point is not in it."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series among others."""

    label: str
    points: Series


class MetricKey(NamedTuple):
    """Which metric: CloudWatch aggregates nothing over dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Self:
        """The key, whatever the order of the dimensions."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(slots=True)
class _Metric:
    """The samples of one metric: times, arrivals and values in step, by time."""

    times: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    latest: int = 0
    sorted: bool = True
    known: dict[tuple[str, int, int], float | None] = field(default_factory=dict)

    def add(self, time: int, arrival: int, values: Sequence[float]) -> None:
        if self.times and time < self.times[-1]:
            self.sorted = False
        self.times += [time] * len(values)
        self.arrivals += [arrival] * len(values)
        self.values += values
        self.latest = max(self.latest, arrival - time)
        self.known.clear()

    def window(self, start: int, end: int, seen_at: int | None) -> list[float]:
        if not self.sorted:
            rows = sorted(zip(self.times, self.arrivals, self.values, strict=True))
            self.times, self.arrivals, self.values = (list(column) for column in zip(*rows, strict=True))
            self.sorted = True
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        if seen_at is None or end - 1 + self.latest <= seen_at:
            return self.values[first:last]
        return [self.values[at] for at in range(first, last) if self.arrivals[at] <= seen_at]


class Samples:
    """Samples of metrics, as they were published.

    Units are not looked at: a metric has one. A percentile lies between the two nearest samples, in proportion; AWS
    documents no estimator, so a threshold that is met by a hair may be missed by CloudWatch, and the reverse.

    Attributes:
        newest: Timestamp of the newest sample, in seconds since 1970; 0 without samples.
    """

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, _Metric] = {}
        self.newest = 0

    def add(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        time_seconds: int,
        values: Sequence[float],
        *,
        arrival: int | None = None,
    ) -> None:
        """Adds samples of a metric.

        Args:
            namespace: the metric's namespace.
            name: its name.
            dimensions: its dimensions, by name.
            time_seconds: the timestamp of the samples.
            values: one or more samples.
            arrival: when they could first be read; by default at their timestamp.
        """
        self.newest = max(self.newest, time_seconds)
        metric = self._metrics.setdefault(MetricKey.of(namespace, name, dimensions), _Metric())
        metric.add(time_seconds, time_seconds if arrival is None else arrival, values)

    def add_emf(self, lines: Iterable[str], *, arrival: int | None = None) -> None:
        """Adds what log lines in the embedded metric format say; other lines say nothing.

        A line may have something before its first brace, such as the time and the log stream that tools print there.
        Each set of dimensions makes a metric of its own. What is no number to CloudWatch is left out.

        Args:
            lines: lines of a log.
            arrival: when the samples could first be read; by default at their timestamp.

        Raises:
            ValueError: for a timestamp that is none.
        """
        for line in lines:
            document = _emf(line)
            time = _seconds(document["_aws"]["Timestamp"]) if document else 0
            for directive in document["_aws"]["CloudWatchMetrics"] if document else ():
                for names in directive["Dimensions"]:
                    dimensions: dict[str, Any] = {name: document.get(name) for name in names}
                    if not all(isinstance(value, str) for value in dimensions.values()):
                        continue
                    for name in (metric["Name"] for metric in directive["Metrics"]):
                        if values := _numbers(document.get(name)):
                            self.add(str(directive["Namespace"]), name, dimensions, time, values, arrival=arrival)

    def metrics(self) -> list[MetricKey]:
        """Every metric that has samples."""
        return sorted(self._metrics)

    def aggregate(
        self, key: MetricKey, statistic: str, period: int, starts: Iterable[int], seen_at: int | None = None
    ) -> Series:
        """A statistic of every window that has samples, by the window's start.

        Args:
            key: the metric.
            statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p95` or `p99.9`.
            period: how long a window is, in seconds. It has its start and lacks its end.
            starts: where windows start; they may overlap.
            seen_at: when it is looked at: later arrivals are not there yet. By default all are.

        Raises:
            ValueError: for any other statistic.
        """
        function, normal = _statistic(statistic)
        metric = self._metrics.get(key)
        if metric is None:
            return {}
        series = {}
        for start in starts:
            complete = seen_at is None or start + period - 1 + metric.latest <= seen_at
            at = (normal, period, start)
            if not complete or at not in metric.known:
                values = metric.window(start, start + period, seen_at)
                value = function(values) if values else None
                if complete:
                    metric.known[at] = value
            else:
                value = metric.known[at]
            if value is not None:
                series[start] = value
        return series


def _emf(line: str) -> dict[str, Any]:
    """The document of a line, or nothing if it has no metrics."""
    _, brace, rest = line.partition("{")
    try:
        document = json.loads(brace + rest)
    except (RecursionError, ValueError):
        return {}
    root = document.get("_aws") if isinstance(document, dict) else None
    return document if isinstance(root, dict) and {"CloudWatchMetrics", "Timestamp"} <= root.keys() else {}


def _seconds(timestamp: Any) -> int:
    if type(timestamp) not in (int, float) or not 0 <= timestamp < _END_OF_TIME:
        raise ValueError(f"Timestamp: got {timestamp!r:.30}, allowed: milliseconds since 1970")
    return int(timestamp) // 1000


def _numbers(value: Any) -> list[float]:
    """The samples that a member holds; none if it is anything but a number or numbers."""
    values = value if isinstance(value, list) else [value]
    are_numbers = all(type(one) in (int, float) for one in values)
    return [one for one in values if abs(one) <= _LARGEST] if are_numbers else []  # NaN is not


def _average(values: list[float]) -> float:
    return math.fsum(values) / len(values)


_STATISTICS: Final[dict[str, Callable[[list[float]], float | None]]] = {
    "average": _average,
    "sum": math.fsum,
    "minimum": min,
    "maximum": max,
    "samplecount": len,
}
_SHORT: Final = {"avg": "average", "min": "minimum", "max": "maximum", "n": "samplecount"}


def _statistic(name: str) -> tuple[Callable[[list[float]], float | None], str]:
    normal = _SHORT.get(name.lower(), name.lower())
    if match := _PERCENTILE.fullmatch(normal):
        part = float(match[1]) / 100
        return lambda values: _percentile(values, part), normal
    if normal not in _STATISTICS:
        raise ValueError(f"statistic: got {name!r}, allowed: {', '.join(_STATISTICS)} or a percentile such as p95")
    return _STATISTICS[normal], normal


def _percentile(values: list[float], part: float) -> float | None:
    """None if a value is negative: CloudWatch knows no percentiles then."""
    values = sorted(values)
    if values[0] < 0:
        return None
    below, rest = divmod(part * (len(values) - 1), 1)
    at = int(below)
    return values[at] + rest * (values[min(at + 1, len(values) - 1)] - values[at])
