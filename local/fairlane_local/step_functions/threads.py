"""Threads of executions, which wait on the local clock."""

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from fairlane_local.timeline import Timeline

_NO_TIMEOUT: Final = 99_999_999
"""Timeout of a state that sets none, in seconds."""

_LONGEST_REAL_WAIT: Final = 3600.0
_STOP_SECONDS: Final = 5.0


class Interrupted(SystemExit):
    """End of a thread whose execution has ended, or whose server stops."""


class Executions:
    """Threads of all executions of a local AWS, as a source of events: the ends of their waits.

    Args:
        timeline: Events of the local AWS.
        port: Port that the local AWS listens on.
    """

    def __init__(self, timeline: Timeline, port: int) -> None:
        self.timeline = timeline
        self.port = port
        self.lock = threading.Lock()
        self.threads: set[ExecutionThread] = set()
        self.pauses: set[Pause] = set()
        self.stopped = False
        timeline.add(self, permanent=True)

    def next_moment(self) -> int | None:
        """Return the second at which the next wait ends."""
        with self.lock:
            return min((pause.second for pause in self.pauses if pause.second is not None), default=None)

    def advance(self, to: int, *, complete: bool = False) -> None:
        """End the waits until a second."""
        with self.lock:
            due = [pause for pause in self.pauses if pause.second is not None and pause.second <= to]
        for pause in due:
            pause.end(result=False)

    def stop(self) -> None:
        """End all executions."""
        with self.lock:
            self.stopped = True
            pauses, threads = [*self.pauses], [*self.threads]
        for pause in pauses:
            pause.end(interrupted=True)
        for thread in threads:
            thread.end(_STOP_SECONDS)


_current: list[Executions] = []


def set_executions(executions: Executions) -> None:
    """Set the executions of a local AWS that starts."""
    _current[:] = [executions]


def current_executions() -> Executions:
    """Return the executions of the local AWS that started last in this process."""
    return _current[-1]


class ThreadGroup:
    """Threads of one execution.

    Attributes:
        account_id: Account of the execution.
        started: Event at the start of the first state, or at the end of the execution.
    """

    def __init__(self) -> None:
        self.executions = current_executions()
        self.account_id = ""
        self.started = threading.Event()
        self.interrupted = False

    def interrupt(self) -> None:
        """End the threads of the execution that wait for something else than another thread's end."""
        with self.executions.lock:
            self.interrupted = True
            pauses = [pause for pause in self.executions.pauses if pause.thread.group is self and pause.interruptible]
        for pause in pauses:
            pause.end(interrupted=True)


class Pause:
    """Wait of a thread.

    Args:
        thread: Thread that waits.
        seconds: Longest wait in seconds of the local clock. None for no limit.
        interruptible: True if the end of the execution ends the wait.

    Attributes:
        second: Second of the local clock at which the wait ends at the latest. None for no limit.

    Raises:
        Interrupted: If the execution has ended, or if the server stops.
    """

    def __init__(self, thread: "ExecutionThread", seconds: float | None, *, interruptible: bool) -> None:
        self.thread = thread
        self.interruptible = interruptible
        self._executions = thread.group.executions
        self._timeline = self._executions.timeline
        self._deadline = None if seconds is None or seconds >= _NO_TIMEOUT else self._timeline.elapsed + seconds
        self.second = None if self._deadline is None else math.ceil(self._deadline)
        self._ended = threading.Event()
        self._result = False
        self._interrupted = False
        with self._executions.lock:
            if self._executions.stopped or (thread.group.interrupted and interruptible):
                raise Interrupted
            self._executions.pauses.add(self)

    def end(self, *, result: bool = True, interrupted: bool = False) -> None:
        """End the wait, unless it has ended. The thread counts as working before this call returns."""
        with self._executions.lock:
            if self not in self._executions.pauses:
                return
            self._executions.pauses.remove(self)
            self._result, self._interrupted = result, interrupted
            self._executions.timeline.work.begin()
        self._ended.set()

    def wait(self) -> bool:
        """Return the result after the end of the wait.

        Raises:
            Interrupted: If the execution has ended, or if the server stops.
        """
        self._executions.timeline.work.end()
        while not self._ended.wait(self._real_seconds()):
            if self._deadline is not None and self._timeline.elapsed >= self._deadline:
                self.end(result=False)
        if self._interrupted:
            raise Interrupted
        return self._result

    def _real_seconds(self) -> float | None:
        """Return the longest wait for an end by the timeline, which ends waits up to two seconds late."""
        if self._deadline is None or not self._timeline.is_real:
            return None
        seconds = self._timeline.clock.real_seconds_until(self._deadline)
        return None if seconds is None else min(seconds, _LONGEST_REAL_WAIT)


class ClockEvent:
    """`threading.Event` whose timeout is of the local clock if a thread of an execution waits."""

    def __init__(self, *, interruptible: bool = True) -> None:
        self._interruptible = interruptible
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._pauses: set[Pause] = set()

    def is_set(self) -> bool:
        """Return True if the event is set."""
        return self._event.is_set()

    def set(self) -> None:
        """Set the event, and end all waits for it."""
        with self._lock:
            self._event.set()
            pauses, self._pauses = self._pauses, set()
        for pause in pauses:
            pause.end()

    def clear(self) -> None:
        """Clear the event."""
        self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set, and return True, or return False after the timeout."""
        thread = threading.current_thread()
        if not isinstance(thread, ExecutionThread):
            return self._event.wait(timeout)
        with self._lock:
            if self._event.is_set() or (timeout is not None and timeout <= 0):
                return self._event.is_set()
            pause = Pause(thread, timeout, interruptible=self._interruptible)
            self._pauses.add(pause)
        try:
            return pause.wait()
        finally:
            with self._lock:
                self._pauses.discard(pause)


class ExecutionThread(threading.Thread):
    """Thread of an execution. A thread that another thread does not start begins an execution.

    Attributes:
        group: Threads of the execution.
    """

    def __init__(
        self,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        daemon: bool | None = None,
    ) -> None:
        super().__init__(target=target, name=name, args=args, kwargs=kwargs, daemon=daemon)
        parent = threading.current_thread()
        self.group: ThreadGroup = parent.group if isinstance(parent, ExecutionThread) else ThreadGroup()
        self._is_first = not isinstance(parent, ExecutionThread)
        self._ended = ClockEvent(interruptible=False)

    def start(self) -> None:
        """Start the thread, which counts as working."""
        executions = self.group.executions
        executions.timeline.hold()
        with executions.lock:
            if executions.stopped:
                raise Interrupted
            executions.threads.add(self)
            executions.timeline.work.begin()
        super().start()

    def run(self) -> None:
        """Run the target."""
        executions = self.group.executions
        try:
            with suppress(Interrupted):
                super().run()
        finally:
            if self._is_first:
                self.group.started.set()
            self._ended.set()
            with executions.lock:
                executions.threads.discard(self)
            executions.timeline.work.end()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the target has ended, at most for a number of seconds of the local clock."""
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        """Return True until the target has ended."""
        return not self._ended.is_set()

    def end(self, seconds: float) -> None:
        """Wait until the thread has ended, at most for a number of real seconds."""
        super().join(seconds)


def sleep(seconds: float) -> None:
    """Wait for a number of seconds of the local clock."""
    ClockEvent().wait(seconds)


def execution_group() -> ThreadGroup:
    """Return the threads of the execution that calls."""
    thread = threading.current_thread()
    assert isinstance(thread, ExecutionThread)
    return thread.group
