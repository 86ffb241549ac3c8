"""Runs of event handlers: time on one core, logged bytes, calls and errors."""

import gc
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest import mock

Fields = dict[str, Any]
Handler = Callable[[Any, Any], Any]

BATCH = 100
_ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
_CONTEXT = SimpleNamespace(
    aws_request_id="00000000-0000-0000-0000-000000000000",
    function_name="benchmark",
    function_version="1",
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:benchmark",
    memory_limit_in_mb=128,
    get_remaining_time_in_millis=lambda: 300_000,
)


class Run:
    """Run of a handler over all events.

    Attributes:
        seconds: Processor time in seconds.
        logged: Number of bytes on stdout and stderr.
        calls: Number of calls to AWS.
        errors: Number of invocations that raised, and of records that were returned as failures.
    """

    def __init__(self, handler: Handler, invocations: Sequence[str], jobs: "Jobs | None" = None) -> None:
        self.errors = 0
        calls = jobs.calls if jobs else 0
        gc.collect()
        gc.freeze()  # excludes the benchmark's own objects from garbage collection
        with _captured() as sizes:
            begun = time.process_time()
            for text in invocations:
                try:
                    answer = handler(json.loads(text), _CONTEXT)
                except Exception:
                    self.errors += 1
                else:
                    self.errors += len(answer.get("batchItemFailures", ())) if isinstance(answer, dict) else 0
            self.seconds = time.process_time() - begun
        gc.unfreeze()
        self.calls = jobs.calls - calls if jobs else 0
        self.logged = sizes[0]


def batches(events: Sequence[Fields]) -> list[str]:
    """Return batches of SQS, as Lambda gets them."""
    records = [
        {
            "messageId": f"00000000-0000-0000-0000-{n:012}",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": json.dumps(event, separators=(",", ":")),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1793527200000"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:job-events",
            "awsRegion": "us-east-1",
        }
        for n, event in enumerate(events)
    ]
    return [json.dumps({"Records": records[start : start + BATCH]}) for start in range(0, len(records), BATCH)]


class Jobs:
    """Client of AWS Batch that describes the jobs of events without latency.

    Attributes:
        calls: Number of calls.
    """

    def __init__(self, events: Sequence[Fields]) -> None:
        self.calls = 0
        self._details = {event["detail"]["jobId"]: event["detail"] for event in events}

    def describe_jobs(self, jobs: Sequence[str]) -> Fields:
        """Return the response of DescribeJobs."""
        self.calls += 1
        return {"jobs": [self._details[job] for job in jobs if job in self._details]}

    def describe_service_job(self, jobId: str) -> Fields:  # noqa: N803 (name in boto3)
        """Return the response of DescribeServiceJob."""
        self.calls += 1
        detail: Fields = self._details[jobId]
        return detail

    def answer(self, operation: str, request: Fields) -> Fields:
        """Return the response of any AWS operation: empty except for descriptions of jobs."""
        if operation == "DescribeJobs":
            return self.describe_jobs(**request)
        if operation == "DescribeServiceJob":
            return self.describe_service_job(**request)
        self.calls += 1
        return {}


def client_without_network(events: Sequence[Fields]) -> Any:
    """Return boto3's client of AWS Batch with prepared responses, without network traffic."""
    answers = {
        event["detail"]["jobId"]: json.dumps({"jobs": [event["detail"]], **event["detail"]}).encode()
        for event in events
    }
    response = import_module("botocore.awsrequest").AWSResponse

    def send(request: Any, **_: object) -> Any:
        body = json.loads(request.body)
        answer = answers[body["jobId"] if "jobId" in body else body["jobs"][0]]
        return response(request.url, 200, {}, SimpleNamespace(stream=lambda: [answer]))

    client = import_module("boto3").client("batch", "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    client.meta.events.register("before-send.batch", send)
    return client


class Peer:
    """Handler of another project, which gets whole events. Its calls to AWS never leave the computer.

    Args:
        folder: Folder of the handler's modules.
        name: Name of the handler: `module:function`.
        takes: Input of one call: `event` or `batch`.
        events: All events.

    Raises:
        Exception: If the import of the handler's module raises.
    """

    def __init__(self, folder: str, name: str, takes: str, events: Sequence[Fields]) -> None:
        self._folder = folder
        self._jobs = Jobs(events)
        self._invocations = batches(events) if takes == "batch" else [json.dumps(event) for event in events]
        lambda_handler = logging.StreamHandler(sys.stdout)
        lambda_handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s\t%(message)s"))
        self._logging: tuple[list[logging.Handler], int] = [lambda_handler], logging.WARNING
        module, _, function = name.partition(":")
        with self._isolated():
            self._handler: Handler = getattr(import_module(module), function)

    def run(self) -> Run:
        """Run the handler once over all events."""
        with self._isolated():
            return Run(self._handler, self._invocations, self._jobs)

    @contextmanager
    def _isolated(self) -> Iterator[None]:
        """Give the handler its own module path, logging and AWS client until the end of the block."""
        root = logging.getLogger()
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, _ENVIRONMENT))
            stack.enter_context(mock.patch.object(sys, "path", [self._folder, *sys.path]))
            call, answer = "botocore.client.BaseClient._make_api_call", self._jobs.answer
            stack.enter_context(mock.patch(call, lambda _, operation, request: answer(operation, request)))
            original = root.handlers, root.level
            root.handlers = self._logging[0]
            root.setLevel(self._logging[1])
            try:
                yield
            finally:
                self._logging = root.handlers, root.level
                root.handlers = original[0]
                root.setLevel(original[1])


@contextmanager
def _captured() -> Iterator[list[int]]:
    """Capture stdout and stderr at the level of file descriptors, and append the number of bytes to the list."""
    sizes: list[int] = []
    copies = [(number, os.dup(number)) for number in (1, 2)]
    with tempfile.TemporaryFile() as file:
        _flush()
        for number, _ in copies:
            os.dup2(file.fileno(), number)
        try:
            yield sizes
        finally:
            _flush()
            for number, copy in copies:
                os.dup2(copy, number)
                os.close(copy)
            sizes.append(file.seek(0, os.SEEK_END))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
