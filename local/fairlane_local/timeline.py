"""Events of a local AWS in the order of their time."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Event, RLock, Thread, get_ident
from typing import Final, Protocol

from fairlane_local.clock import Clock

_LONGEST_WAIT: Final = 3600.0
_RETRY_SECONDS: Final = 1.0
_REAL_SPEED: Final = 1.0
_REAL_THREADS: Final = 8


class Source(Protocol):
    """Part of the local AWS with events of its own, in whole seconds since the start of the clock."""

    def next_moment(self) -> int | None:
        """Return the second of the next event. None if nothing is left to happen."""

    def advance(self, to: int, *, complete: bool = False) -> None:
        """Process all events before a second and the ends of runs at the second or, if complete, all of its events."""


class Work:
    """Number of threads at work for the local AWS, for example runs of functions and executions of state machines.

    Args:
        on_idle: Called when the last thread has ended its work.

    Attributes:
        ends: Number of ends until now.
    """

    def __init__(self, on_idle: Callable[[], None]) -> None:
        self.ends = 0
        self._changed = Condition()
        self._threads = 0
        self._is_stopped = False
        self._on_idle = on_idle

    @property
    def is_busy(self) -> bool:
        """True if a thread is at work."""
        return self._threads > 0

    def begin(self) -> None:
        """Count a thread that starts, or that continues after a pause."""
        with self._changed:
            self._threads += 1

    def end(self) -> None:
        """Count a thread that ends, or that pauses until an event."""
        with self._changed:
            self._threads -= 1
            self.ends += 1
            is_idle = not self._threads
            self._changed.notify_all()
        if is_idle:
            self._on_idle()

    def wait(self) -> None:
        """Wait until no thread is at work. The caller must not hold the lock of the timeline."""
        with self._changed:
            self._changed.wait_for(lambda: not self._threads or self._is_stopped)

    def stop(self) -> None:
        """End all waits."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()


class Timeline:
    """Events by their second. They are processed by `catch_up` and, unless the clock is manual, by a thread.

    At each second, the sources end runs, then timers are called, then the sources start runs. A second ends when time
    moves on, so that everything that is submitted within a second competes.

    Reactions are calls that take real time, for example runs of functions. The lock is free while they run. Unless the
    clock has the speed of real time, time stands until no thread is at work, so that reactions see the second that they
    react to. With a manual clock, reactions wait until the clock is moved.

    Args:
        clock: Clock of the local AWS.

    Attributes:
        clock: Clock of the local AWS.
        lock: Lock that a caller holds to read or change what events change.
        work: Threads at work.
        clearings: Number of calls of `clear`.
        is_real: True if the clock has the speed of real time.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = RLock()
        self.clearings = 0
        self._sources: list[Source] = []
        self._permanent: list[Source] = []
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()
        self._moment: int | None = None
        self._is_processing = False
        self._processor = 0
        self._caught_up = 0
        self._wake = Event()
        self.work = Work(self.wake)
        self.is_real = clock.speed == _REAL_SPEED
        self._reactions: list[Callable[[], None]] = []
        self._executor = ThreadPoolExecutor(_REAL_THREADS if self.is_real else 1, "reactions")
        self._stopped = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the clock until now, or until the second that is being processed.

        While events are processed late, other threads see the clock, unless time stands.
        """
        moment = self._moment
        if moment is None or not (self._processor == get_ident() or self._is_held):
            return self.clock.elapsed()
        return float(moment)

    @property
    def second(self) -> int:
        """Current second, or the second that is being processed, since the start of the clock."""
        return int(self.elapsed)

    @property
    def milliseconds(self) -> int:
        """Current time, or the time of the second that is being processed, in milliseconds since the epoch."""
        return int((self.clock.start + self.elapsed) * 1000)

    def add(self, source: Source, *, permanent: bool = False) -> None:
        """Add a source of events. `clear` keeps permanent ones."""
        with self.lock:
            self.catch_up()
            source.advance(self._caught_up if self._moment is None else self._moment)
            self._sources.append(source)
            if permanent:
                self._permanent.append(source)

    def call_at(self, second: int, callback: Callable[[int], None]) -> None:
        """Call a function at a second, with the second. Calls of one second keep their order."""
        heappush(self._timers, (second, next(self._numbers), callback))

    def clear(self) -> None:
        """Remove all timers, reactions that do not run yet, and sources that are not permanent."""
        with self.lock:
            self.clearings += 1
            self._sources[:] = self._permanent
            self._timers.clear()
            self._reactions.clear()

    def react(self, call: Callable[[], None]) -> None:
        """Call a function in a thread of its own, without the lock. It can send requests to the local AWS."""
        with self.lock:
            self.hold()
            self._reactions.append(call)
            if self.clock.speed is not None:
                self._start_reactions()

    def hold(self) -> None:
        """Let the time of a fast clock stand at this second. It moves on when no thread is at work."""
        with self.lock:
            if self._moment is None and self.clock.speed is not None and not self.is_real:
                self.catch_up()
                self._moment = self._caught_up

    def catch_up(self) -> None:
        """Process all events until now, or until the second of a reaction."""
        with self.lock:
            now = int(self.clock.elapsed())
            if self._is_processing or (self._is_held and (self.work.is_busy or now > self._caught_up)):
                return
            self._moment = self._caught_up
            self._is_processing = True
            self._processor = get_ident()
            try:
                while (moment := self.next_moment()) is not None and moment < now:
                    self._begin(moment)
                    if not self._is_held:
                        for source in self._sources:
                            source.advance(moment, complete=True)
                    if self._is_held:
                        return
                self._begin(now)
            finally:
                self._is_processing = False
                self._processor = 0
                self._caught_up = self._moment
                if not self._is_held:
                    self._moment = None

    def advance(self, seconds: float) -> None:
        """Move a manual or a paused clock forward, and process all events until then with their reactions.

        The caller must not hold the lock.

        Raises:
            LocalAwsError: If the clock runs, or if the number is negative.
        """
        self.clock.check_advance(seconds)
        self.settle()
        with self.lock:
            self.clock.advance(seconds)
        self.settle()

    def settle(self) -> None:
        """Process all events until now, and wait for all reactions and work, also with a manual clock.

        The caller must not hold the lock.
        """
        while not self._stopped:
            with self.lock:
                ends = self.work.ends  # work that ends from here on may have kept the time from moving
                self.catch_up()
                self._start_reactions()
                if not self.work.is_busy and self.work.ends == ends:
                    return
            self.work.wait()

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
            if not self._is_processing:
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
        """Stop the threads. Reactions that run go on until they return."""
        self._stopped = True
        self._wake.set()
        self.work.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    @property
    def _is_held(self) -> bool:
        return not self.is_real and (self.work.is_busy or bool(self._reactions))

    def _start_reactions(self) -> None:
        reactions, self._reactions = self._reactions, []
        for reaction in [] if self._stopped else reactions:
            self.work.begin()
            self._executor.submit(self._run_reaction, reaction)

    def _run_reaction(self, reaction: Callable[[], None]) -> None:
        try:
            reaction()
        except Exception:
            logging.getLogger(__name__).exception("a reaction of the local AWS failed")
        finally:
            self.work.end()

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
                is_idle = moment is None or self._is_held
                seconds = None if is_idle else self.clock.real_seconds_until((moment or 0) + 1)
            except Exception:  # without the thread, nothing would happen between requests
                logging.getLogger(__name__).exception("an event of the local AWS failed")
            self._wake.wait(None if seconds is None else min(seconds, _LONGEST_WAIT))
