"""What to publish of a queue, from what is known of it. What is not known is left out."""

from collections.abc import Iterator
from typing import Final

from fairlane_lambda.queue_poller._capacity import Snapshot, borrowed_and_lent
from fairlane_lambda.queue_poller._listing import Listing, Tally
from fairlane_lambda.queue_poller._queue import IN_USE, OTHER, RUNNABLE, Queue, Units

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
    """The gauges of a queue and its shares: pairs of a metric's name and its value.

    Args:
        queue: the queue.
        listing: its jobs.
        snapshot: what AWS says of it.
        now: epoch milliseconds.
    """

    def __init__(self, queue: Queue, listing: Listing, snapshot: Snapshot, now: int) -> None:
        self._queue = queue
        self._listing = listing
        self._snapshot = snapshot
        self._now = now

    def of_queue(self) -> Iterator[Gauge]:
        """Of the queue as a whole."""
        for state in self._queue.states:
            if self._listing.knows(state):
                yield _COUNTS[state], self._listing.total.jobs.get(state, 0)
        fronts = self._snapshot.fronts.values()
        at_front = [*self._snapshot.front, *(since for front in fronts for since in front)]
        yield from self._waiting(self._listing.total, at_front)
        if self._snapshot.is_known:
            heads = [min(front) for front in fronts if front] if self._queue.quota else self._snapshot.front[:1]
            yield "HeadOfQueueAge", self._age(heads)
        limit = sum(self._queue.limit.values())
        if self._queue.limit:
            yield "CapacityLimit", limit
        if self._snapshot.in_use or self._listing.knows(*IN_USE):
            in_use = sum((self._snapshot.in_use or self._listing.total.usage).values())
            yield "CapacityInUse", in_use
            if limit:
                yield "CapacityUtilization", 100 * in_use / limit
        yield from self._gpus_in_use(self._listing.total)
        yield "Truncated", int(self._listing.truncated)

    def of_shares(self) -> Iterator[tuple[str, list[Gauge]]]:
        """Of each declared share, and of `other` if anything is known of undeclared ones."""
        tallies = dict(self._listing.shares)
        for identifier in self._snapshot.shares:
            tallies.setdefault(self._queue.share(identifier), Tally())
        in_use = self._in_use(tallies)
        capacity = self._capacity(in_use)
        for share, tally in tallies.items():
            gauges = list(capacity[share])
            if self._listing.knows(*IN_USE):
                gauges.append(("RunningJobs", sum(tally.jobs.get(state, 0) for state in IN_USE)))
            if self._listing.knows(RUNNABLE):
                gauges.append(("RunnableJobs", tally.jobs.get(RUNNABLE, 0)))
            gauges += self._waiting(tally, self._snapshot.fronts.get(share, []))
            gauges += self._gpus_in_use(tally)
            yield share, gauges

    def _waiting(self, tally: Tally, at_front: list[int]) -> Iterator[Gauge]:
        if self._listing.knows(RUNNABLE):
            oldest = [] if tally.oldest is None else [tally.oldest]
            yield "OldestRunnableAge", self._age([*oldest, *at_front] if self._listing.truncated else oldest)
        if self._listing.knows_gpus(RUNNABLE):
            yield "GpusWanted", tally.gpus.get(RUNNABLE, 0)

    def _gpus_in_use(self, tally: Tally) -> Iterator[Gauge]:
        if self._listing.knows_gpus(*IN_USE):
            yield "GpusInUse", sum(tally.gpus.get(state, 0) for state in IN_USE)

    def _in_use(self, tallies: dict[str, Tally]) -> dict[str, Units]:
        """The capacity that shares use: the snapshot's of those in it, and for all others that of their jobs."""
        in_use = {
            share: dict(tally.usage)
            for share, tally in tallies.items()
            if share in self._snapshot.shares or self._listing.knows(*IN_USE)
        }
        for identifier, units in self._snapshot.shares.items():
            share = self._queue.share(identifier)
            for unit, amount in units.items() if share in in_use else ():
                in_use[share][unit] = in_use[share].get(unit, 0) + amount
        return in_use

    def _capacity(self, in_use: dict[str, Units]) -> dict[str, list[Gauge]]:
        """By share; what one lends is known only if the use of all is."""
        shares = self._queue.shares
        gauges: dict[str, list[Gauge]] = {share: [] for share in (*shares, OTHER)}
        for share, units in in_use.items():
            gauges[share].append(("CapacityInUse", sum(units.values())))
        entitled = {share: units for share, units in shares.items() if units}
        for share, units in entitled.items():
            gauges[share].append(("CapacityEntitlement", sum(units.values())))
        if entitled and OTHER in in_use:
            entitled.setdefault(OTHER, {})  # it uses only what others are entitled to
        known = {share: units for share, units in entitled.items() if share in in_use}
        borrowed, lent = borrowed_and_lent(known, in_use)
        for share in known:
            gauges[share].append(("CapacityBorrowed", sum(borrowed[share].values())))
            if self._listing.knows(*IN_USE):
                gauges[share].append(("CapacityLent", sum(lent[share].values())))
        return gauges

    def _age(self, times: list[int]) -> float:
        """Seconds since the earliest; 0 if there is none or the clocks disagree."""
        return max(0, self._now - min(times, default=self._now)) / 1000
