"""Models of scheduling policies in SimPy: jobs of one unit each, in whole seconds.

`Fifo` is a resource, `FairShare` has linear decay and no reservation, and `Quotas` has shares that lend, borrow and
preempt.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import simpy
from simpy.events import EventPriority

_LAST = EventPriority(2)
"""Priority of scheduling within a second: after ends and submissions, which have SimPy's priority 1."""


class Cluster(ABC):
    """Cluster with one queue.

    Args:
        capacity: Number of units.
        submits: Second of submission of each job, in order.
        runs: Run time of each job in seconds.
    """

    def __init__(self, capacity: int, submits: Sequence[int], runs: Sequence[int]) -> None:
        self.env = simpy.Environment()
        self.submits, self.runs = submits, list(runs)
        self.free = capacity
        self.starts: list[tuple[int, int]] = []
        self.is_scheduled = False
        self.env.process(self.arrivals())

    def run(self) -> list[tuple[int, int]]:
        """Run all jobs, and return the second of each start with the row of its job."""
        self.env.run()
        return self.starts

    def arrivals(self) -> simpy.events.ProcessGenerator:
        """Submit all jobs."""
        for row, submit in enumerate(self.submits):
            if submit > self.env.now:
                yield self.env.timeout(submit - self.env.now)
            self.submit(row)

    def start(self, row: int) -> simpy.Process:
        """Start a job."""
        self.starts.append((int(self.env.now), row))
        self.free -= 1
        return self.env.process(self.job(row))

    def job(self, row: int) -> simpy.events.ProcessGenerator:
        """End a job after its run time."""
        yield self.env.timeout(self.runs[row])
        self.end(row)

    def end(self, row: int) -> None:
        """Free the unit of a job."""
        self.free += 1
        self.wake()

    def wake(self) -> None:
        """Schedule jobs once per second, after all other events of the second."""
        if self.is_scheduled:
            return
        self.is_scheduled = True
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(self._wake_up)
        self.env.schedule(event, priority=_LAST)

    def _wake_up(self, _: simpy.Event) -> None:
        self.is_scheduled = False
        self.schedule(int(self.env.now))

    @abstractmethod
    def submit(self, row: int) -> None:
        """Let a job wait."""

    @abstractmethod
    def schedule(self, now: int) -> None:
        """Start jobs."""


class Fifo(Cluster):
    """Queue that starts jobs in the order of their submission: a resource of SimPy."""

    def __init__(self, capacity: int, submits: Sequence[int], runs: Sequence[int]) -> None:
        super().__init__(capacity, submits, runs)
        self.units = simpy.Resource(self.env, capacity)

    def submit(self, row: int) -> None:
        """Let a job wait."""
        self.env.process(self.job(row))

    def job(self, row: int) -> simpy.events.ProcessGenerator:
        """Wait for a unit, and run."""
        with self.units.request() as request:
            yield request
            self.starts.append((int(self.env.now), row))
            yield self.env.timeout(self.runs[row])

    def schedule(self, now: int) -> None:
        """Do nothing, because the resource starts the jobs."""


class Share:
    """Share with its waiting jobs and its past use.

    Args:
        name: Share identifier.
        weight: Weight factor, a whole number.
        window: Number of seconds for which use counts.
    """

    def __init__(self, name: str, weight: int, window: int) -> None:
        self.name = name
        self.weight = weight
        self.window = window
        self.waiting: list[tuple[int, int]] = []
        self.units = 0
        self.since = 0
        self.used = 0
        self.moment = 0
        self.steps: deque[tuple[int, int, int, int]] = deque([(0, 0, 0, 0)])

    def change(self, units: int, now: int) -> None:
        """Change the number of units in use from now on."""
        self._advance(now)
        self.units += units
        self.steps.append((now, self.units, self.used, self.moment))

    def key(self, now: int, started: int) -> int:
        """Return twice the window times usage and weight, a whole number."""
        self._advance(now)
        begin = now - self.window
        while len(self.steps) > 1 and self.steps[1][0] <= begin:
            self.steps.popleft()
        time, units, used, moment = self.steps[0]
        if begin > time:
            used += units * (begin - time)
            moment += units * (begin * begin - time * time)
        recent = self.used - used
        usage = 2 * (self.window - now) * recent + self.moment - moment
        return self.weight * (usage + 2 * self.window * started)

    def _advance(self, now: int) -> None:
        self.used += self.units * (now - self.since)
        self.moment += self.units * (now * now - self.since * self.since)
        self.since = now


class FairShare(Cluster):
    """Queue with fair-share scheduling.

    Args:
        capacity: Number of units.
        submits: Second of submission of each job, in order.
        runs: Run time of each job in seconds.
        weights: Weight factor of each share.
        window: Number of seconds for which use counts.
        shares: Share of each job.
    """

    def __init__(
        self,
        capacity: int,
        submits: Sequence[int],
        runs: Sequence[int],
        weights: Mapping[str, int],
        window: int,
        shares: Sequence[str],
    ) -> None:
        super().__init__(capacity, submits, runs)
        self.shares = {name: Share(name, weight, window) for name, weight in weights.items()}
        self.job_shares = shares

    def submit(self, row: int) -> None:
        """Let a job wait."""
        heappush(self.shares[self.job_shares[row]].waiting, (self.submits[row], row))
        self.wake()

    def end(self, row: int) -> None:
        """Free the unit of a job."""
        self.shares[self.job_shares[row]].change(-1, int(self.env.now))
        super().end(row)

    def schedule(self, now: int) -> None:
        """Start jobs of the share with the smallest key until no unit is free."""
        started = dict.fromkeys(self.shares, 0)
        while self.free:
            waiting = [share for share in self.shares.values() if share.waiting]
            if not waiting:
                return
            share = min(
                waiting,
                key=lambda s: (s.key(now, started[s.name]), s.weight, s.waiting[0][0], s.name),
            )
            row = heappop(share.waiting)[-1]
            started[share.name] += 1
            share.change(1, now)
            self.start(row)


@dataclass(eq=False)
class Run:
    """Run of a job with quotas.

    Args:
        row: Row of the job.
        share: Share of the job.
        start: Second of the start.
        process: Process of the run.
    """

    row: int
    share: "QuotaShare"
    start: int
    process: simpy.Process | None = None


class QuotaShare:
    """Quota share that lends and borrows. A job that waits for a stop is reserved.

    Args:
        quota: Number of units that the share owns.
    """

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self.waiting: list[tuple[int, int]] = []
        self.running: dict[int, Run] = {}
        self.reserved = 0
        self.stopping_for_others = 0

    @property
    def committed(self) -> int:
        """Number of units that count against the quota."""
        return len(self.running) + self.reserved + self.stopping_for_others

    @property
    def borrowed(self) -> int:
        """Number of units above the quota after all stops."""
        return len(self.running) + self.reserved - self.quota


class Quotas(Cluster):
    """Queue with quota management: own units first, then idle units of other shares, then preemption inside a share.

    Args:
        capacity: Number of units, the sum of the quotas.
        submits: Second of submission of each job, in order.
        runs: Run time of each job in seconds.
        quotas: Number of units that each share owns.
        shares: Share of each job.
        priorities: Priority of each job.
        checkpoint: Number of seconds of work between checkpoints.
        stop_seconds: Number of seconds for which a preempted run holds its unit.
    """

    def __init__(
        self,
        capacity: int,
        submits: Sequence[int],
        runs: Sequence[int],
        quotas: Mapping[str, int],
        shares: Sequence[str],
        priorities: Sequence[int],
        checkpoint: int,
        stop_seconds: int,
    ) -> None:
        super().__init__(capacity, submits, runs)
        self.shares = {name: QuotaShare(quota) for name, quota in quotas.items()}
        self.job_shares, self.priorities = shares, priorities
        self.checkpoint, self.stop_seconds = checkpoint, stop_seconds
        self.reserved: list[int] = []
        self.ready: set[int] = set()

    def share(self, row: int) -> QuotaShare:
        """Return the share of a job."""
        return self.shares[self.job_shares[row]]

    def submit(self, row: int) -> None:
        """Let a job wait, by priority and then by submission."""
        heappush(self.share(row).waiting, (-self.priorities[row], row))
        self.wake()

    def job(self, row: int) -> simpy.events.ProcessGenerator:
        """End a job after its run time or, when it is preempted, after the time to stop."""
        share, begin = self.share(row), int(self.env.now)
        try:
            yield self.env.timeout(self.runs[row])
            del share.running[row]
        except simpy.Interrupt as interrupt:
            successor: int = interrupt.args[0]  # the job that preempts this one
            self.runs[row] -= (int(self.env.now) - begin) // self.checkpoint * self.checkpoint
            yield self.env.timeout(self.stop_seconds)
            share.stopping_for_others -= self.share(successor) is not share
            self.ready.add(successor)
            self.submit(row)
        self.end(row)

    def start_job(self, row: int, now: int) -> None:
        """Start a job in its share."""
        run = self.share(row).running[row] = Run(row, self.share(row), now)
        run.process = self.start(row)

    def schedule(self, now: int) -> None:
        """Start the jobs whose units have stopped, then start and preempt jobs until nothing changes."""
        for row in [row for row in self.reserved if row in self.ready]:
            self.reserved.remove(row)
            self.share(row).reserved -= 1
            self.start_job(row, now)
        self.ready.clear()
        while self.use_quotas(now) or self.lend(now) or self.preempt_in_share():
            pass

    def use_quotas(self, now: int) -> bool:
        """Start jobs inside the quotas of their shares, if necessary on borrowed units, which are taken back."""
        changed = False
        for share in self.shares.values():
            while share.waiting and share.committed < share.quota:
                if self.free:
                    self.start_job(heappop(share.waiting)[-1], now)
                elif borrowers := [other for other in self.shares.values() if other.borrowed > 0]:
                    self.preempt(share, [run for other in borrowers for run in other.running.values()])
                else:
                    break
                changed = True
        return changed

    def lend(self, now: int) -> bool:
        """Start the earliest first job of a share above its quota while units are free and idle."""
        lent = False
        while self.free and any(share.committed < share.quota for share in self.shares.values()):
            borrowers = [share for share in self.shares.values() if share.waiting and share.committed >= share.quota]
            if not borrowers:
                break
            share = min(borrowers, key=lambda borrower: borrower.waiting[0][-1])
            self.start_job(heappop(share.waiting)[-1], now)
            lent = True
        return lent

    def preempt_in_share(self) -> bool:
        """Preempt a run for a job with a higher priority in the same share."""
        for share in self.shares.values():
            if share.waiting and share.running:
                priority = -share.waiting[0][0]
                if victims := [run for run in share.running.values() if self.priorities[run.row] < priority]:
                    self.preempt(share, victims)
                    return True
        return False

    def preempt(self, share: QuotaShare, victims: Sequence[Run]) -> None:
        """Stop the run with the lowest priority, of these the latest, for the first job of a share."""
        victim = min(victims, key=lambda run: (self.priorities[run.row], -run.start, -run.row))
        row = heappop(share.waiting)[-1]
        del victim.share.running[victim.row]
        victim.share.stopping_for_others += victim.share is not share
        share.reserved += 1
        self.reserved.append(row)
        assert victim.process is not None
        victim.process.interrupt(row)
