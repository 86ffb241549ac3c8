"""The model of fair share written plainly in SimPy: jobs of one unit each, linear decay, no reservation."""

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

import simpy
from simpy.events import EventPriority

_LAST = EventPriority(2)
"""Of what happens in a second: after the ends and submissions, which SimPy gives 1."""


class Share:
    """A share: what waits, and what it has used.

    Args:
        name: its identifier.
        weight: its weight factor, a whole number.
        window: for how many seconds its use counts.
    """

    def __init__(self, name: str, weight: int, window: int) -> None:
        self.name = name
        self.weight = weight
        self.window = window
        self.waiting: list[tuple[int, int, int]] = []
        self.units = 0
        self.since = 0
        self.used = 0
        self.moment = 0
        self.steps: deque[tuple[int, int, int, int]] = deque([(0, 0, 0, 0)])

    def change(self, units: int, now: int) -> None:
        """Uses more or fewer units from now on."""
        self._advance(now)
        self.units += units
        self.steps.append((now, self.units, self.used, self.moment))

    def key(self, now: int, started: int) -> int:
        """Twice the window times its usage and weight: a whole number."""
        self._advance(now)
        begins = now - self.window
        while len(self.steps) > 1 and self.steps[1][0] <= begins:
            self.steps.popleft()
        at, units, used, moment = self.steps[0]
        if begins > at:
            used += units * (begins - at)
            moment += units * (begins * begins - at * at)
        recent = self.used - used
        usage = 2 * (self.window - now) * recent + self.moment - moment
        return self.weight * (usage + 2 * self.window * started)

    def _advance(self, now: int) -> None:
        self.used += self.units * (now - self.since)
        self.moment += self.units * (now * now - self.since * self.since)
        self.since = now


class Cluster:
    """A queue with fair share.

    Args:
        weights: of each share.
        capacity: in units.
        window: for how many seconds use counts.
        shares: the share of each job.
        submits: when each is submitted, in order.
        runs: how long each works.
    """

    def __init__(
        self,
        weights: Mapping[str, int],
        capacity: int,
        window: int,
        shares: Sequence[str],
        submits: Sequence[int],
        runs: Sequence[int],
    ) -> None:
        self.env = simpy.Environment()
        self.shares = {name: Share(name, weight, window) for name, weight in weights.items()}
        self.of, self.submits, self.runs = shares, submits, runs
        self.free = capacity
        self.starts = [-1] * len(submits)
        self.is_woken = False
        self.env.process(self.arrivals())

    def run(self) -> list[int]:
        """When each job starts."""
        self.env.run()
        return self.starts

    def arrivals(self) -> simpy.events.ProcessGenerator:
        """Submits all jobs."""
        for row, submit in enumerate(self.submits):
            if submit > self.env.now:
                yield self.env.timeout(submit - self.env.now)
            heappush(self.shares[self.of[row]].waiting, (0, submit, row))
            self.wake()

    def job(self, share: Share, row: int) -> simpy.events.ProcessGenerator:
        """Ends a job, after its time."""
        yield self.env.timeout(self.runs[row])
        share.change(-1, int(self.env.now))
        self.free += 1
        self.wake()

    def wake(self) -> None:
        """Looks for jobs to start, once in a second and last of all."""
        if self.is_woken:
            return
        self.is_woken = True
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(self.schedule)
        self.env.schedule(event, priority=_LAST)

    def schedule(self, _: simpy.Event) -> None:
        """Starts jobs of the share with the least key, until nothing fits."""
        self.is_woken = False
        now, started = int(self.env.now), dict.fromkeys(self.shares, 0)
        while self.free:
            waiting = [share for share in self.shares.values() if share.waiting]
            if not waiting:
                return
            share = min(
                waiting,
                key=lambda one: (one.key(now, started[one.name]), one.weight, one.waiting[0][1], one.name),
            )
            row = heappop(share.waiting)[-1]
            started[share.name] += 1
            self.starts[row] = now
            self.free -= 1
            share.change(1, now)
            self.env.process(self.job(share, row))
