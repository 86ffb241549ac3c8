"""Output of processes as events of log streams."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from moto.logs.exceptions import ResourceAlreadyExistsException
from moto.logs.models import LogsBackend

_LONGEST: Final = 16 * 1024
"""Bytes of the longest line. A longer one is split."""


class LogWriter:
    """Log stream that keeps the latest lines of a process.

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
        self._waiting: deque[bytes] = deque(maxlen=lines)
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
                self._waiting.append(line[start : start + _LONGEST])
                self._received += 1

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
        self._waiting.clear()
        events = [{"timestamp": now, "message": message or " "} for message in messages]
        self._logs.put_log_events(self._group, self._stream, events)
        if self._received > self._limit:
            del stream.events[: max(0, len(stream.events) - self._limit)]
            left_out = self._received - self._limit
            stream.events[0].message = f"[The local AWS keeps {self._limit} lines; {left_out + 1} older lines are lost]"
