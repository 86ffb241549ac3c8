"""Model of fair-share scheduling in SimPy: jobs of one unit each, linear decay, no reservation."""

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

import simpy
from simpy.events import EventPriority

_LAST = EventPriority(2)
"""Priority of scheduling within a second: after ends and submissions, which have SimPy's priority 1."""


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
        self.waiting: list[tuple[int, int, int]] = []
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


class Cluster:
    """Queue with fair-share scheduling.

    Args:
        weights: Weight factor of each share.
        capacity: Number of units.
        window: Number of seconds for which use counts.
        shares: Share of each job.
        submits: Second of submission of each job, in order.
        runs: Run time of each job in seconds.
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
        self.job_shares, self.submits, self.runs = shares, submits, runs
        self.free = capacity
        self.starts = [-1] * len(submits)
        self.is_scheduled = False
        self.env.process(self.arrivals())

    def run(self) -> list[int]:
        """Run all jobs, and return the second at which each job starts."""
        self.env.run()
        return self.starts

    def arrivals(self) -> simpy.events.ProcessGenerator:
        """Submit all jobs."""
        for row, submit in enumerate(self.submits):
            if submit > self.env.now:
                yield self.env.timeout(submit - self.env.now)
            heappush(self.shares[self.job_shares[row]].waiting, (0, submit, row))
            self.wake()

    def job(self, share: Share, row: int) -> simpy.events.ProcessGenerator:
        """End a job after its run time."""
        yield self.env.timeout(self.runs[row])
        share.change(-1, int(self.env.now))
        self.free += 1
        self.wake()

    def wake(self) -> None:
        """Schedule jobs once per second, after all other events of the second."""
        if self.is_scheduled:
            return
        self.is_scheduled = True
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(self.schedule)
        self.env.schedule(event, priority=_LAST)

    def schedule(self, _: simpy.Event) -> None:
        """Start jobs of the share with the smallest key until no unit is free."""
        self.is_scheduled = False
        now, started = int(self.env.now), dict.fromkeys(self.shares, 0)
        while self.free:
            waiting = [share for share in self.shares.values() if share.waiting]
            if not waiting:
                return
            share = min(
                waiting,
                key=lambda s: (s.key(now, started[s.name]), s.weight, s.waiting[0][1], s.name),
            )
            row = heappop(share.waiting)[-1]
            started[share.name] += 1
            self.starts[row] = now
            self.free -= 1
            share.change(1, now)
            self.env.process(self.job(share, row))
