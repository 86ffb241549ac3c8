"""Pace of job submissions in a Region, shared by all manifests of a fan-out by an item of its ledger."""

from collections import deque
from typing import Final

from fairlane_lambda.fan_out.clock import Clock
from fairlane_lambda.fan_out.table import Key, Table

SLOT_MS: Final = 200
"""Milliseconds between two submissions in a Region: AWS Batch allows five SubmitServiceJob calls a second."""
SLOTS: Final = 25
"""Number of slots that one update of the item reserves."""
LEAD_MS: Final = 50
"""Milliseconds before its slot at which a line is claimed."""
_FIRST_MS: Final = 1_000
_LONGEST_MS: Final = 60_000
_MOST_SLOWDOWNS: Final = 6


class Pace:
    """Slots for submissions in a Region. No two functions get the same slot.

    A throttled call, and one that the Region does not answer, moves the clock of the Region by a second, and by twice
    as much each time until a call succeeds, up to a minute.

    Args:
        table: Table of the ledger.
        region: Name of the Region.
        clock: Clock of the function.
        last: Time of the last slot that the function can use, in epoch milliseconds.
    """

    def __init__(self, table: Table, region: str, clock: Clock, last: int) -> None:
        self._table = table
        self._key: Key = ("pace", region)
        self._clock = clock
        self._last = last
        self._lock = clock.lock()
        self._slots: deque[int] = deque()
        self._pause_end = 0
        self._slowdowns = 0

    def take(self) -> int | None:
        """Return the time of the next slot in epoch milliseconds, or None if it is after the last one."""
        with self._lock:
            while True:
                earliest = max(self._pause_end, self._clock.now() + LEAD_MS)
                while self._slots and self._slots[0] < earliest:
                    self._slots.popleft()
                if not self._slots and not self._reserve():
                    return None
                if self._slots[0] > self._last:
                    return None
                if self._slots[0] >= max(self._pause_end, self._clock.now()):
                    return self._slots.popleft()

    def speed_up(self) -> None:
        """Forget the throttled calls after a successful call."""
        self._slowdowns = 0

    def slow_down(self, slot: int) -> None:
        """Move the clock of the Region after a call that AWS throttled or did not answer.

        Args:
            slot: Slot of the call. If the clock was moved after that, this call does not count.
        """
        with self._lock:
            if slot < self._pause_end:
                return
            self._pause_end = self._clock.now() + min(_LONGEST_MS, _FIRST_MS << self._slowdowns)
            self._slowdowns = min(self._slowdowns + 1, _MOST_SLOWDOWNS)
            condition = "attribute_not_exists(#next) OR #next < :then"
            self._table.update(self._key, "SET #next = :then", condition, {"then": self._pause_end})

    def _reserve(self) -> bool:
        """Reserve slots. Return False if they are after the last one."""
        cost = SLOT_MS * SLOTS
        while True:
            now = self._clock.now() + LEAD_MS
            values = {"now": now, "cost": cost, "last": self._last}
            condition = "#next >= :now AND #next <= :last"
            end, item = self._table.update(self._key, "SET #next = #next + :cost", condition, values)
            if not end and item.get("next", 0) > self._last:
                return False
            if not end:
                condition = "attribute_not_exists(#next) OR #next < :now"
                values = {"now": now, "then": now + cost}
                end, item = self._table.update(self._key, "SET #next = :then", condition, values)
            if end:
                self._slots.extend(range(item["next"] - cost, item["next"], SLOT_MS))
                return True
