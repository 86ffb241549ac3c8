"""Metric alarms, and their evaluation over samples by the rules of CloudWatch."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import MetricKey, Samples, Series
from fairlane.cloudwatch.states import State, TreatMissingData, UnchangedState, evaluate_datapoints
from fairlane.cloudwatch.template import template_text

_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_HOUR: Final = 3_600
_MINUTE: Final = 60
_NOT_SUPPORTED: Final = ("EvaluationCriteria", "EvaluationWindow", "ThresholdMetricId")
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
    """Alarm on a metric or on a metric-math expression.

    Args:
        name: Logical id of the alarm.
        metrics: Metrics, by id.
        expressions: Metric-math expressions, by id.
        result_id: Id of the metric or expression that the alarm compares with the threshold.
        period: Period of all metrics, in seconds.
        evaluation_periods: Number of evaluation periods.
        datapoints_to_alarm: Number of breaching data points that puts the alarm in ALARM.
        is_breaching: Function of a data point and the threshold. It returns True if the data point breaches.
        threshold: Threshold.
        treatment: Treatment of missing data.
        minimum_samples: Minimum number of samples in a period of a percentile. With fewer, the alarm keeps its state.
        warm_up: Number of seconds from the creation of the alarm to its first evaluation.
    """

    name: str
    metrics: Mapping[str, _MetricStat]
    expressions: Mapping[str, str]
    result_id: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    is_breaching: Callable[[float, float], bool]
    threshold: float
    treatment: TreatMissingData
    minimum_samples: float
    warm_up: int

    @classmethod
    def from_template(cls, logical_id: str, properties: Mapping[str, Any], resolve: Resolve = template_text) -> Self:
        """Return the alarm of an `AWS::CloudWatch::Alarm` resource.

        Args:
            logical_id: Logical id of the resource.
            properties: Properties of the resource.
            resolve: Function from a value of the template to text, for names, dimensions and expressions. Default:
                references become `${LogicalId}`.

        Raises:
            ValueError: If the properties are not those of an alarm, or use a feature that is not supported here:
                anomaly detection bands, Metrics Insights queries, wall-clock windows, a warm-up that may end early,
                periods that differ or are not whole minutes, and several results or none.
        """
        for name in _NOT_SUPPORTED:
            if name in properties:
                raise ValueError(f"alarm {logical_id}: {name} is not supported")
        try:
            return cls._read(logical_id, properties, resolve)
        except KeyError as error:
            raise ValueError(f"alarm {logical_id}: {error} is missing or not supported") from error
        except (ArithmeticError, AttributeError, RecursionError, TypeError) as error:
            raise ValueError(f"alarm {logical_id}: {error}") from error

    @classmethod
    def _read(cls, logical_id: str, properties: Mapping[str, Any], resolve: Resolve) -> Self:
        metrics: dict[str, _MetricStat] = {}
        expressions: dict[str, str] = {}
        periods: set[int] = set()
        result_ids: list[str] = []
        for query in properties.get("Metrics") or [_metric_query(properties)]:
            if query.get("ReturnData", True):
                result_ids.append(query["Id"])
            if "Expression" in query:
                expressions[query["Id"]] = resolve(query["Expression"])
                periods |= {int(query["Period"])} if "Period" in query else set()
            else:
                stat = query["MetricStat"]
                metrics[query["Id"]] = _MetricStat(_key(stat["Metric"], resolve), resolve(stat["Stat"]))
                periods.add(int(stat["Period"]))
        if len(result_ids) != 1:
            ids = ", ".join(result_ids) or "no id"
            raise ValueError(f"alarm {logical_id}: ReturnData is true for {ids}: set it for exactly one id")
        if len(periods) != 1 or any(period % _MINUTE or period < 1 for period in periods):
            raise ValueError(f"alarm {logical_id}: periods: got {sorted(periods)}, allowed: one multiple of 60 seconds")
        evaluation_periods = int(properties["EvaluationPeriods"])
        if not 0 < evaluation_periods * max(periods) <= _WEEK:
            allowed = f"1 to {_WEEK // max(periods)}, at most one week in total"
            raise ValueError(f"alarm {logical_id}: EvaluationPeriods: got {evaluation_periods}, allowed: {allowed}")
        return cls(
            name=logical_id,
            metrics=metrics,
            expressions=expressions,
            result_id=result_ids[0],
            period=periods.pop(),
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=int(properties.get("DatapointsToAlarm", evaluation_periods)),
            is_breaching=_OPERATORS[properties["ComparisonOperator"]],
            threshold=float(properties["Threshold"]),
            treatment=TreatMissingData(properties.get("TreatMissingData", "missing")),
            minimum_samples=_minimum_samples(properties),
            warm_up=_warm_up(logical_id, properties.get("WarmUpConfiguration", {})),
        )

    def is_due(self, time: int, start: int) -> bool:
        """Return True if CloudWatch evaluates the alarm at a time.

        CloudWatch evaluates an alarm each minute, and an alarm over more than a day each hour. It does not evaluate the
        alarm during its warm-up.

        Args:
            time: Whole minute, in seconds since 1970.
            start: Creation time of the alarm, in seconds since 1970.
        """
        return (
            time - start >= self.warm_up
            and time % (_HOUR if self.period * self.evaluation_periods > _DAY else _MINUTE) == 0
        )

    def evaluate(self, samples: Samples, time: int, evaluation_range: Callable[[int], int]) -> State | UnchangedState:
        """Return the state that follows from an evaluation. The last period ends at the time of the evaluation.

        Args:
            samples: Samples of all metrics.
            time: Time of the evaluation, in seconds since 1970.
            evaluation_range: Function from the number of evaluation periods to the number of periods that CloudWatch
                retrieves.
        """
        starts = self.starts(time, evaluation_range(self.evaluation_periods))
        if self.minimum_samples and self.result_id in self.metrics:
            key = self.metrics[self.result_id].key
            recent = starts[-self.evaluation_periods :]
            counts = samples.aggregate(key, "SampleCount", self.period, recent, time)
            if any(count < self.minimum_samples for count in counts.values()):
                return UnchangedState.IGNORED
        points = self.points(samples, starts, time)
        breaching = [self.is_breaching(points[start], self.threshold) if start in points else None for start in starts]
        return evaluate_datapoints(breaching, self.evaluation_periods, self.datapoints_to_alarm, self.treatment)

    def starts(self, time: int, count: int) -> range:
        """Return the starts of the latest periods before a time, in seconds since 1970."""
        return range(time - count * self.period, time, self.period)

    def points(self, samples: Samples, starts: Sequence[int], time: int) -> Series:
        """Return the data points that the alarm compares with the threshold, by the start of the period."""
        series = {
            name: samples.aggregate(metric.key, metric.statistic, self.period, starts, time)
            for name, metric in self.metrics.items()
        }
        if self.result_id in series:
            return series[self.result_id]
        expressions = {**self.expressions}
        expression = expressions.pop(self.result_id)
        points = evaluate(expression, series, starts, period=self.period, expressions=expressions)
        if isinstance(points, list):
            raise ValueError(f"alarm {self.name}: {expression!r} returns an array: return one time series")
        return points


def _metric_query(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metric of an alarm without `Metrics`, as a metric data query."""
    statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
    return {"Id": "m1", "MetricStat": {"Metric": properties, "Stat": statistic, "Period": properties["Period"]}}


def _key(metric: Mapping[str, Any], resolve: Resolve) -> MetricKey:
    dimensions = {resolve(item["Name"]): resolve(item["Value"]) for item in metric.get("Dimensions", ())}
    return MetricKey.from_dimensions(resolve(metric["Namespace"]), resolve(metric["MetricName"]), dimensions)


def _minimum_samples(properties: Mapping[str, Any]) -> float:
    statistic = properties.get("ExtendedStatistic", "")
    if properties.get("EvaluateLowSampleCountPercentile") != "ignore" or not statistic.startswith("p"):
        return 0
    percentage = float(statistic[1:])
    return round(1000 / min(percentage, 100 - percentage), 6)


def _warm_up(name: str, configuration: Mapping[str, Any]) -> int:
    if configuration and not configuration.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"):
        raise ValueError(f"alarm {name}: a warm-up that may end early is not supported")
    return _MINUTE * int(configuration.get("WarmUpPeriodDurationInMinutes", 0))
