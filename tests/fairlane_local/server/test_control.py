"""Control calls of the local AWS: wrong requests, shortages of capacity, and resets."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from fairlane_local import LocalAws, LocalAwsError, client
from fairlane_local.clock import Clock
from fairlane_local.server.background import control
from fairlane_local.server.credentials import get_credentials
from fairlane_local.server.guard import CONTROL, TOKEN_HEADER
from fairlane_local.simulation import current_simulation
from tests.fairlane_local.batch.jobs.support import fifo_queue, submit


@pytest.fixture
def port() -> Iterator[int]:
    with LocalAws(clock=Clock(None)) as aws:
        yield aws.port


def post(port: int, body: str, token: str | None = None, path: str = CONTROL) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, {TOKEN_HEADER: get_credentials(port).token if token is None else token})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content.get("fairlane_local", content)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "the request must be a JSON object of at most 65536 bytes"),
        ("[]", "the request must be a JSON object of at most 65536 bytes"),
        ("{" + " " * 70_000 + "}", "the request must be a JSON object of at most 65536 bytes"),
        (
            "{}",
            "action: got None, allowed: advance, pause, resume, jobs, history, capacity-shortage, notifications, clusters",
        ),
        (
            '{"action": "reset"}',
            "action: got 'reset', allowed: advance, pause, resume, jobs, history, capacity-shortage, notifications, clusters",
        ),
        (
            '{"action": ["advance"]}',
            "action: got ['advance'], allowed: advance, pause, resume, jobs, history, capacity-shortage, notifications, clusters",
        ),
        ('{"action": "advance"}', "seconds: got None, allowed: int or float"),
        ('{"action": "advance", "seconds": true}', "seconds: got True, allowed: int or float"),
        ('{"action": "advance", "seconds": -1}', "the clock cannot advance by -1 seconds: use 0 to 31,622,400"),
        ('{"action": "advance", "seconds": NaN}', "the clock cannot advance by nan seconds: use 0 to 31,622,400"),
        ('{"action": "jobs", "queue": 1}', "queue: got 1, allowed: str"),
        ('{"action": "history", "queue": "a"}', "the local AWS has no queue a; its queues: none"),
    ],
)
def test_a_wrong_request_is_an_error_in_one_sentence(port: int, body: str, error: str) -> None:
    assert post(port, body) == (400, {"error": error})


def test_a_control_call_requires_the_token(port: int) -> None:
    status, content = post(port, '{"action": "advance", "seconds": 60}', token="wrong")
    assert (status, content["__type"]) == (403, "AccessDenied")
    assert control(port, "advance", seconds=0)["elapsed"] == 0


def test_a_clock_that_is_not_manual_cannot_be_moved() -> None:
    with LocalAws() as aws, pytest.raises(LocalAwsError, match="the clock is not manual: start the local AWS with"):
        control(aws.port, "advance", seconds=1)


def test_capacity_shortages_start_and_end(port: int) -> None:
    assert control(port, "capacity-shortage", instance_type="b", end=False) == {"shortages": ["b"]}
    assert control(port, "capacity-shortage", instance_type="a", end=False) == {"shortages": ["a", "b"]}
    assert control(port, "capacity-shortage", instance_type="b", end=True) == {"shortages": ["a"]}
    with pytest.raises(LocalAwsError, match="there is no capacity shortage of b; shortages: a"):
        control(port, "capacity-shortage", instance_type="b", end=True)


def test_a_reset_of_moto_also_deletes_events_and_shortages(port: int) -> None:
    batch = client("batch", port, "123456789012", "us-east-1")
    submit(batch, fifo_queue(batch), run=60)
    control(port, "advance", seconds=1)
    control(port, "capacity-shortage", instance_type="ml.g5.xlarge", end=False)
    assert current_simulation().timeline.next_moment() == 60
    assert post(port, "", path="/moto-api/reset") == (200, {"status": "ok"})
    assert current_simulation().timeline.next_moment() is None
    assert current_simulation().shortages == set()

    job = submit(batch, fifo_queue(batch), run=60)
    control(port, "advance", seconds=1)
    assert batch.describe_service_job(jobId=job)["status"] == "RUNNING"


def test_alarms_are_evaluated_after_a_reset(port: int) -> None:
    cloudwatch = client("cloudwatch", port, "123456789012", "us-east-1")
    alarm = {"Namespace": "A", "MetricName": "b", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "TreatMissingData": "breaching"}
    for _ in range(2):
        cloudwatch.put_metric_alarm(AlarmName="missing", **alarm, **rule)
        control(port, "advance", seconds=600)
        assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"
        assert post(port, "", path="/moto-api/reset") == (200, {"status": "ok"})


def test_a_clock_pauses_moves_and_goes_on() -> None:
    with LocalAws() as aws:
        paused = control(aws.port, "pause")
        assert control(aws.port, "advance", seconds=600) == {key: value + 600 for key, value in paused.items()}
        assert control(aws.port, "resume")["elapsed"] >= paused["elapsed"] + 600
        with pytest.raises(LocalAwsError, match="the clock is not manual"):
            control(aws.port, "advance", seconds=1)


def test_the_clock_of_processes_cannot_be_moved(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_simulation(), "runner", object())
    for action in ("pause", "advance"):
        with pytest.raises(LocalAwsError, match="jobs run as processes, in real time"):
            control(port, action, seconds=1)
