"""Problems of alarms on custom metrics."""

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
_MAX_METRICS: Final = 10
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_SEARCH: Final = re.compile(r"\bSEARCH\s*\(", re.IGNORECASE)


def metric_stats(metric: cloudwatch.IMetric) -> list[cloudwatch.MetricStatConfig]:
    """Return the metrics of a metric or of metric math, each once even if several expressions use it."""
    return list(_stats_by_id(metric).values())


def _stats_by_id(metric: cloudwatch.IMetric, metric_id: str = "") -> dict[str, cloudwatch.MetricStatConfig]:
    config = metric.to_metric_config()
    stats = {metric_id: config.metric_stat} if config.metric_stat else {}
    for inner_id, inner in (config.math_expression.using_metrics if config.math_expression else {}).items():
        stats |= _stats_by_id(inner, inner_id)
    return stats


def custom_alarm_problems(
    metrics: JobMetrics,
    region: str,
    metric: cloudwatch.IMetric,
    evaluation_periods: object,
    datapoints_to_alarm: object,
) -> Iterator[Problem]:
    """Yield all problems of a custom alarm.

    Args:
        metrics: Exporter of the queues.
        region: Region of the alarm.
        metric: Metric, as for `QueueAlarms.add_alarm`.
        evaluation_periods: Number of periods, as for `QueueAlarms.add_alarm`.
        datapoints_to_alarm: Number of breaching periods, as for `QueueAlarms.add_alarm`.
    """
    stats = metric_stats(metric)
    if len(stats) > _MAX_METRICS:
        sentence = f"the metric math has {len(stats)} metrics: use at most {_MAX_METRICS} in an alarm"
        yield Problem.relation(_METRIC, sentence)
    if any(map(_SEARCH.search, _expressions(metric))):
        yield Problem.relation(_METRIC, "an alarm cannot use SEARCH: name each metric")
    for stat in stats:
        if not is_token(stat.statistic) and not is_statistic(stat.statistic):
            yield Problem(_METRIC, stat.statistic, "a CloudWatch statistic, for example Sum, p99 or TM(10%:90%)")
        if stat.region and stat.region != region and not is_token(stat.region) and not is_token(region):
            yield Problem.relation(
                _METRIC,
                f"{stat.metric_name} is in {stat.region} and the alarm is in {region}: use a metric in {region}",
            )
        if stat.namespace == metrics.namespace:
            yield from _exported_problems(metrics, stat)
    yield from check_whole_number(("evaluation_periods",), evaluation_periods, 1, unit="periods")
    if not isinstance(evaluation_periods, int) or evaluation_periods < 1:
        return
    if datapoints_to_alarm is not None:
        yield from check_whole_number(("datapoints_to_alarm",), datapoints_to_alarm, 1, evaluation_periods)
    seconds = _period_seconds(metric)
    longest, name = (7 * _DAY, "a week") if seconds >= _HOUR else (_DAY, "a day")
    if evaluation_periods * seconds > longest:
        periods = f"{evaluation_periods} periods of {seconds:g} seconds"
        sentence = f"{periods} are longer than {name}: use at most {int(longest // seconds)} periods"
        yield Problem.relation(("evaluation_periods",), sentence)


def _exported_problems(metrics: JobMetrics, stat: cloudwatch.MetricStatConfig) -> Iterator[Problem]:
    """Yield series of exported metrics that the exporter does not publish: the alarm would never have data."""
    catalog = metrics_catalog()
    metric = catalog["metrics"].get(stat.metric_name)
    values = {dimension.name: dimension.value for dimension in stat.dimensions or []}
    if metric is None or metric["source"] == "fan_out" or any(map(is_token, values.values())):
        return
    dimension_sets = {tuple(sorted(catalog["dimensions"][per])) for per in metric["per"]}
    queue = metrics.queues.get(values.get("JobQueueName", ""))
    if tuple(sorted(values)) not in dimension_sets:
        given = f"by {' and '.join(sorted(values))}" if values else "without dimensions"
        choices = " or ".join(f"[{', '.join(names)}]" for names in sorted(dimension_sets))
        sentence = f"{stat.metric_name} is not published {given}: use the dimensions {choices}"
        yield Problem.relation(_METRIC, sentence)
    elif queue is None:
        names = ", ".join(metrics.queues)
        sentence = f"{stat.metric_name} is not published for queue {values['JobQueueName']}: use one of {names}"
        yield Problem.relation(_METRIC, sentence)
    else:
        has_other = queue.imported or (queue.shares and not queue.quota_management)
        shares = [*queue.shares, *(["other"] if has_other else [])]
        reasons = catalog["reasons"].get(stat.metric_name, [])
        for name, published in (("Share", shares), ("Reason", reasons)):
            if name in values and values[name] not in published:
                advice = f"use one of {', '.join(published)}" if published else f"leave out {name}"
                series = f"{name} {values[name]} of queue {queue.name}"
                yield Problem.relation(_METRIC, f"{stat.metric_name} is not published for {series}: {advice}")
    if metric["source"] == "queue_poller" and stat.period.to_seconds() < metrics.period.to_seconds():
        period, interval = stat.period.to_seconds(), metrics.period.to_seconds()
        sentence = (
            f"{stat.metric_name} is published every {interval:g} seconds and has a period of {period:g} seconds: "
            f"use at least {interval:g} seconds"
        )
        yield Problem.relation(_METRIC, sentence)


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
        for inner in config.math_expression.using_metrics.values():
            yield from _expressions(inner)
