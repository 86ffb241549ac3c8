"""Metrics of a local AWS: the samples of each account and Region, and their statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends

from fairlane.cloudwatch.samples import MetricKey, Samples, Series

RETENTION_SECONDS: Final = 15 * 86_400
"""Age of the oldest sample, in seconds."""
MAX_SAMPLES: Final = 2_000_000
"""Number of samples of an account and Region. Above it, the older half of the time is forgotten."""
_FORGET_EACH: Final = 3_600
_STATE: Final = "_fairlane_metrics"


@dataclass(slots=True)
class MetricStore:
    """Samples of the metrics of an account and Region.

    Attributes:
        samples: Samples of all metrics. Hold `lock` to read them.
        units: Unit of each metric, as the first sample has it.
        lock: Lock of the samples.
    """

    samples: Samples = field(default_factory=Samples)
    units: dict[MetricKey, str] = field(default_factory=dict)
    lock: Any = field(default_factory=RLock)
    _last_forgotten: int = 0

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        values: float | Sequence[float],
        milliseconds: int,
        unit: str = "None",
    ) -> None:
        """Add samples of a metric.

        Args:
            namespace: Namespace of the metric.
            name: Name of the metric.
            dimensions: Values of the dimensions, by name.
            values: Value of the sample, or values of several samples.
            milliseconds: Timestamp of the samples, in milliseconds since the epoch.
            unit: CloudWatch unit of the values. Default: None.
        """
        numbers = [float(value) for value in values] if isinstance(values, Sequence) else [float(values)]
        if not numbers:
            return
        second = milliseconds // 1000
        with self.lock:
            key = self.samples.add(namespace, name, dimensions, second, numbers)
            self.units.setdefault(key, unit)
            if self.samples.newest - self._last_forgotten >= _FORGET_EACH or self.samples.count > MAX_SAMPLES:
                self._forget()

    def series(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        stat: str,
        period: int,
        start: int,
        end: int,
    ) -> Series:
        """Return a statistic of each period with samples, by the start of the period.

        Args:
            namespace: Namespace of the metric.
            name: Name of the metric.
            dimensions: Values of all its dimensions, by name.
            stat: Statistic, for example `Sum` or `p95`.
            period: Length of a period, in seconds.
            start: Start of the first period, in seconds since the epoch.
            end: End of the last period, in seconds since the epoch.

        Raises:
            ValueError: If the statistic is not supported.
        """
        key = MetricKey.from_dimensions(namespace, name, dimensions)
        with self.lock:
            return self.samples.aggregate(key, stat, period, range(start, end, period))

    def _forget(self) -> None:
        newest = self._last_forgotten = self.samples.newest
        age = RETENTION_SECONDS
        self.samples.forget(newest - age)
        while self.samples.count > MAX_SAMPLES and age:
            age //= 2
            self.samples.forget(newest - age)
        self.units = {key: self.units[key] for key in self.samples.metrics()}


def metric_store(account_id: str, region: str) -> MetricStore:
    """Return the metrics of an account and Region. A reset of moto deletes them."""
    state = cloudwatch_backends[account_id][region].__dict__
    store: MetricStore = state.get(_STATE) or state.setdefault(_STATE, MetricStore())
    return store
