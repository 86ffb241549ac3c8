"""Lambda function that polls queues once a minute."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from threading import Lock
from typing import Any, Final

from fairlane_lambda.emf import Metrics, is_value
from fairlane_lambda.queue_poller.batch import Calls, Definitions, log_failure
from fairlane_lambda.queue_poller.capacity import Snapshot
from fairlane_lambda.queue_poller.gauges import Gauge, Gauges
from fairlane_lambda.queue_poller.listing import Listing
from fairlane_lambda.queue_poller.pace import Pace
from fairlane_lambda.queue_poller.queue import Queue, read_queues

_THREADS: Final = 8
_LATE_SECONDS: Final = 20  # longer than a call
_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 3

_client_lock: Final = Lock()
_definitions: Final = Definitions()
_pace: Final = Pace()


def handler(event: object, context: Any) -> None:
    """Print the gauges of queues in CloudWatch's embedded metric format, one line for each queue and each share.

    A failed call affects only the gauges that need it. A failed queue affects no other queue. If less than 20 seconds
    are left, the function starts no poll and makes no call.

    Unverified: none of this was run against an AWS account. The following is from the model of the API only: service
    jobs in state RUNNABLE have a `capacityUsage`; the `capacityUsage` of an array job is that of each child; service
    jobs in queues with fair-share scheduling use instances, not vCPUs.

    Args:
        event: Input of the form `{"queues": [...]}`, with the fields of `Queue`.
        context: Context of the invocation.

    Raises:
        ValueError: If the input is malformed.
    """
    queues = read_queues(event)
    now = _now()
    metrics = Metrics()
    with ThreadPoolExecutor(_THREADS) as threads:
        polls = {threads.submit(_poll_safely, queue, now, context): queue for queue in queues}
        for poll in as_completed(polls):
            for share, gauges in poll.result().items():
                for name, value in gauges:
                    if is_value(value):
                        metrics.add(name, value, queue=polls[poll].name, share=share)
            metrics.write(now)


def _poll_safely(queue: Queue, now: int, context: Any) -> dict[str | None, list[Gauge]]:
    try:
        if _seconds_left(context) >= 0:
            return _poll(queue, now, context)
    except Exception as error:  # an error in one poll must not stop the other polls
        log_failure(queue.name, "poll", error)
    return {None: [("PollErrors", 1)]}


def _poll(queue: Queue, now: int, context: Any) -> dict[str | None, list[Gauge]]:
    """Return the gauges by share. The key of the gauges of the queue is None."""
    started = time.monotonic()
    with _client_lock:
        client = _batch()
    calls = Calls(client, queue.name, _pace, lambda: _seconds_left(context))
    snapshot = Snapshot(calls("get_job_queue_snapshot", jobQueue=queue.name), queue)
    listing = Listing(queue, snapshot.shares.keys())
    listing.list_jobs(calls, _definitions)
    gauges = Gauges(queue, listing, snapshot, now)
    seconds = time.monotonic() - started
    queue_gauges = [*gauges.queue_gauges(), ("PollErrors", calls.errors), ("PollSeconds", seconds)]
    return {None: queue_gauges, **dict(gauges.share_gauges())}


def _seconds_left(context: Any) -> float:
    """Return the number of seconds in which a call can start."""
    return float(context.get_remaining_time_in_millis() / 1000 - _LATE_SECONDS)


def _now() -> int:
    return int(time.time() * 1000)


@cache
def _batch() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},  # `Calls` repeats calls, and knows how much time is left
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
    )
    return boto3.client("batch", config=config)
