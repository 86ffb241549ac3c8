"""CloudWatch alarms rendered from conditions."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane.monitoring.alarms.condition import Condition
from fairlane.monitoring.series import Series

_ALARM = cloudwatch.CfnAlarm


def metric_alarm(scope: Construct, construct_id: str, condition: Condition, description: str) -> cloudwatch.CfnAlarm:
    """Create the alarm of a condition."""
    return _ALARM(
        scope,
        construct_id,
        alarm_description=description,
        metrics=_queries(condition),
        comparison_operator=condition.comparison,
        threshold=condition.threshold,
        evaluation_periods=condition.periods,
        datapoints_to_alarm=condition.periods,
        treat_missing_data=condition.missing,
        warm_up_configuration=_ALARM.WarmUpConfigurationProperty(
            warm_up_period_duration_in_minutes=condition.warm_up_minutes,
            only_start_evaluating_after_warm_up_period_ends=True,
        )
        if condition.warm_up_minutes is not None
        else None,
    )


def _queries(condition: Condition) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    query = _ALARM.MetricDataQueryProperty
    plain = condition.expression is None
    metrics = [
        query(id=name, metric_stat=_metric_stat(series, condition.period), return_data=plain)
        for name, series in condition.series.items()
    ]
    return metrics if plain else [*metrics, query(id="result", expression=condition.expression, return_data=True)]


def _metric_stat(series: Series, period: int) -> cloudwatch.CfnAlarm.MetricStatProperty:
    pairs = [_ALARM.DimensionProperty(name=name, value=value) for name, value in series.dimensions.items()]
    metric = _ALARM.MetricProperty(namespace=series.namespace, metric_name=series.name, dimensions=pairs)
    return _ALARM.MetricStatProperty(metric=metric, period=period, stat=series.statistic)
