"""What cannot be right of alarms, found before they are deployed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns

from fairlane._checks import check_whole_number
from fairlane._problems import Path, Problem
from fairlane._tokens import is_token
from fairlane.alarms import (
    AlarmLimits,
    ExporterLimits,
    QueueBlocked,
    StarvedShare,
    blocked_reasons,
    check_notify,
    severities,
)
from fairlane.monitoring._conditions import entitled_shares
from fairlane.monitoring._watched import Watched

Target: TypeAlias = sns.ITopic | str
Notify: TypeAlias = Sequence[Target] | Mapping[str, Sequence[Target]]

_MOST_ACTIONS: Final = 5
_MOST_METRICS: Final = 10
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_PERCENTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)")


def alarm_problems(
    queues: Mapping[str, Watched],
    interval_minutes: int,
    limits: AlarmLimits,
    queue_limits: Mapping[str, AlarmLimits],
    exporter_limits: ExporterLimits,
    notify: Notify,
) -> Iterator[Problem]:
    """Yields every mistake; arguments as for `QueueAlarms`."""
    wrong = [problem.within("limits") for problem in limits.problems(interval_minutes)]
    wrong += [problem.within("exporter_limits") for problem in exporter_limits.problems(interval_minutes)]
    for name, of_queue in queue_limits.items():
        if name not in queues:
            wrong.append(Problem(("queue_limits", name), name, f"one of the queues: {', '.join(queues)}"))
        wrong += [problem.within("queue_limits", name) for problem in of_queue.problems(interval_minutes)]
    yield from wrong
    if wrong:
        return  # shares, reasons and severities are read off limits that are right
    for name, queue in queues.items():
        where = ("queue_limits", name) if name in queue_limits else ("limits",)
        yield from (problem.within(*where) for problem in _unknown(queue_limits.get(name, limits), queue))
    by_severity = notify if isinstance(notify, Mapping) else None
    if by_severity is not None:
        yield from check_notify(by_severity, severities(limits, *queue_limits.values(), exporter_limits))
    every: Mapping[Path, object] = (
        {("notify",): notify}
        if by_severity is None
        else {("notify", severity): targets for severity, targets in by_severity.items()}
    )
    for field, targets in every.items():
        if isinstance(targets, str) or not isinstance(targets, Sequence):
            yield Problem(field, targets, "a list of topics or ARNs")
        elif len(targets) > _MOST_ACTIONS:
            yield Problem(field, f"{len(targets)} targets", f"at most {_MOST_ACTIONS}, as many as an alarm has")


def _unknown(limits: AlarmLimits, queue: Watched) -> Iterator[Problem]:
    """Yields shares and reasons to watch that a queue does not have."""
    for kind, severity, limit in limits.limits():
        if isinstance(limit, StarvedShare):
            field, wanted, known = "shares", limit.shares, entitled_shares(queue) if queue.alone else []
        elif isinstance(limit, QueueBlocked):
            field, wanted, known = "reasons", limit.reasons, blocked_reasons(training=queue.service)
        else:
            continue
        for one in wanted or ():
            if one not in known:
                allowed = f"of queue {queue.name}: {', '.join(known) or 'none, as no entitlement is known'}"
                yield Problem((kind, severity, field), one, allowed)


def metrics_of(metric: cloudwatch.IMetric) -> list[cloudwatch.MetricStatConfig]:
    """Every metric in one, as metric math has several."""
    config = metric.to_metric_config()
    own = [config.metric_stat] if config.metric_stat else []
    inner = config.math_expression.using_metrics if config.math_expression else {}
    return [*own, *(one for used in inner.values() for one in metrics_of(used))]


def percentile_problems(field: Path, statistic: object) -> Iterator[Problem]:
    """Yields a percentile that there is not, such as p101."""
    found = _PERCENTILE.fullmatch(statistic) if isinstance(statistic, str) and not is_token(statistic) else None
    if found and not 0 < float(found[1]) <= 100:
        yield Problem(field, statistic, "a percentile above p0, up to p100")


def custom_alarm_problems(
    metric: cloudwatch.IMetric, evaluation_periods: object, datapoints_to_alarm: object
) -> Iterator[Problem]:
    """Yields every mistake; arguments as for `QueueAlarms.add_alarm`."""
    used = metrics_of(metric)
    if len(used) > _MOST_METRICS:
        yield Problem(("metric",), f"metric math of {len(used)} metrics", f"at most {_MOST_METRICS} in an alarm")
    if any("SEARCH(" in expression.upper().replace(" ", "") for expression in _expressions(metric)):
        yield Problem(("metric",), "SEARCH", "metrics by their names, as an alarm cannot search")
    for one in used:
        yield from percentile_problems(("metric",), one.statistic)
    yield from check_whole_number(("evaluation_periods",), evaluation_periods, 1, of="periods")
    if not isinstance(evaluation_periods, int) or evaluation_periods < 1:
        return
    if datapoints_to_alarm is not None:
        yield from check_whole_number(("datapoints_to_alarm",), datapoints_to_alarm, 1, evaluation_periods)
    seconds = _period_seconds(metric)
    most = 7 * _DAY if seconds >= _HOUR else _DAY
    if evaluation_periods * seconds > most:
        allowed = f"at most {int(most // seconds)}, which are {most} seconds together"
        yield Problem(("evaluation_periods",), f"{evaluation_periods} periods of {seconds:g} seconds", allowed)


def _period_seconds(metric: cloudwatch.IMetric) -> float:
    config = metric.to_metric_config()
    if config.metric_stat:
        return config.metric_stat.period.to_seconds()
    return config.math_expression.period if config.math_expression else 0


def _expressions(metric: cloudwatch.IMetric) -> Iterator[str]:
    config = metric.to_metric_config()
    if config.search_expression:
        yield config.search_expression.expression
    if config.math_expression:
        yield config.math_expression.expression
        for used in config.math_expression.using_metrics.values():
            yield from _expressions(used)
