"""Events of a local AWS in the order of their time."""

import logging
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Event, RLock, Thread
from typing import Final, Protocol

from fairlane_local.clock import Clock

_LONGEST_WAIT: Final = 3600.0
_RETRY_SECONDS: Final = 1.0


class Source(Protocol):
    """Part of the local AWS with events of its own, in whole seconds since the start of the clock."""

    def next_moment(self) -> int | None:
        """Return the second of the next event. None if nothing is left to happen."""

    def advance(self, to: int, *, complete: bool = False) -> None:
        """Process all events before a second and the ends of runs at the second or, if complete, all of its events."""


class Work:
    """Number of threads that are at work for the local AWS, for example for an execution of a state machine."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._threads = 0

    def begin(self) -> None:
        """Count a thread that starts, or that continues after a pause."""
        with self._changed:
            self._threads += 1

    def end(self) -> None:
        """Count a thread that ends, or that pauses until an event."""
        with self._changed:
            self._threads -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until no thread is at work. The caller must not hold the lock of the timeline."""
        with self._changed:
            self._changed.wait_for(lambda: self._threads == 0)


class Timeline:
    """Events by their second. They are processed by `catch_up` and, unless the clock is manual, by a thread.

    At each second, the sources end runs, then timers are called, then the sources start runs. A second ends when time
    moves on, so that everything that is submitted within a second competes.

    Args:
        clock: Clock of the local AWS.

    Attributes:
        clock: Clock of the local AWS.
        lock: Lock that a caller holds to read or change what events change.
        work: Threads at work. A manual clock moves when there are none.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = RLock()
        self.work = Work()
        self._sources: list[Source] = []
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()
        self._moment: int | None = None
        self._caught_up = 0
        self._wake = Event()
        self._stopped = False

    @property
    def second(self) -> int:
        """Current second, or the second that is being processed, since the start of the clock."""
        return int(self.clock.elapsed()) if self._moment is None else self._moment

    @property
    def milliseconds(self) -> int:
        """Current time, or the time of the second that is being processed, in milliseconds since the epoch."""
        return int(self.clock.now() * 1000) if self._moment is None else (self.clock.start + self._moment) * 1000

    def add(self, source: Source) -> None:
        """Add a source of events."""
        with self.lock:
            self.catch_up()
            source.advance(self._caught_up if self._moment is None else self._moment)
            self._sources.append(source)

    def call_at(self, second: int, callback: Callable[[int], None]) -> None:
        """Call a function at a second, with the second. Calls of one second keep their order."""
        heappush(self._timers, (second, next(self._numbers), callback))

    def clear(self) -> None:
        """Remove all sources and timers."""
        with self.lock:
            self._sources.clear()
            self._timers.clear()

    def catch_up(self) -> None:
        """Process all events until now."""
        with self.lock:
            if self._moment is not None:
                return
            now = self.second
            self._moment = self._caught_up
            try:
                while (moment := self.next_moment()) is not None and moment < now:
                    self._begin(moment)
                    for source in self._sources:
                        source.advance(moment, complete=True)
                self._begin(now)
                self._caught_up = now
            finally:
                self._moment = None

    def advance(self, seconds: float) -> None:
        """Move a manual or a paused clock forward, and process all events until then.

        The clock stops at each event until the threads that the event started have ended or wait for a later event.
        The caller must not hold the lock.

        Raises:
            LocalAwsError: If the clock runs, or if the number is negative.
        """
        self.clock.check_advance(seconds)
        self.work.wait()
        end = self.clock.elapsed() + seconds
        while True:
            with self.lock:
                moment = self.next_moment()
                target = end if moment is None else min(end, max(moment, self.second + 1))
                self.clock.advance(target - self.clock.elapsed())
                self.catch_up()
            self.work.wait()
            if target >= end:
                return

    def pause(self) -> None:
        """Process all events until now, and stop the clock.

        Raises:
            LocalAwsError: If the clock is manual.
        """
        with self.lock:
            self.clock.pause()
            self.catch_up()

    def resume(self) -> None:
        """Let a paused clock run on.

        Raises:
            LocalAwsError: If the clock is manual.
        """
        with self.lock:
            self.clock.resume()
        self.wake()

    def next_moment(self) -> int | None:
        """Return the second of the next event. None if nothing is left to happen."""
        with self.lock:
            if self._moment is None:
                self.catch_up()
            moments = [moment for source in self._sources if (moment := source.next_moment()) is not None]
            if self._timers:
                moments.append(self._timers[0][0])
            return min(moments, default=None)

    def wake(self) -> None:
        """Make the thread look at the next event again, because the caller added one."""
        self._wake.set()

    def start(self) -> None:
        """Start the thread that processes events when they are due."""
        if self.clock.speed is not None:
            Thread(target=self._run, name="timeline", daemon=True).start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped = True
        self._wake.set()

    def _begin(self, moment: int) -> None:
        """End the runs of a second, and call its timers."""
        self._moment = moment
        for source in self._sources:
            source.advance(moment)
        while self._timers and self._timers[0][0] <= moment:
            heappop(self._timers)[2](moment)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            seconds: float | None = _RETRY_SECONDS
            try:
                moment = self.next_moment()
                seconds = None if moment is None else self.clock.real_seconds_until(moment + 1)
            except Exception:  # without the thread, nothing would happen between requests
                logging.getLogger(__name__).exception("an event of the local AWS failed")
            self._wake.wait(None if seconds is None else min(seconds, _LONGEST_WAIT))
