"""What templates of alarms need beyond moto's resources: nothing evaluates an alarm or notifies anybody here."""

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
    "rule": "AlarmRule",
}


class MetricAlarm(LocalResource):
    """AWS::CloudWatch::Alarm, which DescribeAlarms lists."""

    resource_type = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"
    create_only = frozenset({"AlarmName"})

    def create(self) -> None:
        """Put the alarm, in place of one with the same name."""
        self._arn = _put(self.physical_resource_id, self.properties, *self._where).alarm_arn

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN; `Ref` returns the name."""
        return self._arn

    def remove(self) -> None:
        """Delete the alarm."""
        account_id, region = self._where
        cloudwatch_backends[account_id][region].delete_alarms([self.physical_resource_id])


class CompositeAlarm(MetricAlarm):
    """AWS::CloudWatch::CompositeAlarm, which DescribeAlarms lists, too."""

    resource_type = "AWS::CloudWatch::CompositeAlarm"


class Subscription(LocalResource):
    """AWS::SNS::Subscription: nobody is asked to confirm it."""

    resource_type = "AWS::SNS::Subscription"


class TopicPolicy(LocalResource):
    """AWS::SNS::TopicPolicy, which nothing enforces here."""

    resource_type = "AWS::SNS::TopicPolicy"


def install() -> None:
    """Registers the resources with moto's CloudFormation."""
    register((CompositeAlarm, MetricAlarm, Subscription, TopicPolicy))


def _put(name: str, properties: Mapping[str, Any], account_id: str, region_name: str) -> Alarm:
    arguments: dict[str, Any] = {argument: properties.get(key) for argument, key in _ARGUMENTS.items()}
    return cloudwatch_backends[account_id][region_name].put_metric_alarm(
        name=name,
        dimensions=properties.get("Dimensions", []),
        metric_data_queries=[_query(query) for query in properties.get("Metrics", [])] or None,
        alarm_actions=properties.get("AlarmActions", []),
        ok_actions=properties.get("OKActions", []),
        tags=properties.get("Tags", []),
        **arguments,
    )


def _query(query: dict[str, Any]) -> MetricDataQuery:
    stat = None
    if asked := query.get("MetricStat"):
        metric = Metric(asked["Metric"]["MetricName"], asked["Metric"]["Namespace"], _dimensions(asked["Metric"]))
        stat = MetricStat(metric, asked["Period"], asked["Stat"], asked.get("Unit"))
    return MetricDataQuery(
        query["Id"],
        label=query.get("Label", query["Id"]),
        period=query.get("Period", ""),
        return_data=query.get("ReturnData", True),
        expression=query.get("Expression"),
        metric_stat=stat,
    )


def _dimensions(properties: dict[str, Any]) -> Any:
    return [Dimension(name=one["Name"], value=one["Value"]) for one in properties.get("Dimensions", [])]
