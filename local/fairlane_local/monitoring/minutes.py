"""Work of CloudWatch at each minute of the local clock: metrics of SQS queues, then the evaluation of alarms."""

import logging
from collections.abc import Callable
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from fairlane_local.monitoring import alarm_evaluation
from fairlane_local.monitoring.metrics import metric_store
from fairlane_local.simulation import current_simulation
from fairlane_local.timeline import Timeline

_MINUTE = 60
_started: list[tuple[Timeline, int]] = []
"""Timeline whose minutes are planned, and its number of clearings."""
_create_queue = SQSBackend.create_queue


def install() -> None:
    """Make moto's queues publish metrics, and evaluate its alarms."""
    SQSBackend.create_queue = _create_and_start  # type: ignore[method-assign]
    CloudWatchBackend.put_metric_alarm = _put_and_start  # type: ignore[method-assign]


def start_minutes() -> None:
    """Plan the next minute of the local clock, unless it is planned."""
    timeline = current_simulation().timeline
    with timeline.lock:
        if _started != [(timeline, timeline.clearings)]:
            _started[:] = [(timeline, timeline.clearings)]
            _plan(timeline)
    timeline.wake()


def _create_and_start(self: SQSBackend, *args: Any, **more: Any) -> Queue:
    queue = _create_queue(self, *args, **more)
    start_minutes()
    return queue


def _put_and_start(self: CloudWatchBackend, *args: Any, **more: Any) -> Alarm:
    alarm = alarm_evaluation.put_alarm(self, *args, **more)
    start_minutes()
    return alarm


def _plan(timeline: Timeline) -> None:
    next_minute = (timeline.clock.start + timeline.second) // _MINUTE + 1
    timeline.call_at(next_minute * _MINUTE - timeline.clock.start, lambda second: _minute(timeline, second))


def _minute(timeline: Timeline, second: int) -> None:
    time = timeline.clock.start + second
    queues = [
        queue for regions in [*sqs_backends.values()] for sqs in [*regions.values()] for queue in [*sqs.queues.values()]
    ]
    alarms = [backend for regions in [*cloudwatch_backends.values()] for backend in [*regions.values()]]
    if queues or any(backend.alarms for backend in alarms):
        _plan(timeline)
    else:
        _started.clear()
    for queue in queues:
        _try(lambda queue=queue: _measure(queue, time))  # type: ignore[misc]
    for backend in alarms:
        _try(lambda backend=backend: alarm_evaluation.evaluate_alarms(backend, time))  # type: ignore[misc]


def _try(work: Callable[[], None]) -> None:
    """Do the work of one queue or Region. A failure does not end the work of the others."""
    try:
        work()
    except Exception:
        logging.getLogger(__name__).exception("the work of a minute failed")


def _measure(queue: Queue, time: int) -> None:
    """Publish the metrics that Amazon SQS publishes for a queue each minute."""
    messages = [*queue._messages]
    visible = sum(message.visible and not message.delayed for message in messages)
    delayed = sum(message.delayed for message in messages)
    oldest = min((int(message.sent_timestamp or 0) for message in messages), default=1000 * time)
    store = metric_store(queue.account_id, queue.region)
    for name, value, unit in (
        ("ApproximateNumberOfMessagesVisible", visible, "Count"),
        ("ApproximateNumberOfMessagesDelayed", delayed, "Count"),
        ("ApproximateNumberOfMessagesNotVisible", len(messages) - visible - delayed, "Count"),
        ("ApproximateAgeOfOldestMessage", max(0, time - oldest // 1000), "Seconds"),
    ):
        store.put("AWS/SQS", name, {"QueueName": queue.name}, value, 1000 * time, unit)
