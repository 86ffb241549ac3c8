"""Deployed dashboards with the metrics of the local AWS."""

import json
from typing import Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends

from fairlane_local import LocalAws, client
from fairlane_local.page.access import dashboard_path
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.server.test_guard import Response

LOCATION = ("123456789012", "us-east-1")
METRIC = {"MetricName": "RunnableJobs", "Dimensions": [{"Name": "JobQueueName", "Value": "training"}]}
WIDGETS = [
    {
        "type": "metric",
        "width": 12,
        "properties": {
            "title": "Waiting <b>jobs</b>",
            "view": "singleValue",
            "period": 60,
            "stat": "Maximum",
            "metrics": [["Fairlane/Jobs", "RunnableJobs", "JobQueueName", "training"]],
        },
    },
    {
        "type": "alarm",
        "properties": {"title": "Alarms", "alarms": [f"arn:aws:cloudwatch:us-east-1:{LOCATION[0]}:alarm:bad"]},
    },
]


def open_dashboard(aws: LocalAws, name: str) -> Response:
    return Response(aws, {}, method="GET", path=dashboard_path(name, get_credentials(aws.port).page_key))


@pytest.fixture
def cloudwatch(aws: LocalAws) -> Any:
    return client("cloudwatch", aws.port, *LOCATION)


def test_a_dashboard_shows_published_metrics_and_states_of_alarms(aws: LocalAws, cloudwatch: Any) -> None:
    time = aws.timeline.milliseconds // 1000 - 120
    data = [METRIC | {"Timestamp": time, "Values": [17.0, 42.0], "Counts": [2, 1]}]
    cloudwatch.put_metric_data(Namespace="Fairlane/Jobs", MetricData=data)
    rule = {"Namespace": "Fairlane/Jobs", "MetricName": "RunnableJobs", "Statistic": "Maximum", "Period": 60}
    comparison = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 20, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(AlarmName="bad", **rule, **comparison)
    cloudwatch.set_alarm_state(AlarmName="bad", StateValue="ALARM", StateReason="above 20")
    cloudwatch.put_dashboard(DashboardName="mine", DashboardBody=json.dumps({"widgets": WIDGETS}))
    response = open_dashboard(aws, "mine")

    assert response.status == 200
    assert '<span class="value">42</span>' in response.body
    assert "Waiting &lt;b&gt;jobs&lt;/b&gt;" in response.body
    assert '<b class="state">In alarm</b> <span class="name">bad</span>' in response.body
    assert "Data: metrics of the local AWS." in response.body
    assert response.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{", "the dashboard mine, line 1: invalid JSON"),
        (
            '{"widgets": [{"type": "metric", "width": 99}]}',
            "the dashboard mine is not a valid dashboard: widgets.0.width",
        ),
        (None, "the local AWS has no dashboard mine"),
    ],
)
def test_a_dashboard_that_cannot_be_drawn_is_an_error(aws: LocalAws, body: str | None, error: str) -> None:
    if body is not None:
        cloudwatch_backends[LOCATION[0]][LOCATION[1]].put_dashboard(name="mine", body=body)
    response = open_dashboard(aws, "mine")
    assert response.status == 400
    assert json.loads(response.body)["error"].startswith(error)
