"""Gauges of a queue and its shares. Gauges whose data is unavailable are left out."""

from collections.abc import Iterator
from typing import Final

from fairlane_lambda.queue_poller.capacity import Snapshot, borrowed_and_lent
from fairlane_lambda.queue_poller.listing import Listing, Tally
from fairlane_lambda.queue_poller.queue import IN_USE, OTHER, RUNNABLE, Queue, Units

_COUNTS: Final = {
    RUNNABLE: "RunnableJobs",
    "RUNNING": "RunningJobs",
    "STARTING": "StartingJobs",
    "SCHEDULED": "ScheduledJobs",
    "PENDING": "PendingJobs",
    "SUBMITTED": "SubmittedJobs",
}

Gauge = tuple[str, float]


class Gauges:
    """Gauges of a queue and its shares, as pairs of metric name and value.

    Args:
        queue: The queue.
        listing: Jobs of the queue.
        snapshot: Snapshot of the queue.
        now: Current time in epoch milliseconds.
    """

    def __init__(self, queue: Queue, listing: Listing, snapshot: Snapshot, now: int) -> None:
        self._queue = queue
        self._listing = listing
        self._snapshot = snapshot
        self._now = now

    def queue_gauges(self) -> Iterator[Gauge]:
        """Yield the gauges of the queue."""
        for state in self._queue.states:
            if self._listing.is_complete(state):
                yield _COUNTS[state], self._listing.total.jobs.get(state, 0)
        fronts = self._snapshot.fronts.values()
        front_times = [*self._snapshot.front, *(since for front in fronts for since in front)]
        yield from self._runnable(self._listing.total, front_times)
        if self._snapshot.is_available:
            heads = [min(front) for front in fronts if front] if self._queue.quota else self._snapshot.front[:1]
            yield "HeadOfQueueAge", self._age(heads)
        limit = sum(self._queue.limit.values())
        if self._queue.limit:
            yield "CapacityLimit", limit
        if self._snapshot.in_use or self._listing.is_complete(*IN_USE):
            in_use = sum((self._snapshot.in_use or self._listing.total.usage).values())
            yield "CapacityInUse", in_use
            if limit:
                yield "CapacityUtilization", 100 * in_use / limit
        yield from self._gpus_in_use(self._listing.total)
        yield "Truncated", int(self._listing.truncated)

    def share_gauges(self) -> Iterator[tuple[str, list[Gauge]]]:
        """Yield the gauges of each declared share, and of `other` if undeclared shares have jobs or capacity."""
        tallies = dict(self._listing.shares)
        for identifier in self._snapshot.shares:
            tallies.setdefault(self._queue.share(identifier), Tally())
        in_use = self._in_use(tallies)
        capacity = self._capacity(in_use)
        for share, tally in tallies.items():
            gauges = list(capacity[share])
            if self._listing.is_complete(*IN_USE):
                gauges.append(("RunningJobs", sum(tally.jobs.get(state, 0) for state in IN_USE)))
            if self._listing.is_complete(RUNNABLE):
                gauges.append(("RunnableJobs", tally.jobs.get(RUNNABLE, 0)))
            gauges += self._runnable(tally, self._snapshot.fronts.get(share, []))
            gauges += self._gpus_in_use(tally)
            yield share, gauges

    def _runnable(self, tally: Tally, front_times: list[int]) -> Iterator[Gauge]:
        if self._listing.is_complete(RUNNABLE):
            oldest = [] if tally.oldest is None else [tally.oldest]
            yield "OldestRunnableAge", self._age([*oldest, *front_times] if self._listing.truncated else oldest)
        if self._listing.has_gpus(RUNNABLE):
            yield "GpusWanted", tally.gpus.get(RUNNABLE, 0)

    def _gpus_in_use(self, tally: Tally) -> Iterator[Gauge]:
        if self._listing.has_gpus(*IN_USE):
            yield "GpusInUse", sum(tally.gpus.get(state, 0) for state in IN_USE)

    def _in_use(self, tallies: dict[str, Tally]) -> dict[str, Units]:
        """Return the capacity in use by share: from the snapshot if the share is in it, otherwise from its jobs."""
        in_use = {
            share: dict(tally.usage)
            for share, tally in tallies.items()
            if share in self._snapshot.shares or self._listing.is_complete(*IN_USE)
        }
        for identifier, units in self._snapshot.shares.items():
            share = self._queue.share(identifier)
            for unit, amount in units.items() if share in in_use else ():
                in_use[share][unit] = in_use[share].get(unit, 0) + amount
        return in_use

    def _capacity(self, in_use: dict[str, Units]) -> dict[str, list[Gauge]]:
        """Return the capacity gauges by share. Lent capacity needs the capacity in use of all shares."""
        shares = self._queue.shares
        gauges: dict[str, list[Gauge]] = {share: [] for share in (*shares, OTHER)}
        for share, units in in_use.items():
            gauges[share].append(("CapacityInUse", sum(units.values())))
        entitled = {share: units for share, units in shares.items() if units}
        for share, units in entitled.items():
            gauges[share].append(("CapacityEntitlement", sum(units.values())))
        if entitled and OTHER in in_use:
            entitled.setdefault(OTHER, {})  # undeclared shares use only the entitlement of declared shares
        measured = {share: units for share, units in entitled.items() if share in in_use}
        borrowed, lent = borrowed_and_lent(measured, in_use)
        for share in measured:
            gauges[share].append(("CapacityBorrowed", sum(borrowed[share].values())))
            if self._listing.is_complete(*IN_USE):
                gauges[share].append(("CapacityLent", sum(lent[share].values())))
        return gauges

    def _age(self, times: list[int]) -> float:
        """Return the seconds since the earliest time. 0 if there is no time, or if it is in the future."""
        return max(0, self._now - min(times, default=self._now)) / 1000
