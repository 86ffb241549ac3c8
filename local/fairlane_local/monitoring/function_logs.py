"""Log groups and metrics of Lambda functions."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from moto.awslambda.models import LambdaFunction
from moto.logs.models import LogStream, logs_backends

from fairlane_local.monitoring.metrics import metric_store

if TYPE_CHECKING:
    from fairlane_local.functions import Invocation

MAX_EVENTS: Final = 10_000
"""Number of events that a log stream keeps."""


def stream_name(milliseconds: int) -> str:
    """Return the name of the log stream of a process that starts at a time."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y/%m/%d}/[$LATEST]{uuid4().hex}"


def log_invocation(
    function: LambdaFunction, invocation: "Invocation", stream: str, request_id: str, started: int, duration: int
) -> None:
    """Write the log events of an invocation as Lambda does, and the metrics of the function.

    Args:
        function: Function.
        invocation: Result of the invocation.
        stream: Name of the log stream.
        request_id: ID of the invocation.
        started: Start of the invocation, in milliseconds since the epoch.
        duration: Duration of the invocation, in milliseconds.
    """
    lines = [
        f"START RequestId: {request_id} Version: $LATEST",
        *invocation.output,
        *invocation.log.splitlines(),
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {duration}.00 ms\tMemory Size: {function.memory_size} MB",
    ]
    log = _log_stream(function, stream)
    log.put_log_events([{"timestamp": started, "message": line} for line in lines])
    del log.events[:-MAX_EVENTS]
    store = metric_store(function.account_id, function.region)
    dimensions = {"FunctionName": str(function.function_name)}
    is_failed = float(invocation.error is not None)
    for name, value, unit in (
        ("Invocations", 1.0, "Count"),
        ("Errors", is_failed, "Count"),
        ("Duration", float(duration), "Milliseconds"),
    ):
        store.put("AWS/Lambda", name, dimensions, value, started, unit)


def _log_stream(function: LambdaFunction, name: str) -> LogStream:
    groups = logs_backends[function.account_id][function.region].groups
    group_name = str(function.logs_group_name)
    if group_name not in groups:
        logs_backends[function.account_id][function.region].create_log_group(group_name, {})
    streams: dict[str, LogStream] = groups[group_name].streams
    if name not in streams:
        streams[name] = LogStream(groups[group_name], name)
    return streams[name]
