"""What templates of alarms need beyond moto's resources: nothing evaluates an alarm or notifies anybody here."""

from typing import Any, Final

from moto.cloudwatch.models import (
    Alarm,
    Dimension,
    Metric,
    MetricDataQuery,
    MetricStat,
    cloudwatch_backends,
)

from fairlane_local.cloudformation.local_resource import LocalResource, Record, register

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

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "AlarmName"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        alarm = _put(resource_name, properties, account_id, region_name)
        return cls(account_id, region_name, resource_name, {**properties, "Arn": alarm.alarm_arn})

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        name = cloudformation_json["Properties"].get("AlarmName", original_resource.physical_resource_id)
        return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Its ARN; a reference to it is its name."""
        return str(self.properties["Arn"])

    def delete(self, account_id: str, region_name: str) -> None:
        """Deletes it."""
        cloudwatch_backends[account_id][region_name].delete_alarms([self.physical_resource_id])


class CompositeAlarm(MetricAlarm):
    """AWS::CloudWatch::CompositeAlarm, which DescribeAlarms lists, too."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::CloudWatch::CompositeAlarm"


class Subscription(Record):
    """AWS::SNS::Subscription: nobody is asked to confirm it."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::SNS::Subscription"


class TopicPolicy(Record):
    """AWS::SNS::TopicPolicy, which nothing enforces here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::SNS::TopicPolicy"


def install() -> None:
    """Registers the resources with moto's CloudFormation."""
    register((CompositeAlarm, MetricAlarm, Subscription, TopicPolicy))


def _put(name: str, properties: dict[str, Any], account_id: str, region_name: str) -> Alarm:
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
