"""Output of processes as events of log streams."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from moto.logs.exceptions import ResourceAlreadyExistsException
from moto.logs.models import LogEvent, LogsBackend

_LONGEST: Final = 16 * 1024
"""Bytes of the longest line. A longer one is split."""
_MEBIBYTES: Final = 4
_MAX_BYTES: Final = _MEBIBYTES << 20


class LogWriter:
    """Log stream that keeps the latest lines of a process, at most 4 MiB.

    Args:
        logs: CloudWatch Logs of the account and Region.
        group: Name of the log group, which is created if it does not exist.
        stream: Name of the log stream, which is created if it does not exist.
        lines: Number of lines that the stream keeps.
        milliseconds: Function that returns the time.
    """

    def __init__(self, logs: LogsBackend, group: str, stream: str, lines: int, milliseconds: Callable[[], int]) -> None:
        with suppress(ResourceAlreadyExistsException):
            logs.create_log_group(group, {})
        with suppress(ResourceAlreadyExistsException):
            logs.create_log_stream(group, stream)
        self._logs, self._group, self._stream = logs, group, stream
        self._milliseconds = milliseconds
        self._limit = lines
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._kept: deque[int] = deque()
        self._partial = b""
        self._received = 0

    def write(self, output: bytes) -> None:
        """Take output. Nothing is in the log stream before `flush`."""
        *lines, self._partial = (self._partial + output).split(b"\n")
        if len(self._partial) >= _LONGEST:
            lines.append(self._partial)
            self._partial = b""
        for line in lines:
            for start in range(0, len(line), _LONGEST) or (0,):
                self._append(line[start : start + _LONGEST])

    def flush(self, *, at_end: bool = False) -> None:
        """Put the lines into the log stream, and delete the oldest lines above the limit.

        Args:
            at_end: True to put a last line without a line feed, too.
        """
        if at_end and self._partial:
            self.write(b"\n")
        if not self._waiting or self._group not in self._logs.groups:
            return
        stream = self._logs.groups[self._group].streams.get(self._stream)
        if stream is None:
            return
        now = self._milliseconds()
        messages = [line.decode(errors="replace").rstrip("\r") for line in self._waiting]
        self._kept.extend(map(len, self._waiting))
        self._waiting.clear()
        self._waiting_bytes = 0
        events = [{"timestamp": now, "message": message or " "} for message in messages]
        self._logs.put_log_events(self._group, self._stream, events)
        size = sum(self._kept)
        while len(self._kept) > self._limit or size > _MAX_BYTES:
            size -= self._kept.popleft()
        del stream.events[: max(0, len(stream.events) - len(self._kept))]  # a new stream can have fewer events
        LogEvent.instances_tracked.clear()  # type: ignore[attr-defined]  # moto would keep each event forever
        lost = self._received - len(self._kept)
        if lost:
            limits = f"{self._limit} lines and {_MEBIBYTES} MiB"
            stream.events[0].message = f"[The local AWS keeps {limits}; {lost + 1} older lines are lost]"

    def _append(self, line: bytes) -> None:
        self._received += 1
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        while len(self._waiting) > self._limit or self._waiting_bytes > _MAX_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft())
