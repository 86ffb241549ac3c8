"""Lambda function that submits the lines of a part of a manifest in their Region until its time is over.

A state machine calls the function again while its status is `MORE`. Each line is submitted exactly once, even if calls
fail, answers get lost, or functions die or run twice.
"""

import os
import secrets
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name, is_temporary
from fairlane_lambda.fan_out.clock import Clock
from fairlane_lambda.fan_out.lease import Lease, Run
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.pace import Pace
from fairlane_lambda.fan_out.submit.batch import SubmitError
from fairlane_lambda.fan_out.submit.parts import Part
from fairlane_lambda.fan_out.submit.submitter import Submitter
from fairlane_lambda.fan_out.submit.work import Work
from fairlane_lambda.fan_out.table import Table

THREADS: Final = 4
"""Number of threads. With calls of 250 ms, one thread would use every second slot."""
_LATE_MS: Final = 30_000  # longer than a call and the writes after it
_PAUSE_SECONDS: Final = 30

_client_lock: Final = Lock()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Submit lines of a part.

    Args:
        event: `manifest`, `version`, `region`, `part` (key of the part), `lines` (number of its lines) and `offset`
            (bytes in front of the first line to submit).
        context: Context of the invocation.

    Returns:
        The event with a new `offset` and `status`: `DONE`, `STOPPED`, or `MORE`, then with `seconds` to wait.

    Raises:
        SubmitError: If AWS denies access or refuses a call for another reason than the line, or if the part is empty.
    """
    clock = Clock()
    deadline = clock.now() + context.get_remaining_time_in_millis()
    run = Run(f"{context.aws_request_id}-{secrets.token_hex(4)}", deadline, clock)
    ledger = Ledger(Table(_client("dynamodb"), os.environ["TABLE"]))
    part = Part(_client("s3"), os.environ["BUCKET"], event["part"], event["offset"])
    return submit_part(event, ledger, part, _batch, run)


def submit_part(
    event: dict[str, Any],
    ledger: Ledger,
    part: Part,
    clients: Callable[[str], Any],
    run: Run,
    threads: int = THREADS,
) -> dict[str, Any]:
    """Submit lines of a part, and return the answer of the function.

    Args:
        event: Input of the function.
        ledger: Ledger of the fan-out.
        part: The part.
        clients: Returns the boto3 client of AWS Batch in a Region, without retries of its own.
        run: Run of the function.
        threads: Number of threads. Default: 4.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    manifest, region = event["manifest"], event["region"]
    last = run.deadline - _LATE_MS
    work = Work(part, ledger, manifest, run.clock, last)
    pace = Pace(ledger.table, region, run.clock, last)
    submitter = Submitter(clients, ledger, work, pace, event, run)
    lease = Lease(ledger.table, manifest, region, run)
    try:
        if seconds := lease.acquire():
            return {**event, "status": "MORE", "seconds": seconds}
        try:
            run.clock.together([submitter.run] * threads)
        finally:
            lease.release()
    except (BotoCoreError, ClientError) as error:
        if not is_temporary(error):
            operation = getattr(error, "operation_name", "a call")
            raise SubmitError(f"{operation} failed for Region {region}: {error_name(error)}") from None
        return {**event, "status": "MORE", "seconds": _PAUSE_SECONDS, "offset": work.offset}
    if work.is_done and not part.offset and event.get("lines"):
        raise SubmitError(f"{event['part']}: the part is empty, but it has {event['lines']:,} lines")
    if work.is_done or work.is_stopped:
        return {**event, "status": "DONE" if work.is_done else "STOPPED", "seconds": 0, "offset": work.offset}
    return {**event, "status": "MORE", "seconds": work.seconds, "offset": work.offset}


@cache
def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 4}
    return boto3.client(service, config=Config(retries=retries, connect_timeout=1, read_timeout=3))


def _batch(region: str) -> Any:
    with _client_lock:
        return _new_batch(region)


@cache
def _new_batch(region: str) -> Any:
    import boto3
    from botocore.config import Config

    # A repeated call could make a second job. Together, the timeouts are shorter than CALL_MS.
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=10)
    return boto3.client("batch", region_name=region, config=config)
