"""The Lambda function that polls queues once a minute."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from threading import Lock
from typing import Any, Final

from fairlane_lambda.emf import Metrics
from fairlane_lambda.queue_poller._batch import Calls, Definitions, log_failure
from fairlane_lambda.queue_poller._capacity import Snapshot
from fairlane_lambda.queue_poller._gauges import Gauge, Gauges
from fairlane_lambda.queue_poller._listing import Listing
from fairlane_lambda.queue_poller._queue import Queue, read_queues

_THREADS: Final = 8
_LATE_MS: Final = 20_000  # more than a call takes with all its retries

_client_lock: Final = Lock()
_definitions: Final = Definitions()


def handler(event: object, context: Any) -> None:
    """Prints the gauges of queues in CloudWatch's embedded metric format, a line for each queue and each of its shares.

    A call that fails costs only the gauges that need it, and a queue that fails costs no other one. When less than
    twenty seconds are left, no queue is begun and no call made.

    None of this was run against an AWS account. What the API's model says but nobody has seen: that service jobs in
    state RUNNABLE have a `capacityUsage`, that the one of an array job is that of each child, and that service jobs in
    queues with fair-share scheduling use instances, not vCPUs.

    Args:
        event: `{"queues": [...]}`, each as `Queue` describes it.
        context: of the invocation.

    Raises:
        ValueError: the input is malformed.
    """
    queues = read_queues(event)
    now = _now()
    metrics = Metrics()
    with ThreadPoolExecutor(_THREADS) as threads:
        polls = {threads.submit(_poll_safely, queue, now, context): queue for queue in queues}
        for poll in as_completed(polls):
            for share, gauges in poll.result().items():
                for name, value in gauges:
                    metrics.add(name, value, queue=polls[poll].name, share=share)
            metrics.write(now)


def _poll_safely(queue: Queue, now: int, context: Any) -> dict[str | None, list[Gauge]]:
    try:
        if not _is_late(context):
            return _poll(queue, now, context)
    except Exception as error:  # a mistake of ours in one queue must not cost the others
        log_failure(queue.name, "the poll", error)
    return {None: [("PollErrors", 1)]}


def _poll(queue: Queue, now: int, context: Any) -> dict[str | None, list[Gauge]]:
    """The gauges by share; those of the queue itself have None for a share."""
    begun = time.monotonic()
    with _client_lock:
        client = _batch()
    calls = Calls(client, queue.name, lambda: _is_late(context))
    snapshot = Snapshot(calls("get_job_queue_snapshot", jobQueue=queue.name), queue)
    listing = Listing(queue, snapshot.shares.keys())
    listing.list_jobs(calls, _definitions, lambda: _is_late(context))
    gauges = Gauges(queue, listing, snapshot, now)
    seconds = time.monotonic() - begun
    of_queue = [*gauges.of_queue(), ("PollErrors", calls.errors), ("PollSeconds", seconds)]
    return {None: of_queue, **dict(gauges.of_shares())}


def _is_late(context: Any) -> bool:
    return bool(context.get_remaining_time_in_millis() < _LATE_MS)


def _now() -> int:
    return int(time.time() * 1000)


@cache
def _batch() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "adaptive", "total_max_attempts": 3}
    return boto3.client("batch", config=Config(retries=retries, connect_timeout=2, read_timeout=3))
