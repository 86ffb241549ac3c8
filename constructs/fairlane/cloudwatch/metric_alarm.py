"""Metric alarms, and the states that CloudWatch's evaluation of samples calls for."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import MetricKey, Samples, Series
from fairlane.cloudwatch.states import Kept, Missing, State, judged
from fairlane.cloudwatch.template import plain

_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_HOUR: Final = 3_600
_MINUTE: Final = 60
_NOT_EVALUATED: Final = ("EvaluationCriteria", "EvaluationWindow", "ThresholdMetricId")
_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Resolve = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class _MetricStat:
    key: MetricKey
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm on a metric or on metric math.

    Args:
        name: its logical id.
        metrics: the metrics, by id.
        expressions: the expressions, by id.
        watched: the id of the one that it watches.
        period: in seconds, of all.
        evaluation_periods: how many periods are looked at.
        datapoints_to_alarm: how many of them have to breach.
        is_breaching: what a data point is compared with the threshold by.
        threshold: the threshold.
        missing: what missing data are taken for.
        fewest_samples: if a period of a percentile has fewer, the state is kept.
        warm_up: how many seconds a new alarm waits before it is evaluated.
    """

    name: str
    metrics: Mapping[str, _MetricStat]
    expressions: Mapping[str, str]
    watched: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    is_breaching: Callable[[float, float], bool]
    threshold: float
    missing: Missing
    fewest_samples: float
    warm_up: int

    @classmethod
    def from_template(cls, logical_id: str, properties: Mapping[str, Any], resolve: Resolve = plain) -> Self:
        """Reads the properties of an `AWS::CloudWatch::Alarm`.

        Args:
            logical_id: what it is called in its template.
            properties: its properties.
            resolve: turns names and values of dimensions into the text by which samples know them.

        Raises:
            ValueError: for what is not evaluated here: bands of anomalies, queries, windows by the clock, a warm-up
                that may end early, periods that are no whole minutes or differ, several or no results; and for what is
                no alarm.
        """
        for name in _NOT_EVALUATED:
            if name in properties:
                raise ValueError(f"alarm {logical_id}: {name} is not evaluated here")
        try:
            return cls._read(logical_id, properties, resolve)
        except KeyError as error:
            raise ValueError(f"alarm {logical_id}: {error} is missing or not known") from error
        except (ArithmeticError, AttributeError, RecursionError, TypeError) as error:
            raise ValueError(f"alarm {logical_id}: {error}") from error

    @classmethod
    def _read(cls, logical_id: str, properties: Mapping[str, Any], resolve: Resolve) -> Self:
        metrics: dict[str, _MetricStat] = {}
        expressions: dict[str, str] = {}
        periods: set[int] = set()
        watched: list[str] = []
        for query in properties.get("Metrics") or [_single(properties)]:
            if query.get("ReturnData", True):
                watched.append(query["Id"])
            if "Expression" in query:
                expressions[query["Id"]] = resolve(query["Expression"])
                periods |= {int(query["Period"])} if "Period" in query else set()
            else:
                stat = query["MetricStat"]
                metrics[query["Id"]] = _MetricStat(_key(stat["Metric"], resolve), resolve(stat["Stat"]))
                periods.add(int(stat["Period"]))
        if len(watched) != 1:
            raise ValueError(f"alarm {logical_id}: ReturnData: got {', '.join(watched) or 'none'}, allowed: one id")
        if len(periods) != 1 or any(period % _MINUTE or period < 1 for period in periods):
            raise ValueError(f"alarm {logical_id}: periods: got {sorted(periods)}, allowed: one, in whole minutes")
        evaluation_periods = int(properties["EvaluationPeriods"])
        if not 0 < evaluation_periods * max(periods) <= _WEEK:
            raise ValueError(f"alarm {logical_id}: EvaluationPeriods: allowed: 1 to as many as there are in a week")
        return cls(
            name=logical_id,
            metrics=metrics,
            expressions=expressions,
            watched=watched[0],
            period=periods.pop(),
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=int(properties.get("DatapointsToAlarm", evaluation_periods)),
            is_breaching=_OPERATORS[properties["ComparisonOperator"]],
            threshold=float(properties["Threshold"]),
            missing=Missing(properties.get("TreatMissingData", "missing")),
            fewest_samples=_fewest_samples(properties),
            warm_up=_warm_up(logical_id, properties.get("WarmUpConfiguration", {})),
        )

    def is_due(self, at: int, since: int) -> bool:
        """Whether it is evaluated at a minute: every minute; over more than a day, every hour; not in its warm-up.

        Args:
            at: the minute, in seconds since 1970.
            since: when the alarm came into being.
        """
        return (
            at - since >= self.warm_up
            and at % (_HOUR if self.period * self.evaluation_periods > _DAY else _MINUTE) == 0
        )

    def verdict(self, samples: Samples, at: int, evaluation_range: Callable[[int], int]) -> State | Kept:
        """The state that an evaluation calls for; its windows end at its minute.

        Args:
            samples: of all metrics.
            at: the time of the evaluation, in seconds since 1970.
            evaluation_range: how many periods CloudWatch fetches, by the evaluation periods.
        """
        most = evaluation_range(self.evaluation_periods)
        starts = range(at - most * self.period, at, self.period)
        if self.fewest_samples and self.watched in self.metrics:
            key = self.metrics[self.watched].key
            recent = starts[-self.evaluation_periods :]
            counts = samples.aggregate(key, "SampleCount", self.period, recent, at)
            if any(count < self.fewest_samples for count in counts.values()):
                return Kept.IGNORED
        points = self._points(samples, starts, at)
        breaching = [self.is_breaching(points[start], self.threshold) if start in points else None for start in starts]
        return judged(breaching, self.evaluation_periods, self.datapoints_to_alarm, self.missing)

    def _points(self, samples: Samples, starts: Sequence[int], at: int) -> Series:
        series = {
            name: samples.aggregate(metric.key, metric.statistic, self.period, starts, at)
            for name, metric in self.metrics.items()
        }
        if self.watched in series:
            return series[self.watched]
        expressions = {**self.expressions}
        watched = expressions.pop(self.watched)
        points = evaluate(watched, series, starts, period=self.period, expressions=expressions)
        if isinstance(points, list):
            raise ValueError(f"alarm {self.name}: {watched!r}: got an array, allowed: one time series")
        return points


def _single(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The only metric of an alarm, as a query."""
    statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
    return {"Id": "m1", "MetricStat": {"Metric": properties, "Stat": statistic, "Period": properties["Period"]}}


def _key(metric: Mapping[str, Any], resolve: Resolve) -> MetricKey:
    dimensions = {resolve(each["Name"]): resolve(each["Value"]) for each in metric.get("Dimensions", ())}
    return MetricKey.of(resolve(metric["Namespace"]), resolve(metric["MetricName"]), dimensions)


def _fewest_samples(properties: Mapping[str, Any]) -> float:
    statistic = properties.get("ExtendedStatistic", "")
    if properties.get("EvaluateLowSampleCountPercentile") != "ignore" or not statistic.startswith("p"):
        return 0
    percentage = float(statistic[1:])
    return round(1000 / min(percentage, 100 - percentage), 6)


def _warm_up(name: str, configuration: Mapping[str, Any]) -> int:
    if configuration and not configuration.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"):
        raise ValueError(f"alarm {name}: a warm-up that may end early is not evaluated here")
    return _MINUTE * int(configuration.get("WarmUpPeriodDurationInMinutes", 0))
