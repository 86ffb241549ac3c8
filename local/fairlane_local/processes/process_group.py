"""Processes of an attempt, with their log streams."""

import os
import selectors
import signal
import time
from collections.abc import Sequence
from socket import socket
from typing import Final

from fairlane_local.processes.instance import Instance
from fairlane_local.processes.logs import LogWriter

_FLUSH_SECONDS: Final = 0.2
_BLOCK: Final = 1 << 16
_KILLED: Final = 128 + signal.SIGKILL


class Processes:
    """Processes of an attempt.

    Args:
        instances: Processes.
        writers: Log streams of the processes.
    """

    def __init__(self, instances: Sequence[Instance], writers: Sequence[LogWriter]) -> None:
        self._instances = instances
        self._ends: dict[int, tuple[int, bool]] = {}
        self._first_failure: int | None = None
        self._selector = selectors.DefaultSelector()
        self._next_flush = 0.0
        self._writers = writers
        for number, instance in enumerate(instances):
            os.set_blocking(instance.output, False)
            self._selector.register(instance.output, selectors.EVENT_READ, (self._read, number))
            self._selector.register(instance.control, selectors.EVENT_READ, (self._end, number))

    def watch(self, wakes: socket) -> None:
        """Return from `poll` also when a socket is readable."""
        self._selector.register(wakes, selectors.EVENT_READ, (lambda _: wakes.recv(_BLOCK), 0))

    def poll(self, seconds: float) -> None:
        """Handle output and ends until some come, or for a number of seconds."""
        for key, _ in self._selector.select(max(0.0, min(seconds, _FLUSH_SECONDS))):
            function, number = key.data
            function(number)
        if time.monotonic() >= self._next_flush:
            self._flush()

    def have_ended(self, main: int | None) -> bool:
        """Return True if the attempt has ended. A process that fails ends it, unless there is a main process."""
        if main is not None:
            return main in self._ends
        return self._first_failure is not None or len(self._ends) == len(self._instances)

    def end(self, main: int | None) -> tuple[int, bool]:
        """Return the exit code that decides, and True if the process reached its memory limit."""
        decides = main if main is not None else self._first_failure or 0
        return self._ends.get(decides, (_KILLED, False))

    def signal(self, number: int) -> None:
        """Send a signal to the processes that run."""
        for index, instance in enumerate(self._instances):
            if index not in self._ends:
                instance.signal(number)

    def kill(self) -> None:
        """Kill all processes."""
        for instance in self._instances:
            instance.kill()

    def close(self) -> None:
        """Kill the processes that still run, and put the rest of the output into the logs."""
        self.kill()
        for number, instance in enumerate(self._instances):
            instance.wait()
            while self._read(number):
                pass
        self._selector.close()
        self._flush(at_end=True)

    def _read(self, number: int) -> bool:
        """Take output, and return True if there can be more."""
        try:
            block = os.read(self._instances[number].output, _BLOCK)
        except BlockingIOError:
            return False
        if block:
            self._writers[number].write(block)
        elif self._instances[number].output in self._selector.get_map():
            self._selector.unregister(self._instances[number].output)
        return bool(block)

    def _end(self, number: int) -> None:
        instance = self._instances[number]
        self._selector.unregister(instance.control)
        end = instance.end()
        self._ends[number] = end["exit_code"], end["out_of_memory"]
        if end["exit_code"] and self._first_failure is None:
            self._first_failure = number

    def _flush(self, *, at_end: bool = False) -> None:
        """Put the lines into the log streams, in at most a tenth of the time of this thread."""
        start = time.monotonic()
        for writer in self._writers:
            writer.flush(at_end=at_end)
        now = time.monotonic()
        self._next_flush = now + max(_FLUSH_SECONDS, 9 * (now - start))
