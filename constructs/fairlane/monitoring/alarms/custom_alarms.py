"""What cannot be right of an alarm on a metric of one's own."""

import re
from collections.abc import Iterator
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane._internal.checks import check_whole_number
from fairlane._internal.lambda_package import metrics_catalog
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.statistics import is_statistic

_METRIC: Final = ("metric",)
_MOST_METRICS: Final = 10
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_SEARCH: Final = re.compile(r"\bSEARCH\s*\(", re.IGNORECASE)


def metrics_in(metric: cloudwatch.IMetric) -> list[cloudwatch.MetricStatConfig]:
    """Every metric in one, as metric math has several: each once, however often expressions name it."""
    return list(_by_id(metric).values())


def _by_id(metric: cloudwatch.IMetric, name: str = "") -> dict[str, cloudwatch.MetricStatConfig]:
    config = metric.to_metric_config()
    found = {name: config.metric_stat} if config.metric_stat else {}
    for inner, used in (config.math_expression.using_metrics if config.math_expression else {}).items():
        found |= _by_id(used, inner)
    return found


def custom_alarm_problems(
    metrics: JobMetrics,
    region: str,
    metric: cloudwatch.IMetric,
    evaluation_periods: object,
    datapoints_to_alarm: object,
) -> Iterator[Problem]:
    """Yields every mistake.

    Args:
        metrics: of the queues.
        region: of the alarm.
        metric: as for `QueueAlarms.add_alarm`.
        evaluation_periods: as for `QueueAlarms.add_alarm`.
        datapoints_to_alarm: as for `QueueAlarms.add_alarm`.
    """
    used = metrics_in(metric)
    if len(used) > _MOST_METRICS:
        yield Problem(_METRIC, f"metric math of {len(used)} metrics", f"at most {_MOST_METRICS} in an alarm")
    if any(map(_SEARCH.search, _expressions(metric))):
        yield Problem(_METRIC, "SEARCH", "metrics by their names, as an alarm cannot search")
    for one in used:
        if not is_token(one.statistic) and not is_statistic(one.statistic):
            allowed = "a statistic of CloudWatch, such as Sum, p99 or TM(10%:90%)"
            yield Problem(_METRIC, one.statistic, allowed)
        if one.region and one.region != region and not is_token(one.region) and not is_token(region):
            yield Problem(_METRIC, f"{one.metric_name} in {one.region}", f"a metric in {region}, as the alarm is")
        if one.namespace == metrics.namespace:
            yield from _exported(metrics, one)
    yield from check_whole_number(("evaluation_periods",), evaluation_periods, 1, unit="periods")
    if not isinstance(evaluation_periods, int) or evaluation_periods < 1:
        return
    if datapoints_to_alarm is not None:
        yield from check_whole_number(("datapoints_to_alarm",), datapoints_to_alarm, 1, evaluation_periods)
    seconds = _period_seconds(metric)
    most = 7 * _DAY if seconds >= _HOUR else _DAY
    if evaluation_periods * seconds > most:
        allowed = f"at most {int(most // seconds)}, which are {most} seconds together"
        yield Problem(("evaluation_periods",), f"{evaluation_periods} periods of {seconds:g} seconds", allowed)


def _exported(metrics: JobMetrics, metric: cloudwatch.MetricStatConfig) -> Iterator[Problem]:
    """Yields what the exporter does not publish, where it is one of its metrics: the alarm would have no data."""
    catalog = metrics_catalog()
    known = catalog["metrics"].get(metric.metric_name)
    values = {one.name: one.value for one in metric.dimensions or []}
    if known is None or any(map(is_token, values.values())):
        return
    by = {tuple(sorted(catalog["dimensions"][per])) for per in known["per"]}
    got = f"{metric.metric_name} of {', '.join(f'{name} {value}' for name, value in values.items()) or 'nothing'}"
    queue = metrics.queues.get(values.get("JobQueueName", ""))
    if tuple(sorted(values)) not in by:
        yield Problem(_METRIC, got, f"by {' or by '.join(' and '.join(names) for names in sorted(by))}")
    elif queue is None:
        yield Problem(_METRIC, got, f"of one of the queues: {', '.join(metrics.queues)}")
    else:
        rest = queue.elsewhere or (queue.shares and not queue.quotas)
        shares = [*queue.shares, *(["other"] if rest else [])]
        reasons = catalog["reasons"].get(metric.metric_name, [])
        for name, published in (("Share", shares), ("Reason", reasons)):
            if name in values and values[name] not in published:
                allowed = f"what there is of queue {queue.name}: {', '.join(published) or 'none'}"
                yield Problem(_METRIC, got, allowed)
    if known["source"] == "queue_poller" and metric.period.to_seconds() < metrics.period.to_seconds():
        period, interval = metric.period.to_seconds(), metrics.period.to_seconds()
        allowed = f"a period of at least {interval:g} seconds, the interval of the polls"
        yield Problem(_METRIC, f"{metric.metric_name} by {period:g} seconds", allowed)


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
