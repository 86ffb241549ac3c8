"""Lines of a part that are left to submit, shared by the threads of a function."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from fairlane_lambda.fan_out.clock import Clock
from fairlane_lambda.fan_out.ledger import SUBMITTING, Ledger
from fairlane_lambda.fan_out.submit.parts import Part
from fairlane_lambda.fan_out.table import Item

LATEST_MS: Final = 5_000
"""Milliseconds after its time at which an attempt can still start its call."""
CALL_MS: Final = 15_000
"""Longest time of a call in milliseconds."""
LISTED_MS: Final = 60_000
"""Milliseconds after the end of an attempt until its job is in the lists of AWS Batch."""
_BLOCK: Final = 24
_STALE_MS: Final = 6_000
_LONGEST_SECONDS: Final = 60


def look_up_time(attempt: int) -> int:
    """Return the time from which on the job of an attempt can be looked up, in epoch milliseconds."""
    return attempt + LATEST_MS + CALL_MS + LISTED_MS


@dataclass(order=True)
class Task:
    """Line that is left to submit.

    Attributes:
        due: Time in epoch milliseconds before which there is nothing to do.
        offset: Offset of the line in its part.
        line: Fields of the line.
        claim: Item of its last attempt in the ledger. None: the line is not claimed.
        is_doubtful: True if an attempt can have made a job.
        refusal: Reason why AWS Batch refused an attempt that followed a doubtful one. AWS Batch also refuses the token
            of a job that exists.
    """

    due: int
    offset: int
    line: dict[str, Any] = field(compare=False)
    claim: Item | None = field(default=None, compare=False)
    is_doubtful: bool = field(default=False, compare=False)
    refusal: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """Digest of the line."""
        return str(self.line["digest"])


class Work:
    """Lines of a part that are left to submit.

    Args:
        part: The part.
        ledger: Ledger of the fan-out.
        manifest: Name of the manifest.
        clock: Clock of the function.
        last: Time in epoch milliseconds at which the function stops to start calls.

    Attributes:
        is_stopped: True if a person stopped the manifest.
    """

    def __init__(self, part: Part, ledger: Ledger, manifest: str, clock: Clock, last: int) -> None:
        self._part = part
        self._ledger = ledger
        self._manifest = manifest
        self._clock = clock
        self._last = last
        self._lock = clock.lock()
        self._new: deque[Task] = deque()
        self._waiting: list[Task] = []
        self._open: dict[int, Task] = {}
        self._is_over = False
        self._is_closed = False
        self._read_at = 0
        self.is_stopped = False

    @property
    def offset(self) -> int:
        """Offset of the first line that is left."""
        return min(self._open, default=self._part.offset)

    @property
    def is_done(self) -> bool:
        """True if no line is left."""
        return not self._open and self._part.is_at_end

    @property
    def seconds(self) -> int:
        """Number of seconds to wait before the next function can do something."""
        if not self._part.is_at_end or len(self._waiting) < len(self._open):
            return 1
        due = min(task.due for task in self._waiting)
        return min(_LONGEST_SECONDS, max(0, due - self._clock.now()) // 1000 + 1)

    def take(self) -> Task | None:
        """Return the next line, or None if nothing is left for this thread. Wait for a line that is not due yet."""
        while True:
            with self._lock:
                if self._is_over or self._clock.now() > self._last:
                    return None
                while not (self._new or self._part.is_at_end or self.is_stopped):
                    self._read_block()
                if self.is_stopped:
                    return None
                due = self._waiting[0].due if self._waiting else None
                if due is not None and due <= self._clock.now():
                    return heapq.heappop(self._waiting)
                if self._new:
                    return self._new.popleft()
            if due is None or due > self._last:
                return None
            self._clock.sleep_until(due)

    def put_back(self, task: Task, due: int) -> None:
        """Put a line back, to be taken again from a time on, in epoch milliseconds."""
        task.due = due
        with self._lock:
            heapq.heappush(self._waiting, task)

    def finish(self, task: Task) -> None:
        """Remove a line from the work."""
        with self._lock:
            del self._open[task.offset]

    def follow(self, task: Task, item: Item) -> None:
        """Finish a line or put it back, as its item in the ledger says."""
        if item.get("state") != SUBMITTING:
            self.finish(task)
            return
        task.claim, task.is_doubtful = item, True
        self.put_back(task, look_up_time(item["attempted_at"]))

    def end(self) -> None:
        """Let no thread take another line."""
        self._is_over = True

    def close(self) -> None:
        """Let no thread take another line or submit its own."""
        self._is_over = self._is_closed = True

    def may_submit(self) -> bool:
        """Return False if the manifest was stopped or a thread failed. The record is read again after six seconds."""
        with self._lock:
            if self._clock.now() - self._read_at > _STALE_MS:
                self._read_record(self._ledger.manifest(self._manifest) or {})
            return not (self.is_stopped or self._is_closed)

    def _read_block(self) -> None:
        lines = self._part.read(_BLOCK)
        tasks = [Task(0, line.offset, line.fields) for line in lines]
        self._open.update((task.offset, task) for task in tasks)
        record, items = self._ledger.read(self._manifest, [task.digest for task in tasks])
        self._read_record(record)
        for task in tasks:
            item = items.get(task.digest)
            if item is None:
                self._new.append(task)
            elif item["state"] != SUBMITTING:
                del self._open[task.offset]
            else:
                task.claim, task.is_doubtful = item, True
                task.due = look_up_time(item["attempted_at"])
                heapq.heappush(self._waiting, task)

    def _read_record(self, record: Item) -> None:
        self._read_at = self._clock.now()
        self.is_stopped = bool(record.get("stopped"))
