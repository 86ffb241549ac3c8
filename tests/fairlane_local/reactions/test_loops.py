"""Reactions that cause themselves, targets that fail and limits of stored data, without a server."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest
from moto.cloudwatch.models import Alarm
from moto.core.utils import utcnow
from moto.events.models import EventsBackend, events_backends
from moto.logs.models import logs_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.sns.models import sns_backends
from moto.sqs.models import Queue, sqs_backends

from fairlane_local.clock import Clock
from fairlane_local.functions import FunctionError, Invocation
from fairlane_local.monitoring import log_metrics
from fairlane_local.monitoring.metrics import metric_store
from fairlane_local.reactions import invocations, queues, targets, topics
from fairlane_local.server import services
from fairlane_local.simulation import Simulation, set_simulation
from fairlane_local.timeline import Timeline

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
FUNCTION: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


@pytest.fixture
def timeline() -> Timeline:
    services.install()
    moto_api_backend.reset()
    simulation = Simulation(Timeline(Clock(None)))
    set_simulation(simulation)
    queues.reset()
    topics.reset()
    return simulation.timeline


@pytest.fixture
def bus(timeline: Timeline) -> EventsBackend:
    return events_backends[ACCOUNT][REGION]


def add_queue(name: str, **attributes: str) -> Queue:
    return sqs_backends[ACCOUNT][REGION].create_queue(name, {}, **attributes)


def put_rule(bus: EventsBackend, *inputs: dict[str, Any], name: str = "r", bus_name: str = "default") -> None:
    pattern = json.dumps({"source": ["own", "aws.cloudwatch"]})
    bus.put_rule(name, event_bus_arn=bus_name, event_pattern=pattern)
    bus.put_targets(name, bus_name, [{"Id": str(number), **target} for number, target in enumerate(inputs)])


def bus_arn(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"


def put_event(bus: EventsBackend) -> None:
    bus.put_events([{"Source": "own", "DetailType": "kind", "Detail": "{}"}])


def map_queue(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., Invocation], *, batch_size: int = 10
) -> SimpleNamespace:
    """Map all queues to a function, and return the mapping."""
    mapping = SimpleNamespace(
        uuid="m",
        function_arn=FUNCTION,
        batch_size=batch_size,
        max_batch_window=0,
        function_response_types=(),
    )
    monkeypatch.setattr(queues, "_mappings", lambda queue: [mapping])
    monkeypatch.setattr(queues, "run_function", run)
    return mapping


def send(queue: Queue, body: str, **settings: Any) -> None:
    sqs_backends[ACCOUNT][REGION].send_message(queue.name, body, **settings)


@pytest.mark.parametrize("error", [FunctionError("f", Invocation(None, (), "", {})), ValueError("gone")])
def test_a_failing_message_of_a_group_does_not_keep_time_from_moving(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    seconds: list[int] = []

    def run(*_: Any) -> Invocation:
        seconds.append(timeline.second)
        raise error

    map_queue(monkeypatch, run, batch_size=1)
    queue = add_queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="30")
    for body in ("1", "2"):
        send(queue, body, group_id="g")
    timeline.advance(40)
    assert len(seconds) == 2
    assert seconds[1] >= seconds[0] + 30


def test_a_message_is_received_once_in_a_second_without_a_visibility_timeout(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[tuple[int, int]] = []

    def run(*arguments: Any) -> Invocation:
        batches.append((timeline.second, len(arguments[-1]["Records"])))
        raise FunctionError("f", Invocation(None, (), "", {}))

    map_queue(monkeypatch, run)
    send(add_queue("q", VisibilityTimeout="0"), "m")
    timeline.advance(10)
    assert {number for _, number in batches} == {1}
    assert len({second for second, _ in batches}) == len(batches) > 1


def test_a_function_that_sends_to_its_own_queue_does_not_keep_time_from_moving(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "_MAX_CAUSED", 3)
    seconds: list[int] = []
    queue = add_queue("q")

    def run(*_: Any) -> Invocation:
        seconds.append(timeline.second)
        send(queue, "again")
        return Invocation(None, (), "")

    map_queue(monkeypatch, run)
    send(queue, "m")
    timeline.advance(2)
    assert {*seconds} == {0, 1, 2}
    assert not queue.deleted_messages


def test_a_function_that_invokes_itself_does_not_keep_time_from_moving(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(invocations, "_MAX_CAUSED", 3)
    seconds: list[int] = []

    def run(*_: Any) -> Invocation:
        seconds.append(timeline.second)
        invocations.invoke_later(ACCOUNT, REGION, FUNCTION, {})
        return Invocation(None, (), "")

    monkeypatch.setattr(invocations, "run_function", run)
    monkeypatch.setattr(invocations, "deployed_function", lambda *_: SimpleNamespace(event_invoke_config=[]))
    invocations.invoke_later(ACCOUNT, REGION, FUNCTION, {})
    timeline.advance(2)
    assert [seconds.count(second) for second in range(3)] == [4, 4, 4]
    assert "is invoked more than 3 times in one second" in caplog.text


def test_a_request_may_invoke_a_function_any_number_of_times(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "_MAX_CAUSED", 3)
    assert not any(invocations.is_endless(FUNCTION) for _ in range(10))


@pytest.mark.parametrize(
    "bad",
    [
        {"Arn": bus_arn("missing")},
        {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "Input": "not JSON"},
        {"Arn": bus_arn("default")},
    ],
)
def test_a_bad_target_does_not_fail_the_request_or_other_targets(bus: EventsBackend, bad: dict[str, Any]) -> None:
    queue = add_queue("q")
    put_rule(bus, bad, {"Arn": queue.queue_arn})
    put_event(bus)
    assert len(queue.messages) == 1


def test_a_missing_target_is_one_line_of_the_log(bus: EventsBackend, caplog: pytest.LogCaptureFixture) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:missing"
    put_rule(bus, {"Arn": arn})
    put_event(bus)
    (record,) = [record for record in caplog.records if arn in record.getMessage()]
    assert record.getMessage().startswith(f"an event was not delivered to {arn}: NotFound")
    assert record.exc_info is None


def test_an_event_passes_two_buses_that_forward_to_each_other_once(bus: EventsBackend) -> None:
    queue = add_queue("q")
    bus.create_event_bus("second")
    put_rule(bus, {"Arn": bus_arn("second")}, {"Arn": queue.queue_arn})
    put_rule(bus, {"Arn": bus_arn("default")}, {"Arn": queue.queue_arn}, bus_name="second")
    put_event(bus)
    assert len(queue.messages) == 2


def test_a_scheduled_rule_with_a_bad_target_calls_the_others(timeline: Timeline, bus: EventsBackend) -> None:
    queue = add_queue("q")
    bus.put_rule("r", event_bus_arn="default", scheduled_expression="rate(1 minute)")
    bad = {"Id": "bad", "Arn": queue.queue_arn, "Input": "not JSON"}
    bus.put_targets("r", "default", [bad, {"Id": "q", "Arn": queue.queue_arn}])
    timeline.advance(60)
    assert len(queue.messages) == 1


def test_an_alarm_runs_its_actions_although_its_event_fails(
    bus: EventsBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError

    monkeypatch.setattr(EventsBackend, "put_events", fail)
    topic = sns_backends[ACCOUNT][REGION].create_topic("t").arn
    alarm = SimpleNamespace(
        name="a",
        alarm_arn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a",
        rule="ALARM(b)",
        description="",
        history=[],
        state_value="OK",
        state_reason="",
        state_reason_data="{}",
        state_updated_timestamp=utcnow(),
        configuration_updated_timestamp=utcnow(),
        actions_enabled=True,
        alarm_actions=[topic],
    )
    Alarm.update_state(alarm, "reason", "{}", "ALARM")  # type: ignore[arg-type]
    assert [item["topic"] for item in topics.notifications()] == [topic]


def test_log_streams_and_topics_keep_the_latest_entries(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MAX_EVENTS", 2)
    monkeypatch.setattr(topics, "_MAX_SENT", 2)
    logs = logs_backends[ACCOUNT][REGION]
    logs.create_log_group("g", {})
    topic = sns_backends[ACCOUNT][REGION].create_topic("t")
    for number in range(4):
        targets.send(ACCOUNT, REGION, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"}, str(number))
        targets.send(ACCOUNT, REGION, {"Arn": topic.arn}, str(number))
    assert [event.message for event in logs.groups["g"].streams["events"].events] == ["2", "3"]
    assert len(topic.sent_notifications) == 2


@pytest.mark.parametrize(("age_seconds", "count"), [(0, 1), (-30 * 86_400, 0), (15 * 86_400, 0), (13 * 86_400, 1)])
def test_metrics_of_log_events_have_the_times_of_put_metric_data(
    timeline: Timeline, age_seconds: int, count: int
) -> None:
    directive = {"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "M"}]}
    milliseconds = timeline.milliseconds - 1000 * age_seconds
    line = json.dumps({"_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}, "M": 1})
    log_metrics.publish(ACCOUNT, REGION, [line])
    assert metric_store(ACCOUNT, REGION).samples.count == count
