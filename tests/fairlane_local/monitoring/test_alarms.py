"""Alarms of stacks in DescribeAlarms."""

import json

import pytest

from fairlane_local import LocalAws, client

ACCOUNT = "123456789012"
LIMIT = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1}
METRIC = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "Queue", "Value": "q"}]}
MATH = [
    {"Id": "e", "Expression": "m * 2"},
    {"Id": "m", "ReturnData": False, "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}},
    {"Id": "f", "Expression": "m", "ReturnData": False, "Period": 300},
]


@pytest.mark.parametrize("metric", [METRIC | {"Period": 60, "Statistic": "Sum"}, {"Metrics": MATH}])
def test_an_alarm_is_described_as_deployed(aws: LocalAws, metric: dict[str, object]) -> None:
    resource = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "a"} | LIMIT | metric}
    stack = {"StackName": "s", "TemplateBody": json.dumps({"Resources": {"Alarm": resource}})}
    client("cloudformation", aws.port, ACCOUNT, "us-east-1").create_stack(**stack)
    (alarm,) = client("cloudwatch", aws.port, ACCOUNT, "us-east-1").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmName"] == "a"
    if "Metrics" in metric:
        assert [query.get("Period") for query in alarm["Metrics"]] == [None, None, 300]
        assert alarm["Metrics"][1]["MetricStat"]["Period"] == 60
    else:
        assert alarm["Period"] == 60
