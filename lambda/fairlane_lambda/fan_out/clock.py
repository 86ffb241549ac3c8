"""Time, sleep and threads of a function. Tests replace them by simulated ones."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Lock


class Clock:
    """Clock of the system."""

    def now(self) -> int:
        """Return the current time in epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def sleep_until(self, then: int) -> None:
        """Sleep until a time in epoch milliseconds."""
        time.sleep(max(0, then - self.now()) / 1000)

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock that a thread can hold during calls to AWS."""
        return Lock()

    def together(self, functions: Sequence[Callable[[], object]]) -> None:
        """Run functions in threads until all of them end.

        Raises:
            Exception: If a function raised it. The first of them counts.
        """
        with ThreadPoolExecutor(len(functions)) as threads:
            results = [threads.submit(function) for function in functions]
        for result in results:
            result.result()
