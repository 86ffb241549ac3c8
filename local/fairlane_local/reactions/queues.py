"""Event source mappings, which pass the messages of SQS queues to functions in batches."""

import logging
from collections import deque
from typing import Any, Final

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.awslambda.utils import get_backend
from moto.sqs import models as sqs_models
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from fairlane_local.functions import FunctionError, Invocation, run_function
from fairlane_local.reactions.invocations import is_endless
from fairlane_local.simulation import current_simulation

_REPORTS: Final = "ReportBatchItemFailures"
_MAX_RECEIVED: Final = 10
_MAX_KEPT: Final = 1_000

_add_message = Queue.add_message
_create_mapping = LambdaBackend.create_event_source_mapping
_update_mapping = LambdaBackend.update_event_source_mapping
_planned: dict[str, int] = {}
"""Second of the next poll of each mapping."""
_delivered: deque[tuple[str, str, Invocation]] = deque(maxlen=_MAX_KEPT)


def install() -> None:
    """Make moto's queues have the local time, and call the mappings in the background.

    Moto's own mappings count a message as received and delivered when it is sent, although no function runs.
    """
    sqs_models.unix_time_millis = _milliseconds  # type: ignore[assignment, attr-defined]
    SQSBackend.is_message_valid_based_on_retention_period = _is_retained  # type: ignore[method-assign]
    Queue.add_message = _add_and_plan  # type: ignore[method-assign]
    LambdaBackend.create_event_source_mapping = _create_and_plan  # type: ignore[method-assign]
    LambdaBackend.update_event_source_mapping = _update_and_plan  # type: ignore[method-assign]


def reset() -> None:
    """Forget the polls of an earlier local AWS of this process."""
    _planned.clear()
    _delivered.clear()


def take_delivered(account_id: str, region: str) -> list[Invocation]:
    """Return the results of the latest batches that no earlier call has returned."""
    taken = [invocation for *location, invocation in _delivered if location == [account_id, region]]
    others = [entry for entry in _delivered if entry[:2] != (account_id, region)]
    _delivered.clear()
    _delivered.extend(others)
    return taken


def _milliseconds(when: Any = None) -> float:
    return current_simulation().timeline.milliseconds


def _is_retained(self: SQSBackend, queue_name: str, message: Message) -> bool:
    queue: Any = self.get_queue(queue_name)
    seconds = int(queue.message_retention_period)
    return int(message.sent_timestamp or 0) + 1000 * seconds > _milliseconds()


def _add_and_plan(self: Queue, message: Message) -> None:
    _add_message(self, message)
    _plan_queue(self, max(0, int(message.delayed_until - _milliseconds())))


def _create_and_plan(self: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
    mapping = _create_mapping(self, spec)
    for queue in sqs_backends[self.account_id][self.region_name].queues.values():
        queue.lambda_event_source_mappings.clear()
    _plan_mapping(self, mapping)
    return mapping


def _update_and_plan(self: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
    mapping = _update_mapping(self, uuid, spec)
    if mapping:
        _plan_mapping(self, mapping)
    return mapping


def _plan_mapping(backend: LambdaBackend, mapping: EventSourceMapping) -> None:
    for queue in [*sqs_backends[backend.account_id][backend.region_name].queues.values()]:
        if queue.queue_arn == mapping.event_source_arn and queue._messages:
            _plan_queue(queue, 0)


def _plan_queue(queue: Queue, delay_ms: int) -> None:
    """Plan the next poll of the mappings of a queue: at the end of the batching window, or at once for a full batch."""
    timeline = current_simulation().timeline
    for mapping in _mappings(queue):
        window = 0 if len(queue.messages) >= mapping.batch_size else mapping.max_batch_window or 0
        with timeline.lock:
            _plan(mapping, queue, timeline.second + max(window, -(-delay_ms // 1000)))


def _plan(mapping: EventSourceMapping, queue: Queue, second: int) -> None:
    timeline = current_simulation().timeline
    if _planned.get(mapping.uuid, second + 1) <= second:
        return
    if second <= timeline.second and is_endless(mapping.function_arn):
        second = timeline.second + 1
    _planned[mapping.uuid] = second

    def poll() -> None:
        with timeline.lock:  # the batch has all messages of the second
            is_current = _planned.get(mapping.uuid) == second
            if is_current:
                del _planned[mapping.uuid]
        if is_current:
            _deliver(mapping, queue)

    if second <= timeline.second:
        timeline.react(poll)
    else:
        timeline.call_at(second, lambda _: timeline.react(poll))
        timeline.wake()


def _mappings(queue: Queue) -> list[EventSourceMapping]:
    mappings = get_backend(queue.account_id, queue.region).list_event_source_mappings(queue.queue_arn, "")
    return [mapping for mapping in mappings if mapping.enabled]


def _deliver(mapping: EventSourceMapping, queue: Queue) -> None:
    """Pass the visible messages of a queue to the function of a mapping, in batches, and plan the next poll.

    The number of messages is bounded, because failed messages can become visible again at once.
    """
    left = len(queue.messages)
    try:
        while left > 0 and mapping in _mappings(queue) and (messages := _receive(mapping, queue)):
            left -= len(messages)
            failed = _failed_messages(mapping, queue, messages)
            sqs = sqs_backends[queue.account_id][queue.region]
            for message in messages:
                if message.id not in failed:
                    sqs.delete_message(queue.name, message.receipt_handle or "")
            queue.deleted_messages.clear()
    finally:
        _plan_next(mapping, queue)


def _plan_next(mapping: EventSourceMapping, queue: Queue) -> None:
    """Plan the poll of the messages that are left. A message behind one of its group is visible, but not received."""
    timeline = current_simulation().timeline
    if mapping in _mappings(queue) and (others := [_visible_at(message) for message in [*queue._messages]]):
        with timeline.lock:
            visible = int(min(others) // 1000) - timeline.clock.start + 1
            _plan(mapping, queue, max(timeline.second + 1, visible))


def _visible_at(message: Message) -> float:
    return max(message.visible_at, message.delayed_until)


def _receive(mapping: EventSourceMapping, queue: Queue) -> list[Message]:
    sqs = sqs_backends[queue.account_id][queue.region]
    visibility_timeout = max(1, int(queue.__dict__["visibility_timeout"] or 0))  # no message twice in a second
    messages: list[Message] = []
    while len(messages) < mapping.batch_size:
        number = min(_MAX_RECEIVED, mapping.batch_size - len(messages))
        received = sqs.receive_message(queue.name, number, 0, visibility_timeout)
        if not received:
            break
        messages += received
    return messages


def _failed_messages(mapping: EventSourceMapping, queue: Queue, messages: list[Message]) -> set[str]:
    """Run the function for a batch, and return the IDs of the messages that stay in the queue."""
    all_ids = {str(message.id) for message in messages}
    event = {"Records": [_record(message, queue) for message in messages]}
    location = (queue.account_id, queue.region)
    try:
        invocation = run_function(current_simulation().port, *location, mapping.function_arn, event)
    except FunctionError as error:
        _delivered.append((*location, error.invocation))
        return all_ids
    _delivered.append((*location, invocation))
    if _REPORTS not in (mapping.function_response_types or ()) or not invocation.answer:
        return set()
    try:
        failed = {failure["itemIdentifier"] for failure in invocation.answer.get("batchItemFailures") or ()}
    except (AttributeError, KeyError, TypeError):
        failed = {""}
    if not failed <= all_ids:
        text = "the function of %s returned unknown batch item failures: all messages of the batch are received again"
        logging.getLogger(__name__).warning(text, queue.name)
        return all_ids
    return failed


def _record(message: Message, queue: Queue) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": message.approximate_receive_count,
        "SentTimestamp": message.sent_timestamp,
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: str(value) for name, value in attributes.items() if value is not None},
        "messageAttributes": {},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }
