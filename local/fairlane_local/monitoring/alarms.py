"""CloudFormation resources of alarms that moto lacks."""

from collections.abc import Mapping
from typing import Any, Final

from moto.cloudwatch.models import (
    Alarm,
    Dimension,
    Metric,
    MetricDataQuery,
    MetricStat,
    cloudwatch_backends,
)

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.monitoring.alarm_evaluation import define

_ARGUMENTS: Final = {
    "namespace": "Namespace",
    "metric_name": "MetricName",
    "comparison_operator": "ComparisonOperator",
    "evaluation_periods": "EvaluationPeriods",
    "period": "Period",
    "threshold": "Threshold",
    "statistic": "Statistic",
    "description": "AlarmDescription",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "extended_statistic": "ExtendedStatistic",
    "treat_missing_data": "TreatMissingData",
    "evaluate_low_sample_count_percentile": "EvaluateLowSampleCountPercentile",
    "threshold_metric_id": "ThresholdMetricId",
    "unit": "Unit",
    "rule": "AlarmRule",
}


class MetricAlarm(LocalResource):
    """AWS::CloudWatch::Alarm. DescribeAlarms lists the alarm."""

    resource_type = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"
    create_only = frozenset({"AlarmName"})

    def create(self) -> None:
        """Create the alarm, or replace the alarm with the same name."""
        self._arn = _put(self.physical_resource_id, self.properties, *self._location).alarm_arn

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN. `Ref` returns the name."""
        return self._arn

    def remove(self) -> None:
        """Delete the alarm."""
        account_id, region = self._location
        cloudwatch_backends[account_id][region].delete_alarms([self.physical_resource_id])


class CompositeAlarm(MetricAlarm):
    """AWS::CloudWatch::CompositeAlarm. DescribeAlarms lists the alarm."""

    resource_type = "AWS::CloudWatch::CompositeAlarm"


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register((CompositeAlarm, MetricAlarm))


def _put(name: str, properties: Mapping[str, Any], account_id: str, region_name: str) -> Alarm:
    arguments: dict[str, Any] = {argument: properties.get(key) for argument, key in _ARGUMENTS.items()}
    alarm = cloudwatch_backends[account_id][region_name].put_metric_alarm(
        name=name,
        dimensions=properties.get("Dimensions", []),
        metric_data_queries=[_query(query) for query in properties.get("Metrics", [])] or None,
        alarm_actions=properties.get("AlarmActions", []),
        ok_actions=properties.get("OKActions", []),
        insufficient_data_actions=properties.get("InsufficientDataActions", []),
        actions_enabled=properties.get("ActionsEnabled", True),
        tags=properties.get("Tags", []),
        **arguments,
    )
    define(alarm, properties)
    return alarm


def _query(query: dict[str, Any]) -> MetricDataQuery:
    stat = None
    if properties := query.get("MetricStat"):
        name, namespace = properties["Metric"]["MetricName"], properties["Metric"]["Namespace"]
        metric = Metric(name, namespace, _dimensions(properties["Metric"]))
        stat = MetricStat(metric, properties["Period"], properties["Stat"], properties.get("Unit"))
    return MetricDataQuery(
        query["Id"],
        label=query.get("Label", query["Id"]),
        period=query.get("Period"),  # type: ignore[arg-type]  # moto cannot return an empty text
        return_data=query.get("ReturnData", True),
        expression=query.get("Expression"),
        metric_stat=stat,
    )


def _dimensions(properties: dict[str, Any]) -> Any:
    return [
        Dimension(name=dimension["Name"], value=dimension["Value"]) for dimension in properties.get("Dimensions", [])
    ]
