"""Reference for several queues, changing capacity, dependencies, failures and lists of instance types.

Second by second and without any cache, on the classes of the other references. It shares no code with the simulator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from fairlane import QuotaManagement
from fairlane.rehearsal import CapacityChange, Ec2Instances
from fairlane.scheduler.job import Job
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import SchedulingPolicy
from tests.fairlane.rehearsal.reference import Quotas
from tests.fairlane.rehearsal.reference_lists import LONGEST_SETTLING, OneList, Result, Run

NOTICE = 1800


@dataclass
class Step:
    """New limit of an environment from a second on, and the largest limit from then on."""

    at: int
    unit: str
    limit: int
    peak: int
    kills: bool


def steps_of(changes: Sequence[CapacityChange], limits: Mapping[str, int]) -> list[Step]:
    steps = [Step(0, unit, limit, limit, kills=False) for unit, limit in limits.items()]
    for change in changes:
        at, unit = change.at - NOTICE * (change.ends == "kill"), change.instance_type or next(iter(limits))
        steps.append(Step(at, unit, change.capacity, change.capacity, kills=change.ends == "kill"))
    steps.sort(key=lambda step: step.at)
    for number, step in enumerate(steps):
        step.peak = max(other.limit for other in steps[number:] if other.unit == step.unit)
    return steps


class World:
    """Queues on one environment, with the states of all jobs."""

    def __init__(
        self,
        policies: Mapping[str, tuple[SchedulingPolicy, int]],
        jobs: Sequence[Job],
        limits: Mapping[str, int],
        changes: Sequence[CapacityChange],
        strategies: Strategies,
        largest_instance: int | None = None,
        time_limit: int | None = None,
    ) -> None:
        self.jobs, self.strategies, self.time_limit = jobs, strategies, time_limit
        self.blocks = strategies.unrunnable == "block" == strategies.head_of_line
        self.cancelled_at: dict[int, int] = {}  # for each job that blocked others, the second of its time limit
        self.results = [Result() for _ in jobs]
        self.steps = steps_of(changes, limits)
        self.saved_work = [0] * len(jobs)
        self.failures = [0] * len(jobs)
        self.stops = [0] * len(jobs)  # after each, the next run begins with a restart
        self.held = {row for row, job in enumerate(jobs) if job.after}
        self.number = 0
        self.too_wide = {
            row
            for row, job in enumerate(jobs)
            if largest_instance and job.instances > largest_instance * (job.nodes or 1)
        }
        peak = [step.peak for step in self.steps if step.at <= 0][-1]
        can_run = [job for row, job in enumerate(jobs) if row not in self.too_wide and job.instances <= peak]
        self.first_submit = min((job.submit for job in can_run if not job.after), default=0)
        self.parts: list[List | Pool] = []
        for name, (policy, _) in sorted(policies.items(), key=lambda item: -item[1][1]):
            if isinstance(policy, QuotaManagement):
                self.parts += [Pool(self, policy, unit, limit, strategies) for unit, limit in limits.items()]
            else:
                (unit,) = limits
                rows = {row for row, job in enumerate(jobs) if job.queue == name or len(policies) == 1}
                self.parts.append(List(self, policy, unit, limits[unit], strategies, rows))

    def run(self) -> list[Result]:
        last = max([job.submit for job in self.jobs] + [step.at for step in self.steps])
        busy = 0
        for t in count():
            assert t < 20_000
            changed = False
            before = [result.state for result in self.results]
            served: list[int | None] = []
            for part in self.parts:
                changed |= part.end_runs(t, served)
            changed |= self.settle(before, t)
            for step in [step for step in self.steps if step.at == t]:
                self.change(step, t)
                changed = True
            for part in self.parts:
                if isinstance(part, Pool):
                    part.start_pending(served, t)
            changed |= self.cancel(t)
            for row, job in enumerate(self.jobs):
                if job.submit == t and row not in self.held and self.results[row].state == "waiting":
                    changed |= self.add(row)
                if job.submit == t and row in self.held and self.must_fail(row):
                    self.fail(row, t)
            for part in self.parts:
                if isinstance(part, List) and (changed or part.must_rank(t)):
                    part.schedule(t)
            if changed:
                self.schedule_pools([part for part in self.parts if isinstance(part, Pool)], t)
            for part in self.parts:
                part.note_use(t)
            if any(part.running for part in self.parts):
                busy = t
            blocked = self.blocks and any(part.waiting for part in self.parts)
            if t > max([last - 1, busy, *self.cancelled_at.values()]) + (LONGEST_SETTLING if blocked else 0):
                return self.results
        raise AssertionError

    # Jobs that can never run

    def cancel(self, t: int) -> bool:
        """Fail the jobs that can never run and whose time limit is over."""
        rows = [row for row, second in self.cancelled_at.items() if second == t]
        for row in rows:
            self.home(row).waiting.remove(row)
            self.results[row].lost += self.saved_work[row] * self.jobs[row].instances
            self.fail(row, t)
        return bool(rows)

    def note_head(self, row: int, t: int) -> None:
        if self.time_limit is not None:
            self.cancelled_at.setdefault(row, t + self.time_limit)

    def schedule_pools(self, pools: "Sequence[Pool]", t: int) -> None:
        moved: set[int] = set()
        while True:
            before = -1
            while before != self.number:  # a job that is preempted in a pool can start in one before it
                before = self.number
                for pool in pools:
                    pool.schedule(t)
            if not self.move_one(pools, moved, t):
                return

    # Dependencies

    def settle(self, before: Sequence[str], t: int) -> bool:
        """Let the jobs whose dependencies have ended wait or fail."""
        changed = False
        if [result.state for result in self.results] == before:
            return False
        for row in sorted(self.held):
            if self.jobs[row].submit > t or self.results[row].state != "waiting":
                continue
            if self.must_fail(row):
                self.fail(row, t)
        for row in sorted(self.held):
            if all(result == "succeeded" for result in self.dependencies(row)):
                self.held.remove(row)
                if self.jobs[row].submit < t:
                    changed |= self.add(row)
        return changed

    def dependencies(self, row: int) -> list[str]:
        names = self.jobs[row].after
        return [result.state for job, result in zip(self.jobs, self.results, strict=True) if job.name in names]

    def must_fail(self, row: int) -> bool:
        return "failed" in self.dependencies(row)

    def fail(self, row: int, t: int) -> None:
        self.results[row].state = "failed"
        for other in sorted(self.held):
            submitted = self.jobs[other].submit <= t and self.results[other].state == "waiting"
            if submitted and self.jobs[row].name in self.jobs[other].after and self.jobs[row].name:
                self.fail(other, t)

    # Capacity

    def add(self, row: int) -> bool:
        """Let a job wait in its part, and return True if it can run."""
        part = self.home(row)
        part.waiting.append(row)
        return self.blocks or part.can_run(row)

    def home(self, row: int) -> "List | Pool":
        """Return the queue of a job or, with quotas, the first of its instance types that can hold it."""
        job = self.jobs[row]
        pools = {part.unit: part for part in self.parts if isinstance(part, Pool)}
        if not pools:
            return next(part for part in self.parts if isinstance(part, List) and row in part.rows)
        units = job.instance_types or (job.instance_type or next(iter(pools)),)
        return next((pools[unit] for unit in units if pools[unit].can_run(row)), pools[units[0]])

    def change(self, step: Step, t: int) -> None:
        parts = [part for part in self.parts if part.unit == step.unit]
        for part in parts:
            part.set_limit(step.limit, step.peak)
        if step.kills:
            for part in parts:
                if isinstance(part, Pool):
                    part.cancel_pending()
            held = [(run.number, part, run) for part in parts for run in part.running]
            for _, part, run in sorted(held, key=lambda item: -item[0]):
                if sum(other.job.instances for each in parts for other in each.running) > step.limit:
                    part.kill(run, t)
        for part in self.parts:  # a job that waits for another type than its first possible one goes there
            for row in list(part.waiting):
                if self.home(row) is not part:
                    part.waiting.remove(row)
                    self.home(row).waiting.append(row)

    def move_one(self, pools: "Sequence[Pool]", moved: set[int], t: int) -> bool:
        """Start a job on a type that is not the first of its types."""
        found = []
        for pool in pools:
            firsts: dict[object, int] = {}
            rows = [row for other in pools for row in (*other.waiting, *other.pending) if other is not pool]
            for row in sorted(rows, key=lambda row: (-self.jobs[row].priority, self.jobs[row].submit, row)):
                job = self.jobs[row]
                skip = job.instances if self.strategies.head_of_line == "skip" else 0
                if pool.unit in job.instance_types and (self.blocks or any(other.can_run(row) for other in pools)):
                    firsts.setdefault((job.share, skip), row)
            found += [
                (
                    (
                        -self.jobs[row].priority,
                        self.jobs[row].submit,
                        row,
                        self.jobs[row].instance_types.index(pool.unit),
                    ),
                    pool,
                )
                for row in firsts.values()
            ]
        for (*_, row, _), pool in sorted(found, key=lambda item: item[0]):
            home = next((other for other in pools if row in other.waiting), None)
            if home and row not in moved and pool.admits(row):
                home.waiting.remove(row)
                pool.start(row, t)
                moved.add(row)
                return True
        return False

    # Runs

    def new_run(self, row: int, t: int) -> Run:
        job = self.jobs[row]
        self.number += 1
        restart = self.strategies.restart_seconds if job.restart is None else job.restart
        begin = t + (restart if self.stops[row] else 0)
        left = job.run - self.saved_work[row]
        fails = job.fails_after is not None and job.fails != 0 and job.fails_after <= left
        work = (job.fails_after or 0) if fails else left
        return Run(row, job, t, begin + work, fails=fails, number=self.number)

    def worked(self, run: Run, t: int) -> int:
        """Return the seconds that a run worked until a second."""
        restart = self.strategies.restart_seconds if run.job.restart is None else run.job.restart
        return max(0, t - run.start - (restart if self.stops[run.row] else 0))

    def save(self, run: Run, worked: int) -> None:
        """Save the work until the last checkpoint of a run that stops, and count the rest as lost."""
        saved = worked // run.job.checkpoint * run.job.checkpoint if run.job.checkpoint else 0
        if run.job.checkpoint and saved == run.job.run - self.saved_work[run.row]:
            saved -= run.job.checkpoint  # the last checkpoint is the end of the job
        self.saved_work[run.row] += saved
        self.results[run.row].lost += (worked - saved) * run.job.instances
        self.stops[run.row] += 1

    def end(self, run: Run, t: int) -> bool:
        """Record the end of a run, and return True if its job waits again."""
        result = self.results[run.row]
        result.runs.append((run.start, t, False))
        if not run.fails:
            result.state = "succeeded"
            return False
        self.save(run, self.worked(run, t))
        self.failures[run.row] += 1
        if self.failures[run.row] < (run.job.attempts or 1):
            return True
        result.state = "failed"
        result.lost += self.saved_work[run.row] * run.job.instances
        return False


class List(OneList):
    """FIFO or fair-share queue of a world."""

    def __init__(
        self, world: World, policy: SchedulingPolicy, unit: str, limit: int, strategies: Strategies, rows: set[int]
    ) -> None:
        super().__init__(policy, limit, world.jobs, strategies, Ec2Instances(), world.results)
        self.first_submit = world.first_submit
        self.world, self.unit, self.rows, self.peak = world, unit, rows, limit

    def set_limit(self, limit: int, peak: int) -> None:
        self.capacity, self.peak = limit, peak

    def can_run(self, row: int) -> bool:
        return self.jobs[row].instances <= self.peak and row not in self.world.too_wide

    def free(self) -> int:
        return self.capacity - sum(run.job.instances for part in self.world.parts for run in part.running)

    def end_runs(self, t: int, served: list[int | None]) -> bool:
        ended = [run for run in self.running if run.end == t]
        for run in ended:
            self.running.remove(run)
            if self.world.end(run, t):
                self.wait_again(run.row)
        return bool(ended)

    def wait_again(self, row: int) -> None:
        self.retried.add(row)
        self.waiting.append(row)

    def kill(self, run: Run, t: int) -> None:
        self.running.remove(run)
        self.results[run.row].runs.append((run.start, t, True))
        self.world.save(run, self.world.worked(run, t))
        self.wait_again(run.row)

    def start(self, row: int, t: int) -> None:
        self.waiting.remove(row)
        self.running.append(self.world.new_run(row, t))

    def note_head(self, row: int, t: int) -> None:
        if not self.can_run(row):
            self.world.note_head(row, t)

    def schedule(self, t: int) -> None:
        if self.world.blocks:
            super().schedule(t)
            return
        parked = [row for row in self.waiting if not self.can_run(row)]
        self.waiting = [row for row in self.waiting if self.can_run(row)]
        super().schedule(t)
        self.waiting += parked

    def note_use(self, t: int) -> None:
        self.in_use[t] = {run.job.share: self.held_instances(run.job.share) for run in self.running}


class Pool(Quotas):
    """Quota management of one instance type of a world."""

    def __init__(self, world: World, policy: QuotaManagement, unit: str, limit: int, strategies: Strategies) -> None:
        super().__init__(policy, unit, limit, world.jobs, strategies, world.results)
        self.world, self.policy, self.unit, self.peak = world, policy, unit, limit
        self.saved_work = world.saved_work

    def set_limit(self, limit: int, peak: int) -> None:
        self.peak = peak
        self.usable = min(limit, sum(self.own.values()))
        self.overcommitted = sum(self.own.values()) - self.usable
        self.cancel_pending(lambda row: not self.can_run(row))

    def cancel_pending(self, chosen: "object" = None) -> None:
        for row in list(self.pending):
            if chosen is None or chosen(row):  # type: ignore[operator]
                self.pending.remove(row)
                self.waiting.append(row)
                for run in [run for run in self.running if run.stopped_for == row]:
                    run.stopped_for = -1  # continues to stop, but for no job

    def can_run(self, row: int) -> bool:
        ceiling = self.policy.ceilings({self.unit: self.peak})[self.jobs[row].share]
        return self.jobs[row].instances <= ceiling.get(self.unit, 0)

    def candidates(self, share: str) -> list[int]:
        rows = self.in_line(share)
        if self.world.blocks:
            return [row for row in rows[:1] if self.can_run(row)]
        rows = [row for row in rows if self.can_run(row)]
        return rows if self.strategies.head_of_line == "skip" else rows[:1]

    def schedule(self, t: int) -> None:
        super().schedule(t)
        if self.world.blocks:
            for share in self.shares:
                for row in self.in_line(share)[:1]:
                    if not self.can_run(row):
                        self.world.note_head(row, t)

    def admits(self, row: int) -> bool:
        """Return True if a job of another type can start here, without a preemption and not before others."""
        job = self.jobs[row]
        first = self.in_line(job.share)[:1] if self.world.blocks else self.candidates(job.share)
        before = sorted([*first, row], key=lambda row: (-self.jobs[row].priority, self.jobs[row].submit, row))
        if self.strategies.head_of_line == "block" and before[0] != row:
            return False
        fits_own = self.fits_own(row) and job.instances <= self.room(job.share)
        return self.can_run(row) and (fits_own or (not self.fits_own(row) and self.may_borrow(row)))

    def end_runs(self, t: int, served: list[int | None]) -> bool:
        changed = False
        for run in list(self.running):
            if run.stop_decided is None and run.end == t:
                self.running.remove(run)
                if self.world.end(run, t):
                    self.wait_again(run.row)
                changed = True
            elif run.stop_decided is not None and run.stop_decided + self.strategies.stop_seconds == t:
                served.append(run.stopped_for)
                self.end_stop(run, t)
                changed = True
        return changed

    def end_stop(self, run: Run, t: int) -> None:
        assert run.stop_decided is not None
        self.running.remove(run)
        result = self.results[run.row]
        result.runs.append((run.start, t, True))
        self.world.save(run, self.world.worked(run, run.stop_decided))
        self.preemptions[run.row] += 1
        for pool in self.world.parts:  # preemptions on all types count
            assert isinstance(pool, Pool)
            pool.preemptions[run.row] = self.preemptions[run.row]
        allowed = self.strategies.retries_before_termination
        if allowed is not None and self.preemptions[run.row] > allowed:
            result.state = "failed"
            result.lost += self.saved_work[run.row] * run.job.instances
            self.world.settle([], t)
        else:
            self.wait_again(run.row)

    def wait_again(self, row: int) -> None:
        self.world.home(row).waiting.append(row)

    def kill(self, run: Run, t: int) -> None:
        if run.stop_decided is not None:
            self.end_stop(run, t)
            return
        self.running.remove(run)
        self.results[run.row].runs.append((run.start, t, True))
        self.world.save(run, self.world.worked(run, t))
        self.wait_again(run.row)

    def start(self, row: int, t: int) -> None:
        if row in self.waiting:
            self.waiting.remove(row)
        self.running.append(self.world.new_run(row, t))

    def must_rank(self, t: int) -> bool:
        return False

    def note_use(self, t: int) -> None:
        pass
