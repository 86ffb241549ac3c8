"""Samples of metrics, and the statistics of CloudWatch over them."""

import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_TIMESTAMP_LIMIT: Final = 4_102_444_800_000  # The year 2100 in milliseconds; a higher number is not in milliseconds.
_LARGEST_VALUE: Final = 2**360  # Limit of CloudWatch.

RETENTION: Final = 455 * 86_400
"""Retention of metrics in CloudWatch, in seconds."""

Series = dict[int, float]
"""Values by the start of the period, in seconds since 1970. Missing points have no entry."""


@dataclass(frozen=True, slots=True)
class LabeledSeries:
    """Series of an array, with its label."""

    label: str
    points: Series


class MetricKey(NamedTuple):
    """Identity of a metric: namespace, name and dimensions. CloudWatch does not aggregate over dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def from_dimensions(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Self:
        """Return the key of a metric. The order of the dimensions has no effect."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(slots=True)
class _Metric:
    """Samples of one metric: parallel lists of times, arrival times and values."""

    times: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    maximum_delay: int = 0
    sorted: bool = True
    cache: dict[tuple[str, int, int], float | None] = field(default_factory=dict)

    def add(self, time: int, arrival: int, values: Sequence[float]) -> None:
        if self.times and time < self.times[-1]:
            self.sorted = False
        self.times += [time] * len(values)
        self.arrivals += [arrival] * len(values)
        self.values += values
        self.maximum_delay = max(self.maximum_delay, arrival - time)
        self.cache.clear()

    def forget(self, before: int) -> int:
        self.sort()
        number = bisect_left(self.times, before)
        if number:
            del self.times[:number], self.arrivals[:number], self.values[:number]
            self.cache.clear()
        return number

    def sort(self) -> None:
        if not self.sorted:
            rows = sorted(zip(self.times, self.arrivals, self.values, strict=True))
            self.times, self.arrivals, self.values = (list(column) for column in zip(*rows, strict=True))
            self.sorted = True

    def window(self, start: int, end: int, read_time: int | None) -> list[float]:
        self.sort()
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        if read_time is None or end - 1 + self.maximum_delay <= read_time:
            return self.values[first:last]
        return [self.values[index] for index in range(first, last) if self.arrivals[index] <= read_time]


class Samples:
    """Published samples of metrics.

    Units are ignored, because a metric has one unit. A percentile is interpolated linearly between the two nearest
    samples. AWS does not document its estimator: for a value close to a threshold, CloudWatch may decide differently.

    Attributes:
        newest: Timestamp of the newest sample, in seconds since 1970; 0 without samples.
        count: Number of samples.
    """

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, _Metric] = {}
        self.newest = 0
        self.count = 0

    def add(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        time_seconds: int,
        values: Sequence[float],
        *,
        arrival: int | None = None,
    ) -> MetricKey:
        """Add samples of a metric, and return its key.

        Args:
            namespace: Namespace of the metric.
            name: Name of the metric.
            dimensions: Values of the dimensions, by name.
            time_seconds: Timestamp of the samples, in seconds since 1970.
            values: Values of the samples, at least one.
            arrival: Time from which the samples can be read, in seconds since 1970. Default: the timestamp.
        """
        self.newest = max(self.newest, time_seconds)
        self.count += len(values)
        key = MetricKey.from_dimensions(namespace, name, dimensions)
        if key not in self._metrics:
            self._metrics[key] = _Metric()
        self._metrics[key].add(time_seconds, time_seconds if arrival is None else arrival, values)
        return key

    def forget(self, before: int) -> None:
        """Delete the samples before a time, in seconds since 1970, and the metrics without samples."""
        for key, metric in [*self._metrics.items()]:
            self.count -= metric.forget(before)
            if not metric.values:
                del self._metrics[key]

    def add_emf(self, lines: Iterable[str], *, arrival: int | None = None) -> None:
        """Add the samples of log lines in the embedded metric format. Other lines are ignored.

        Text before the first brace of a line is ignored, for example the time and the log stream. Each set of
        dimensions is a separate metric. Values that are not numbers for CloudWatch are ignored.

        Args:
            lines: Lines of a log.
            arrival: Time from which the samples can be read, in seconds since 1970. Default: the timestamp.

        Raises:
            ValueError: If a timestamp is not a number of milliseconds since 1970.
        """
        for sample in emf_samples(lines):
            self.add(
                sample.namespace, sample.name, sample.dimensions, sample.time_seconds, sample.values, arrival=arrival
            )

    def metrics(self) -> list[MetricKey]:
        """Return the keys of all metrics with samples."""
        return sorted(self._metrics)

    def aggregate(
        self, key: MetricKey, statistic: str, period: int, starts: Iterable[int], read_time: int | None = None
    ) -> Series:
        """Return a statistic of each window with samples, by the start of the window.

        Args:
            key: Key of the metric.
            statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile: `p95`, `p99.9`.
            period: Length of a window, in seconds. A window includes its start and excludes its end.
            starts: Start times of the windows, in seconds since 1970. The windows may overlap.
            read_time: Time of the request, in seconds since 1970. Samples that arrive later are ignored. Default: no
                sample is ignored.

        Raises:
            ValueError: If the statistic is not supported.
        """
        function, normal = _statistic(statistic)
        metric = self._metrics.get(key)
        if metric is None:
            return {}
        series = {}
        for start in starts:
            complete = read_time is None or start + period - 1 + metric.maximum_delay <= read_time
            cache_key = (normal, period, start)
            if not complete or cache_key not in metric.cache:
                values = metric.window(start, start + period, read_time)
                value = function(values) if values else None
                if complete:
                    metric.cache[cache_key] = value
            else:
                value = metric.cache[cache_key]
            if value is not None:
                series[start] = value
        return series


class EmfSample(NamedTuple):
    """Samples of one metric in a log line."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    time_seconds: int
    values: list[float]
    unit: str


def emf_samples(lines: Iterable[str]) -> Iterator[EmfSample]:
    """Yield the samples of log lines in the embedded metric format. Other lines are ignored.

    Args:
        lines: Lines of a log.

    Raises:
        ValueError: If a timestamp is not a number of milliseconds since 1970.
    """
    for line in lines:
        document = _emf(line)
        time = _seconds(document["_aws"]["Timestamp"]) if document else 0
        for directive in document["_aws"]["CloudWatchMetrics"] if document else ():
            for names in directive["Dimensions"]:
                dimensions: dict[str, Any] = {name: document.get(name) for name in names}
                if not all(isinstance(value, str) for value in dimensions.values()):
                    continue
                for metric in directive["Metrics"]:
                    if values := _numbers(document.get(metric["Name"])):
                        unit = str(metric.get("Unit", "None"))
                        yield EmfSample(str(directive["Namespace"]), metric["Name"], dimensions, time, values, unit)


def _emf(line: str) -> dict[str, Any]:
    """Return the JSON document of a log line. Empty if the line has no metrics."""
    _, brace, rest = line.partition("{")
    try:
        document = json.loads(brace + rest)
    except (RecursionError, ValueError):
        return {}
    root = document.get("_aws") if isinstance(document, dict) else None
    return document if isinstance(root, dict) and {"CloudWatchMetrics", "Timestamp"} <= root.keys() else {}


def _seconds(timestamp: Any) -> int:
    if type(timestamp) not in (int, float) or not 0 <= timestamp < _TIMESTAMP_LIMIT:
        raise ValueError(f"Timestamp: got {timestamp!r:.30}, allowed: milliseconds since 1970")
    return int(timestamp) // 1000


def _numbers(value: Any) -> list[float]:
    """Return the samples of a member. Empty if the member is neither a number nor a list of numbers."""
    values = value if isinstance(value, list) else [value]
    are_numbers = all(type(item) in (int, float) for item in values)
    # The comparison excludes NaN.
    return [item for item in values if abs(item) <= _LARGEST_VALUE] if are_numbers else []


def _average(values: list[float]) -> float:
    return math.fsum(values) / len(values)


_STATISTICS: Final[dict[str, Callable[[list[float]], float | None]]] = {
    "average": _average,
    "sum": math.fsum,
    "minimum": min,
    "maximum": max,
    "samplecount": len,
}
_SHORT_NAMES: Final = {"avg": "average", "min": "minimum", "max": "maximum", "n": "samplecount"}


def _statistic(name: str) -> tuple[Callable[[list[float]], float | None], str]:
    normal = _SHORT_NAMES.get(name.lower(), name.lower())
    if match := _PERCENTILE.fullmatch(normal):
        part = float(match[1]) / 100
        return lambda values: _percentile(values, part), normal
    if normal not in _STATISTICS:
        raise ValueError(f"statistic: got {name!r}, allowed: {', '.join(_STATISTICS)} or a percentile, for example p95")
    return _STATISTICS[normal], normal


def _percentile(values: list[float], part: float) -> float | None:
    """Return a percentile. None if a value is negative: CloudWatch has no percentiles for negative values."""
    values = sorted(values)
    if values[0] < 0:
        return None
    below, rest = divmod(part * (len(values) - 1), 1)
    index = int(below)
    return values[index] + rest * (values[min(index + 1, len(values) - 1)] - values[index])
