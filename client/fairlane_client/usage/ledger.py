"""Use of a queue's capacity by share: own, borrowed, lost, lent and idle, in integers that add up exactly."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from fairlane_client.usage.holds import Gap, Hold

SCALE: Final = 1000
"""Amounts are counted in thousandths of a capacity unit: the entitlements of fair share have fractions."""


class RowKind(StrEnum):
    """Kind of a row."""

    SHARE = "share"
    """Share of the queue."""
    UNOWNED = "no share"
    """Capacity that no share owns."""
    OTHER_QUEUES = "other queues"
    """Capacity that other queues of the same environments used."""
    UNKNOWN = "unknown"
    """Capacity whose use is unknown."""
    ABOVE = "above capacity"
    """Use above the current capacity, as a negative amount."""


@dataclass(slots=True)
class Amounts:
    """Amounts of a row in thousandths of a unit times milliseconds.

    Args:
        own: Use within the share's entitlement.
        borrowed: Use above the entitlement.
        lost: Use by attempts that were preempted.
        idle: Entitlement of the share that nobody used.
        lent: Entitlement of the share that other shares used. It is part of their `borrowed` or `lost`, and is not in
            the sum.
        other: Amount of a row of kind `OTHER_QUEUES`, `UNKNOWN` or `ABOVE`.
        gpus: GPUs that the share's jobs held, times milliseconds. None if they are unknown for a job.
    """

    own: int = 0
    borrowed: int = 0
    lost: int = 0
    idle: int = 0
    lent: int = 0
    other: int = 0
    gpus: int | None = 0

    @property
    def used(self) -> int:
        """Use by the share's jobs."""
        return self.own + self.borrowed + self.lost

    @property
    def total(self) -> int:
        """Part of the row in capacity times time."""
        return self.used + self.idle + self.other


@dataclass(frozen=True, slots=True)
class Row:
    """Row of a unit.

    Args:
        unit: Capacity unit.
        kind: Kind of the row.
        share: Name of the share. Empty for other rows, and in a queue without shares.
        amounts: Amounts.
    """

    unit: str
    kind: RowKind
    share: str
    amounts: Amounts

    @property
    def label(self) -> str:
        """Name of the row in tables: its share, or its kind in parentheses."""
        if self.kind == RowKind.SHARE:
            return self.share or "(all jobs)"
        return f"({self.kind})"


def divide(total: int, weights: Sequence[int]) -> list[int]:
    """Return integers in proportion to weights, whose sum is the total. None is above its weight if the total fits."""
    whole = sum(weights)
    parts, before, cumulated = [], 0, 0
    for weight in weights:
        cumulated += weight
        until = total * cumulated // whole if whole else 0
        parts.append(until - before)
        before = until
    return parts


def unit_rows(
    unit: str,
    capacity: int,
    entitlements: Mapping[str, int],
    holds: Iterable[Hold],
    others: Iterable[Hold],
    gaps: Iterable[Gap],
    start: int,
    end: int,
) -> list[Row]:
    """Return the rows of a unit. The sum of their totals is capacity times time.

    Use above the share's entitlement is borrowed, and lost if attempts that were preempted held it. The shares with
    unused entitlement lend what others borrow, in proportion to it, because AWS assigns no instance to a share. In a
    gap, the capacity that no job is known to have used is unknown.

    Args:
        unit: Capacity unit.
        capacity: Capacity in thousandths.
        entitlements: Entitlement of each share in thousandths.
        holds: Use by jobs of the queue, in `unit`.
        others: Use by jobs of other queues of the same environments.
        gaps: Gaps. They can overlap.
        start: Start of the period, in milliseconds since 1970.
        end: End of the period.
    """
    ledger = _Ledger(capacity, entitlements)
    for hold in holds:
        ledger.add(hold, start, end)
    for hold in others:
        ledger.change((RowKind.OTHER_QUEUES, ""), hold.start, hold.end, hold.amount * SCALE, start, end)
    for gap in gaps:
        ledger.change((RowKind.UNKNOWN, ""), gap.start, gap.end, 1, start, end)
    ledger.count(start, end)
    own = [(RowKind.SHARE, share) for share in ledger.shares]
    rows = [Row(unit, kind, share, ledger.amounts[kind, share]) for kind, share in own]
    further = [(kind, ledger.amounts[kind, ""]) for kind in RowKind if kind != RowKind.SHARE]
    return rows + [Row(unit, kind, "", amounts) for kind, amounts in further if amounts.total or amounts.lent]


_Key = tuple[str, str]


class _Ledger:
    """Amounts of one unit, counted from change to change."""

    def __init__(self, capacity: int, entitlements: Mapping[str, int]) -> None:
        self.capacity = capacity
        self.entitlements = Counter(entitlements)
        self.shares = list(entitlements)
        self.amounts: dict[_Key, Amounts] = defaultdict(Amounts)
        self._changes: dict[int, list[tuple[_Key, int]]] = defaultdict(list)
        self._unowned = max(0, capacity - sum(entitlements.values()))

    def add(self, hold: Hold, start: int, end: int) -> None:
        if hold.share not in self.entitlements:
            self.entitlements[hold.share] = 0
            self.shares.append(hold.share)
        amount = hold.amount * SCALE
        self.change((RowKind.SHARE, hold.share), hold.start, hold.end, amount, start, end)
        if hold.lost:
            self.change(("lost", hold.share), hold.start, hold.end, amount, start, end)
        amounts = self.amounts[RowKind.SHARE, hold.share]
        time = max(0, min(hold.end, end) - max(hold.start, start))
        if hold.gpus is None and time:
            amounts.gpus = None
        elif amounts.gpus is not None:
            amounts.gpus += (hold.gpus or 0) * time

    def change(self, key: _Key, since: int, until: int, amount: int, start: int, end: int) -> None:
        since, until = max(since, start), min(until, end)
        if until > since:
            self._changes[since].append((key, amount))
            self._changes[until].append((key, -amount))

    def count(self, start: int, end: int) -> None:
        level: Counter[_Key] = Counter()
        times = sorted({start, end, *self._changes})
        for since, until in pairwise(times):
            for key, amount in self._changes.get(since, ()):
                level[key] += amount
            self._count(level, until - since)

    def _count(self, level: Counter[_Key], time: int) -> None:
        """Count the time in which the use stays the same."""
        borrowed, unused = 0, []
        free = self.capacity
        for share in self.shares:
            use, lost = level[RowKind.SHARE, share], level["lost", share]
            entitled = self.entitlements[share]
            own = min(use - lost, entitled)
            amounts = self.amounts[RowKind.SHARE, share]
            amounts.own += own * time
            amounts.borrowed += (use - lost - own) * time
            amounts.lost += lost * time
            borrowed += max(0, use - entitled)
            unused.append(max(0, entitled - use))
            free -= use
        if free < 0:
            self.amounts[RowKind.ABOVE, ""].other += free * time
            free = 0
        others = min(free, level[RowKind.OTHER_QUEUES, ""])
        self.amounts[RowKind.OTHER_QUEUES, ""].other += others * time
        free -= others
        if level[RowKind.UNKNOWN, ""]:
            self.amounts[RowKind.UNKNOWN, ""].other += free * time
            return
        unused.append(self._unowned)
        idle = divide(free, unused)
        lendable = [total - part for total, part in zip(unused, idle, strict=True)]
        lent = divide(min(borrowed, sum(lendable)), lendable)
        keys = [*((RowKind.SHARE, share) for share in self.shares), (RowKind.UNOWNED, "")]
        for key, idle_part, lent_part in zip(keys, idle, lent, strict=True):
            self.amounts[key].idle += idle_part * time
            self.amounts[key].lent += lent_part * time
