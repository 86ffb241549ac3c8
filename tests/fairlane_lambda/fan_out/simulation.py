"""Simulated time: threads of which one runs at a time, in the order of their times. Equal runs are equal."""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from fairlane_lambda.fan_out.clock import Clock


def _gate() -> "threading.Lock":
    gate = threading.Lock()
    gate.acquire()
    return gate


class _Thread:
    def __init__(self, function: Callable[[], object], parent: "_Thread | None") -> None:
        self.function = function
        self.parent = parent
        self.children = 0
        self.error: BaseException | None = None
        self.gate = _gate()


class Simulation:
    """Scheduler of simulated threads.

    Attributes:
        now: Current time in epoch milliseconds.
    """

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now
        self._count = 0
        self._queue: list[tuple[int, int, _Thread]] = []
        self._current: _Thread | None = None
        self._end = _gate()

    def run(self, functions: Sequence[Callable[[], object]]) -> None:
        """Run functions as threads until all threads end. Raise the first error of one of them."""
        threads = [self._spawn(function, None) for function in functions]
        self._next()
        self._end.acquire()
        for thread in threads:
            if thread.error is not None:
                raise thread.error

    def spawn(self, function: Callable[[], object]) -> None:
        """Start a thread that nobody waits for, and whose errors nobody sees."""
        self._spawn(function, None)

    def together(self, functions: Sequence[Callable[[], object]]) -> None:
        """Run functions as threads until all of them end. Raise the first error."""
        parent = self._current
        assert parent is not None
        parent.children = len(functions)
        threads = [self._spawn(function, parent) for function in functions]
        self._park()
        for thread in threads:
            if thread.error is not None:
                raise thread.error

    def sleep_until(self, then: int) -> None:
        if then <= self.now:
            return
        if not self._queue or then < self._queue[0][0]:
            self.now = then
            return
        self._push(then, self._current)
        self._park()

    def lock(self) -> AbstractContextManager[object]:
        return _Lock(self)

    def _spawn(self, function: Callable[[], object], parent: _Thread | None) -> _Thread:
        thread = _Thread(function, parent)
        threading.Thread(target=self._run, args=(thread,), daemon=True).start()
        self._push(self.now, thread)
        return thread

    def _run(self, thread: _Thread) -> None:
        thread.gate.acquire()
        try:
            thread.function()
        except BaseException as error:
            thread.error = error
        parent = thread.parent
        if parent is not None:
            parent.children -= 1
            if not parent.children:
                self._push(self.now, parent)
        self._next()

    def _push(self, time: int, thread: _Thread | None) -> None:
        assert thread is not None
        self._count += 1
        heapq.heappush(self._queue, (time, self._count, thread))

    def _next(self) -> None:
        if not self._queue:
            self._end.release()
            return
        time, _, thread = heapq.heappop(self._queue)
        self.now = max(self.now, time)
        self._current = thread
        thread.gate.release()

    def _park(self) -> None:
        thread = self._current
        assert thread is not None
        self._next()
        thread.gate.acquire()


class _Lock(AbstractContextManager["_Lock"]):
    """Lock that a thread can hold while it sleeps."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._is_held = False
        self._waiting: deque[_Thread] = deque()

    def __enter__(self) -> "_Lock":
        if self._is_held:
            assert self._simulation._current is not None
            self._waiting.append(self._simulation._current)
            self._simulation._park()
        self._is_held = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._waiting:
            self._simulation._push(self._simulation.now, self._waiting.popleft())
        else:
            self._is_held = False


class Killed(BaseException):
    """End of a function that AWS Lambda killed."""


class FunctionRun(Clock):
    """Clock of one run of a function, which can be killed.

    Args:
        simulation: The simulation.
        deadline: Time in epoch milliseconds at which AWS Lambda kills the function.
    """

    def __init__(self, simulation: Simulation, deadline: int) -> None:
        self.simulation = simulation
        self.deadline = deadline
        self.is_killed = False

    def check(self) -> None:
        """Raise `Killed` if the function was killed."""
        if self.is_killed or self.simulation.now >= self.deadline:
            raise Killed

    def now(self) -> int:
        self.check()
        return self.simulation.now

    def sleep_until(self, then: int) -> None:
        self.check()
        self.simulation.sleep_until(min(then, self.deadline))
        self.check()

    def lock(self) -> AbstractContextManager[object]:
        return self.simulation.lock()

    def together(self, functions: Sequence[Callable[[], object]]) -> None:
        self.simulation.together(functions)
