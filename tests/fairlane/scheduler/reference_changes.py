"""Reference for changes while jobs run: slow and plain, second by second, like `rehearsal/reference.py`.

Changes of a second happen after the ends and the submissions of the second, and before the pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from fairlane import FairShare, Fifo, QuotaManagement
from fairlane.rehearsal import Ec2Instances
from fairlane.scheduler import Job, Strategies
from fairlane.scheduling import SchedulingPolicy, State
from tests.fairlane.rehearsal.reference import TOO_LONG, Quotas
from tests.fairlane.rehearsal.reference_lists import LONGEST_SETTLING, OneList, Result, Run


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change at a second. Only one field besides `at` and `queue` is set.

    `queue` is the index of the queue that a policy or a state belongs to.
    """

    at: int
    queue: int = 0
    withdraw: int | None = None
    stop_seconds: int = 0
    reprioritize: tuple[int, int] | None = None
    policy: SchedulingPolicy | None = None
    capacity: int | None = None
    state: State | None = None


class ChangingQuotas(Quotas):
    """Reference for quota management of one instance type, with changes."""

    def __init__(
        self, policy: QuotaManagement, unit: str, limit: int, jobs: Sequence[Job], strategies: Strategies
    ) -> None:
        super().__init__(policy, unit, limit, list(jobs), strategies, [Result() for _ in jobs])
        self.all_jobs = list(jobs)
        self.jobs = self.all_jobs
        self.unit, self.limit, self.policy = unit, limit, policy
        self.withdrawn: set[int] = set()
        self.state = State.ENABLED

    def run_with(self, changes: Sequence[Change]) -> None:
        last = max([job.submit for job in self.jobs] + [change.at for change in changes])
        for t in count():
            assert t < TOO_LONG
            changed = False
            for run in [run for run in self.running if run.stop_decided is None and run.end == t]:
                self.end(run, t)
                changed = True
            now = [change for change in changes if change.at == t]
            first = [change for change in now if change.withdraw is None or change.withdraw in self.pending]
            for change in first:  # before jobs start for which others were stopped
                self.apply(change, t)
            changed |= self.complete_stops(t)
            self.waiting += [row for row, job in enumerate(self.jobs) if job.submit == t]
            changed |= any(job.submit == t for job in self.jobs)
            for change in now:
                if change not in first:
                    self.apply(change, t)
            changed |= bool(now)
            if changed and self.state == State.ENABLED:
                self.schedule(t)
            if t >= last and not self.running:
                return

    def end(self, run: Run, t: int) -> None:
        self.running.remove(run)
        self.results[run.row].runs.append((run.start, t, False))
        self.results[run.row].state = "failed" if run.row in self.withdrawn else "succeeded"

    def complete_stops(self, t: int) -> bool:
        before = {run.row for run in self.running}
        completed = super().complete_stops(t)
        for row in self.withdrawn & before - {run.row for run in self.running}:
            if row in self.waiting:
                self.waiting.remove(row)
            self.results[row].state = "failed"
            self.results[row].runs[-1] = (*self.results[row].runs[-1][:2], False)
        return completed

    def apply(self, change: Change, t: int) -> None:
        if change.withdraw is not None:
            self.withdraw(change.withdraw, t, change.stop_seconds)
        if change.reprioritize:
            row, priority = change.reprioritize
            self.all_jobs[row] = replace(self.jobs[row], priority=priority)
            for run in self.running:
                if run.row == row:
                    run.job = self.jobs[row]
        if change.state:
            self.state = change.state
        if change.capacity is not None:
            self.limit = change.capacity
        if isinstance(change.policy, QuotaManagement):
            self.policy = change.policy
        self.shares = {share.name: share for share in self.policy.shares}
        self.own = {share.name: share.capacity.get(self.unit, 0) for share in self.policy.shares}
        self.usable = min(self.limit, sum(self.own.values()))
        self.overcommitted = sum(self.own.values()) - self.usable
        for row in list(self.pending):
            disabled = State.DISABLED in (self.state, self.shares[self.jobs[row].share].state)
            if disabled or self.jobs[row].instances > self.ceiling(self.jobs[row].share):
                self.pending.remove(row)
                self.waiting.append(row)
                for run in [run for run in self.running if run.stopped_for == row]:
                    run.stopped_for = -1  # continues to stop, but for no job

    def withdraw(self, row: int, t: int, stop_seconds: int) -> None:
        if self.jobs[row].submit > t or row in self.withdrawn or self.results[row].state != "waiting":
            return
        for run in [run for run in self.running if run.row == row]:
            if run.stop_decided is None:
                run.end, run.stopped_for = t + stop_seconds, -1
                self.withdrawn.add(row)
                if not stop_seconds:
                    self.end(run, t)
        self.withdrawn.add(row)
        for rows in (self.waiting, self.pending):
            if row in rows:
                rows.remove(row)
                self.results[row].state = "failed"

    def ceiling(self, share: str) -> int:
        return int(self.policy.ceilings({self.unit: self.limit})[share].get(self.unit, 0))

    def candidates(self, share: str) -> list[int]:
        if self.shares[share].state == State.DISABLED:
            return []
        rows = self.in_line(share)
        possible = [row for row in rows if self.jobs[row].instances <= self.ceiling(share)]
        if self.strategies.head_of_line == "skip":
            return possible
        return [row for row in (rows if self.blocks else possible)[:1] if row in possible]


class SharedList(OneList):
    """Reference for one of several FIFO or fair-share queues on the same environment."""

    def __init__(
        self, policy: SchedulingPolicy, capacity: int, jobs: Sequence[Job], strategies: Strategies, rows: Sequence[int]
    ) -> None:
        super().__init__(policy, capacity, jobs, strategies, Ec2Instances(), [Result() for _ in jobs])
        self.rows, self.queues = rows, [self]
        self.state = State.ENABLED
        self.parked: list[int] = []
        self.blocks = strategies.unrunnable == "block" == strategies.head_of_line

    def free(self) -> int:
        return self.capacity - sum(run.job.instances for queue in self.queues for run in queue.running)

    def schedule(self, t: int) -> None:
        possible = [row for row in self.waiting if self.blocks or self.jobs[row].instances <= self.capacity]
        self.parked = [row for row in self.waiting if row not in possible]
        self.waiting = possible
        if self.state == State.ENABLED:
            super().schedule(t)
        self.waiting += self.parked

    def end_runs(self, t: int) -> bool:
        ended = [run for run in self.running if run.end == t]
        for run in ended:
            self.running.remove(run)
            self.results[run.row].runs.append((run.start, t, False))
            self.results[run.row].state = "failed" if run.stopped_for else "succeeded"
        return bool(ended)

    def withdraw(self, row: int, t: int, stop_seconds: int) -> bool:
        if row in self.waiting:
            self.waiting.remove(row)
            self.results[row].state = "failed"
            return True
        for run in self.running:
            if run.row == row and run.stopped_for is None:
                run.end, run.stopped_for = t + stop_seconds, -1
        return False


def run_shared(queues: Sequence[SharedList], priorities: Sequence[int], changes: Sequence[Change]) -> None:
    """Run queues that share an environment. Queues with a higher priority get capacity first."""
    jobs = queues[0].jobs
    order = sorted(range(len(queues)), key=lambda index: -priorities[index])
    for queue in queues:
        queue.queues = list(queues)
    last, busy = max([job.submit for job in jobs] + [change.at for change in changes]), -1
    for t in count():
        assert t < TOO_LONG
        events = any(job.submit == t and (queues[0].blocks or job.instances <= queues[0].capacity) for job in jobs)
        for queue in queues:
            events |= queue.end_runs(t)
            queue.waiting += [row for row in queue.rows if jobs[row].submit == t]
        for change in changes:
            if change.at == t:
                events |= _apply(change, queues, t)
        for queue in queues:
            events |= queue.end_runs(t)
        for index in order:
            if events or queues[index].must_rank(t):
                queues[index].schedule(t)
        for queue in queues:
            queue.in_use[t] = {run.job.share: queue.held_instances(run.job.share) for run in queue.running}
        if any(queue.running for queue in queues):
            busy = t
        settled = t > max(busy, last) + LONGEST_SETTLING or not any(queue.waiting and queue.blocks for queue in queues)
        if t >= last and busy < t and settled:
            return


def _apply(change: Change, queues: Sequence[SharedList], t: int) -> bool:
    """Make a change, and return True if the next pass may differ because of it."""
    news = False
    for queue in queues:
        if change.withdraw in queue.rows:
            assert change.withdraw is not None
            news |= queue.withdraw(change.withdraw, t, change.stop_seconds)
        if change.capacity is not None:
            queue.capacity, news = change.capacity, True
        if change.reprioritize and change.reprioritize[0] in queue.rows:
            row, priority = change.reprioritize
            jobs = queue.jobs
            assert isinstance(jobs, list)
            jobs[row] = replace(jobs[row], priority=priority)
            news |= queue.results[row].state == "waiting"
    if change.policy:
        assert isinstance(change.policy, FairShare | Fifo)
        queues[change.queue].policy = change.policy
    if change.state:
        queues[change.queue].state = change.state
    return news or bool(change.policy or change.state)
