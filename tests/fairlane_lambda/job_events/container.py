"""Warm container of the events function: its memory, its standard output, and time without waiting."""

import errno
import io
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch

from fairlane_lambda import emf
from fairlane_lambda.job_events import descriptions
from fairlane_lambda.job_events import handler as module
from fairlane_lambda.output import Output
from tests.fairlane_lambda.job_events.jobs import NOW

TIMEOUT_SECONDS = 60

Describe = Callable[[str], dict[str, Any]]


class Pipe(io.RawIOBase):
    """Pipe behind standard output, which can fail.

    Attributes:
        written: Bytes that were written.
        room: Number of bytes until writing fails. None if writing does not fail.
        failed: True if writing failed.
    """

    def __init__(self) -> None:
        self.written = b""
        self.room: int | None = None
        self.failed = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        taken = bytes(data)[: self.room]
        if data and not taken:
            self.failed = True
            raise OSError(errno.EPIPE, "broken pipe")
        self.written += taken
        if self.room is not None:
            self.room -= len(taken)
        return len(taken)


class Clock:
    """Replacement of the module `time`, and context of an invocation. Calls that start at the same time overlap."""

    def __init__(self) -> None:
        self.now = 0.0
        self._end = 0.0
        self._calls_start = 0.0

    def start_invocation(self, seconds: float) -> None:
        self._end = self.now + seconds

    def get_remaining_time_in_millis(self) -> int:
        self._calls_start = self.now
        return int(1_000 * (self._end - self.now))

    def call(self, seconds: float) -> None:
        self.now = max(self.now, self._calls_start + seconds)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class SynchronousExecutor:
    """Executor without threads, for speed."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> "SynchronousExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item) for item in items]


def _no_description(job: str) -> dict[str, Any]:
    raise AssertionError(f"the handler asks for {job}")


class Client:
    """Client of AWS Batch."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe

    def describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        return self._describe(jobId)


class Container:
    """Warm container of the function.

    Args:
        describe: Returns the description of a service job.
        clock: Clock of the invocations.
        executor: Executor of the calls to AWS.

    Attributes:
        pipe: Pipe behind standard output.
        log: Text on standard error.
    """

    def __init__(
        self, describe: Describe | None = None, clock: Clock | None = None, executor: Any = SynchronousExecutor
    ) -> None:
        self.pipe = Pipe()
        self.log = io.StringIO()
        self._stdout = io.TextIOWrapper(io.BufferedWriter(self.pipe), encoding="utf-8")
        self._client = Client(describe or _no_description)
        self._clock = clock or Clock()
        self._executor = executor
        self._output = Output()
        self._memory: dict[str, Any] = {
            "_counted_events": OrderedDict(),
            "_cut_events": set(),
            "_uncounted_rejections": set(),
        }

    @property
    def printed(self) -> str:
        """Text that was printed."""
        return self.pipe.written.decode()

    def invoke(self, records: list[dict[str, Any]], seconds: float = TIMEOUT_SECONDS) -> set[str]:
        """Invoke the function with a number of seconds left, and return the ids of the records that failed."""
        self._clock.start_invocation(seconds)
        with ExitStack() as stack:
            for name, value in self._memory.items():
                stack.enter_context(patch.object(module, name, value))
            for target in (module, emf):
                stack.enter_context(patch.object(target, "OUTPUT", self._output))
            stack.enter_context(patch.object(module, "batch_client", lambda: self._client))
            stack.enter_context(patch.object(descriptions, "ThreadPoolExecutor", self._executor))
            stack.enter_context(patch.object(descriptions, "time", self._clock))
            stack.enter_context(patch("time.time", lambda: NOW))
            stack.enter_context(redirect_stdout(self._stdout))
            stack.enter_context(redirect_stderr(self.log))
            answer = module.handler({"Records": records}, self._clock)
        return {item["itemIdentifier"] for item in answer["batchItemFailures"]}
