"""Reference implementation of FIFO and fair-share scheduling, and the classes that both references use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count

from fairlane import FairShare
from fairlane.rehearsal import Ec2Instances
from fairlane.scheduler.job import Job
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import SchedulingPolicy

SHORTEST_WINDOW = 600
LONGEST_SETTLING = 1000
"""Seconds after which the order of the shares does not change any more: longer than all windows of the tests."""


@dataclass
class Result:
    """Result of one job."""

    runs: list[tuple[int, int, bool]] = field(default_factory=list)
    state: str = "waiting"
    lost: int = 0


@dataclass
class Run:
    """Run of a job that holds capacity.

    `stop_decided` is the second of the decision to stop it. `stopped_for` is the row of the job that gets its capacity.
    """

    row: int
    job: Job
    start: int
    end: int
    stop_decided: int | None = None
    stopped_for: int | None = None
    fails: bool = False
    number: int = 0


class OneList:
    """Reference for FIFO and fair-share scheduling, which never stop a job."""

    def __init__(
        self,
        policy: SchedulingPolicy,
        capacity: int,
        jobs: Sequence[Job],
        strategies: Strategies,
        ec2_instances: Ec2Instances,
        results: list[Result],
        time_limit: int | None = None,
    ) -> None:
        self.time_limit = time_limit
        self.policy, self.capacity, self.jobs = policy, capacity, jobs
        self.strategies, self.ec2_instances, self.results = strategies, ec2_instances, results
        self.waiting: list[int] = []
        self.running: list[Run] = []
        self.warm_since: list[int] = []  # for each idle instance, the second of its release
        self.in_use: dict[int, dict[str, int]] = {}  # instances of each share in each second
        self.retried: set[int] = set()  # jobs that wait again
        self.last_ranking = -1
        self.cancelled_at: dict[int, int] = {}  # for each job that blocked the queue, the second of its time limit

    def run(self) -> None:
        possible_rows = [row for row, job in enumerate(self.jobs) if job.instances <= self.capacity]
        blocks = self.strategies.unrunnable == "block" == self.strategies.head_of_line
        listed = range(len(self.jobs)) if blocks else possible_rows
        for t in count(min(job.submit for job in self.jobs)):
            ended = [run for run in self.running if run.end == t]
            for run in ended:
                self.running.remove(run)
                self.warm_since += [t] * run.job.instances
                self.results[run.row].runs.append((run.start, t, False))
                self.results[run.row].state = "succeeded"
            arrived = [row for row in listed if self.jobs[row].submit == t]
            self.waiting += arrived
            cancelled = [row for row, second in self.cancelled_at.items() if second == t]
            for row in cancelled:
                self.waiting.remove(row)
                self.results[row].state = "failed"
            if ended or arrived or cancelled or self.must_rank(t):
                self.schedule(t)
                self.last_ranking = t
            self.in_use[t] = {run.job.share: self.held_instances(run.job.share) for run in self.running}
            if not self.running and all(self.jobs[row].submit <= t for row in possible_rows):
                idle_since = max([0, *(run[1] for result in self.results for run in result.runs)])
                settled = t > max([idle_since, *self.cancelled_at.values()]) + LONGEST_SETTLING
                if not self.waiting or (blocks and settled):
                    return

    def position(self, row: int) -> tuple[bool, int, int]:
        return row not in self.retried, self.jobs[row].submit, row

    def must_rank(self, t: int) -> bool:
        seconds = self.strategies.rank_seconds
        return bool(self.waiting) and seconds is not None and t == self.last_ranking + seconds

    def note_head(self, row: int, t: int) -> None:
        """Start the time limit of a job at which a ranking stops although it can never run."""
        if self.jobs[row].instances > self.capacity and self.time_limit is not None:
            self.cancelled_at.setdefault(row, t + self.time_limit)

    def schedule(self, t: int) -> None:
        if isinstance(self.policy, FairShare):
            self.schedule_fairly(self.policy, t)
            return
        for row in sorted(self.waiting, key=self.position):
            if self.jobs[row].instances <= self.free():
                self.start(row, t)
            elif self.strategies.head_of_line == "block":
                self.note_head(row, t)
                return

    def schedule_fairly(self, policy: FairShare, t: int) -> None:
        window = max(SHORTEST_WINDOW, policy.share_decay_seconds or 0)
        started: dict[str, int] = {}
        left_out: set[str] = set()
        past = {share for held in self.in_use.values() for share in held}
        usage = {share: self.usage(share, t, window) for share in past}
        while True:
            heads: dict[str, int] = {}
            for row in sorted(self.waiting, key=lambda row: (-self.jobs[row].priority, *self.position(row))):
                heads.setdefault(self.jobs[row].share, row)
            active = {self.jobs[row].share for row in self.waiting} | {run.job.share for run in self.running}
            active |= {name for name in past if usage[name] > 0}
            ranks = []
            for share, row in heads.items():
                weight = weight_factor(policy, share, active)
                key = weight * (usage.get(share, 0) + self.strategies.start_charge * started.get(share, 0))
                if share not in left_out:
                    ranks.append((key, weight, self.jobs[row].submit, share))
            if not ranks:
                return
            share = min(ranks)[-1]
            row, needed = heads[share], self.jobs[heads[share]].instances
            reserved = Fraction(policy.compute_reservation or 0, 100) ** len(active)
            room = self.capacity - self.free() + needed <= self.capacity * (1 - reserved)
            if needed <= self.free() and (room or self.held_instances(share) == 0):
                self.start(row, t)
                started[share] = started.get(share, 0) + needed
            elif self.strategies.head_of_line == "block":
                if self.free() > 0:
                    self.note_head(row, t)
                return
            else:
                left_out.add(share)

    def usage(self, share: str, t: int, window: int) -> Fraction:
        """Return the integral of instances times decay over the window, with the weight of the middle of each second."""
        total = 0
        for second in range(t - window, t):
            held = self.in_use.get(second, {}).get(share, 0)
            twice_age = 2 * (t - second) - 1
            total += held * (2 * window if self.strategies.decay == "none" else 2 * window - twice_age)
        return Fraction(total, 2 * window)

    def free(self) -> int:
        return self.capacity - sum(run.job.instances for run in self.running)

    def held_instances(self, share: str) -> int:
        return sum(run.job.instances for run in self.running if run.job.share == share)

    def start(self, row: int, t: int) -> None:
        job = self.jobs[row]
        self.warm_since = sorted(since for since in self.warm_since if t - since <= self.ec2_instances.idle_seconds)
        cold = job.instances > len(self.warm_since)
        self.warm_since = self.warm_since[job.instances :]
        self.waiting.remove(row)
        self.running.append(Run(row, job, t, t + job.run + (self.ec2_instances.start_up_seconds if cold else 0)))


def weight_factor(policy: FairShare, share: str, active: set[str]) -> Fraction:
    """Return the weight factor of a share. The active shares with the prefix of an entry with * divide its part."""
    for identifier, weight in policy.weight_factors.items():
        if identifier == share:
            return Fraction(str(weight))
        if identifier.endswith("*") and share.startswith(identifier[:-1]):
            return Fraction(str(weight)) * sum(other.startswith(identifier[:-1]) for other in active)
    return Fraction(1)
