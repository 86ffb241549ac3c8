"""Evaluates a template's alarms over samples of metrics, as CloudWatch does."""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, Self

from fairlane.preview._composites import Rule
from fairlane.preview._metric_math import evaluate
from fairlane.preview._samples import MetricKey, Samples, Series
from fairlane.preview._states import Kept, Missing, State, judged

_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60
_REFERENCE: Final = re.compile(r"\$\{(\w+)(?:\.Arn)?\}")
_NOT_EVALUATED: Final = ("EvaluationCriteria", "EvaluationWindow", "ThresholdMetricId")
_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Resolve = Callable[[Any], str]


def plain(value: Any) -> str:
    """A value of a template as text, in which a reference is `${LogicalId}` or `${LogicalId.Attribute}`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)} if len(value) == 1:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(plain(part) for part in parts)
        case {"Fn::Sub": str(text)}:
            return text
    return json.dumps(value, sort_keys=True)


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
                that may end early, periods that are no whole minutes or differ, several or no results.
        """
        for name in _NOT_EVALUATED:
            if name in properties:
                raise ValueError(f"alarm {logical_id}: {name} is not evaluated here")
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
                metrics[query["Id"]] = _MetricStat(_key(stat["Metric"], resolve), stat["Stat"])
                periods.add(int(stat["Period"]))
        if len(watched) != 1:
            raise ValueError(f"alarm {logical_id}: ReturnData: got {', '.join(watched) or 'none'}, allowed: one id")
        if len(periods) != 1 or any(period % _MINUTE for period in periods):
            raise ValueError(f"alarm {logical_id}: periods: got {sorted(periods)}, allowed: one, in whole minutes")
        evaluation_periods = int(properties["EvaluationPeriods"])
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
        if self.fewest_samples:
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


class History(dict[str, list[tuple[int, State]]]):
    """By an alarm's logical id, when it went into which state, in seconds since 1970.

    Attributes:
        undocumented: alarms and times at which AWS does not say what becomes of them; they are taken to stay as they
            are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.undocumented: set[tuple[str, int]] = set()

    def state(self, name: str) -> State:
        """The latest state of an alarm."""
        return self[name][-1][1]

    def enter(self, name: str, at: int, state: State) -> None:
        """Notes a state, if it is another than before."""
        if self.state(name) is not state:
            self[name].append((at, state))


def evaluate_alarms(
    template: Mapping[str, Any],
    samples: Samples,
    *,
    start: int,
    end: int,
    evaluation_range: Callable[[int], int] = lambda periods: periods + max(periods // 3, 2),
) -> History:
    """Evaluates a template's alarms minute by minute.

    All have insufficient data at first; a composite alarm is evaluated after its children. Actions and what suppresses
    them are left out.

    Args:
        template: the template, with its `Resources`.
        samples: of the metrics that its alarms watch; a reference in a dimension is what `plain` makes of it.
        start: when the alarms come into being, in seconds since 1970.
        end: the time of the last evaluation.
        evaluation_range: how many periods CloudWatch fetches for so many evaluation periods. AWS documents only that
            they are more; its examples fetch 5 for 3.

    Raises:
        ValueError: for an alarm that is not evaluated here, a rule that names an alarm of another template, or rules
            that refer to each other in a circle.
    """
    alarms = {
        name: Alarm.from_template(name, properties)
        for name, properties in _resources(template, "AWS::CloudWatch::Alarm")
    }
    rules = _rules(template)
    history = History()
    for name in [*alarms, *rules]:
        history[name] = [(start, State.INSUFFICIENT_DATA)]
    for at in range(start - start % _MINUTE + _MINUTE, end + 1, _MINUTE):
        for name, alarm in alarms.items():
            if not alarm.is_due(at, start):
                continue
            match alarm.verdict(samples, at, evaluation_range):
                case State() as state:
                    history.enter(name, at, state)
                case Kept.UNDOCUMENTED:
                    history.undocumented.add((name, at))
        states = {name: history.state(name) for name in history}
        for name, rule in rules.items():
            states[name] = State.ALARM if rule.holds(states) else State.OK
            history.enter(name, at, states[name])
    return history


def _resources(template: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]


def _rules(template: Mapping[str, Any]) -> dict[str, Rule]:
    """Rules of composite alarms, children first."""
    composites = dict(_resources(template, "AWS::CloudWatch::CompositeAlarm"))
    alarms = {**dict(_resources(template, "AWS::CloudWatch::Alarm")), **composites}
    names = {plain(properties["AlarmName"]): name for name, properties in alarms.items() if "AlarmName" in properties}

    def alarm(text: str) -> str:
        reference = _REFERENCE.fullmatch(text)
        name = reference[1] if reference else names.get(text.rpartition(":alarm:")[2], text)
        if name not in alarms:
            raise ValueError(f"alarm rule: got {text!r}, allowed: alarms of the same template")
        return name

    rules = {name: Rule.parse(plain(properties["AlarmRule"]), alarm) for name, properties in composites.items()}
    try:
        order = TopologicalSorter({name: rule.children & rules.keys() for name, rule in rules.items()}).static_order()
        return {name: rules[name] for name in order}
    except CycleError as error:
        raise ValueError(f"composite alarms: rules refer in a circle: {', '.join(error.args[1])}") from None
