"""Metrics that are published, stored and returned."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane.cloudwatch import MetricKey
from fairlane_local.monitoring import metrics
from fairlane_local.monitoring.metrics import MetricStore
from tests.fairlane_local.reactions.functions import MIDNIGHT, manual_aws, service

DAY = 86_400


def test_a_series_has_a_statistic_of_each_period() -> None:
    store = MetricStore()
    store.put("N", "M", {"A": "b"}, [1, 2, 3], 60_000)
    store.put("N", "M", {"A": "b"}, 10, 130_000, "Seconds")
    assert store.series("N", "M", {"A": "b"}, "Average", 60, 60, 180) == {60: 2, 120: 10}
    assert store.series("N", "M", {"A": "b"}, "SampleCount", 120, 0, 240) == {0: 3, 120: 1}
    assert store.series("N", "M", {}, "Sum", 60, 0, 240) == {}
    assert store.units == {MetricKey.from_dimensions("N", "M", {"A": "b"}): "None"}


def test_samples_are_forgotten_after_fifteen_days() -> None:
    store = MetricStore()
    store.put("N", "Old", {}, 1, 0)
    for day in range(17):
        store.put("N", "M", {}, 1, 1000 * DAY * day)
    assert store.samples.count == 16
    assert [key.name for key in store.units] == ["M"]


def test_the_number_of_samples_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_SAMPLES", 1000)
    store = MetricStore()
    for minute in range(5000):
        store.put("N", "M", {}, minute, 60_000 * minute)
    assert 1 <= store.samples.count <= 1000
    newest = store.series("N", "M", {}, "Maximum", 60, 60 * 4999, 60 * 5000)
    assert newest == {60 * 4999: 4999}


@pytest.mark.slow
def test_metrics_are_returned_as_cloudwatch_returns_them() -> None:
    with manual_aws() as aws:
        cloudwatch = service(aws, "cloudwatch")
        dimensions = [{"Name": "Q", "Value": "a"}]
        data: list[dict[str, Any]] = [
            {
                "MetricName": "M",
                "Dimensions": dimensions,
                "Values": [1.0, 5.0],
                "Counts": [3.0, 1.0],
                "Unit": "Seconds",
            },
            {"MetricName": "M", "Dimensions": dimensions, "Value": 8.0, "Timestamp": MIDNIGHT - 60},
            {
                "MetricName": "Set",
                "StatisticValues": {"SampleCount": 4, "Sum": 20, "Minimum": 1, "Maximum": 9},
            },
        ]
        cloudwatch.put_metric_data(Namespace="N", MetricData=data)
        stat = {
            "Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": dimensions},
            "Period": 60,
            "Stat": "Average",
        }
        queries = [
            {"Id": "m", "MetricStat": stat, "ReturnData": False},
            {"Id": "twice", "Expression": "m * 2"},
            {"Id": "s", "Expression": "SEARCH('{N,Q} MetricName=\"M\"', 'Maximum', 60)"},
        ]
        window = {"StartTime": MIDNIGHT - 60, "EndTime": MIDNIGHT + 60}
        results = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **window)
        assert {result["Id"]: result["Values"] for result in results["MetricDataResults"]} == {
            "twice": [16, 4],
            "s": [8, 5],
        }
        request = {"Namespace": "N", "MetricName": "Set", "Period": 60, **window}
        statistics = ["SampleCount", "Sum", "Minimum", "Maximum", "Average"]
        (point,) = cloudwatch.get_metric_statistics(Statistics=statistics, **request)["Datapoints"]
        assert {name: point[name] for name in statistics} == {
            "SampleCount": 4,
            "Sum": 20,
            "Minimum": 1,
            "Maximum": 9,
            "Average": 5,
        }
        (point,) = cloudwatch.get_metric_statistics(
            ExtendedStatistics=["p50"], **request | {"MetricName": "M", "Dimensions": dimensions, "EndTime": MIDNIGHT}
        )["Datapoints"]
        assert point["ExtendedStatistics"] == {"p50": 8}
        listed = cloudwatch.list_metrics(Namespace="N", Dimensions=[{"Name": "Q"}])["Metrics"]
        assert [(metric["MetricName"], metric["Dimensions"]) for metric in listed] == [("M", dimensions)]
        for bad in (
            {"MetricName": "M", "Value": 1.0, "Timestamp": MIDNIGHT - 15 * DAY},
            {"MetricName": "M", "Value": 1.0, "Timestamp": MIDNIGHT + 3 * 3600},
        ):
            with pytest.raises(ClientError, match="Timestamp must be within"):
                cloudwatch.put_metric_data(Namespace="N", MetricData=[bad])
        with pytest.raises(ClientError, match="Error in expression 'e': id gone is not defined"):
            cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "e", "Expression": "gone + 1"}], **window)


@pytest.mark.slow
def test_log_events_in_embedded_metric_format_are_metrics() -> None:
    with manual_aws() as aws:
        now = 1000 * aws.timeline.clock.start
        directive = {"Namespace": "N", "Dimensions": [["Q"]], "Metrics": [{"Name": "M", "Unit": "Count"}]}
        good = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, "Q": "a", "M": [1, 2]}
        lines = [json.dumps(good), '{"_aws": 3}', '{"_aws": {"Timestamp": "x", "CloudWatchMetrics": [3]}}', "text"]
        logs = service(aws, "logs")
        logs.create_log_group(logGroupName="/g")
        logs.create_log_stream(logGroupName="/g", logStreamName="s")
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=events)
        store = metrics.metric_store("123456789012", "us-east-1")
        assert store.series("N", "M", {"Q": "a"}, "Sum", 1, now // 1000, now // 1000 + 1) == {now // 1000: 3}
