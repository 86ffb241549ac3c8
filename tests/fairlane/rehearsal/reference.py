"""Reference implementation of quota management: slow and plain, second by second, without any cache.

It shares no code with the simulator. `test_against_reference.py` compares the two. `reference_lists.py` has the other
policies.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import count

from fairlane import QuotaManagement, Sharing
from fairlane.rehearsal import Ec2Instances, rehearse
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import UNLIMITED, JobStateTimeLimitAction, SchedulingPolicy, TimeLimitReason
from tests.fairlane.rehearsal.reference_lists import OneList, Result, Run

TOO_LONG = 1_000_000
LIMITS = (TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED)


def reference(
    policy: SchedulingPolicy,
    jobs: Sequence[Job],
    capacity: int | Mapping[str, int],
    strategies: Strategies,
    ec2_instances: Ec2Instances | None = None,
    time_limit: int | None = None,
) -> list[Result]:
    """Return the result of each job. The jobs are in the order of their submission."""
    results = [Result() for _ in jobs]
    if isinstance(policy, QuotaManagement):
        assert isinstance(capacity, Mapping)
        for unit, limit in capacity.items():  # instance types are independent
            Quotas(policy, unit, limit, jobs, strategies, results, time_limit).run()
    else:
        assert isinstance(capacity, int)
        OneList(policy, capacity, jobs, strategies, ec2_instances or Ec2Instances(), results, time_limit).run()
    return results


def simulate(
    policy: SchedulingPolicy,
    jobs: Sequence[Job],
    capacity: int | Mapping[str, int],
    strategies: Strategies,
    ec2_instances: Ec2Instances | None = None,
    time_limit: int | None = None,
) -> list[Result]:
    """Return the simulator's results in the form of the reference."""
    actions = [JobStateTimeLimitAction(reason=reason, max_time_seconds=time_limit) for reason in LIMITS if time_limit]
    rehearsal = rehearse(
        policy,
        Trace.of(jobs),
        capacity=capacity,
        strategies=strategies,
        ec2_instances=ec2_instances,
        time_limit_actions=actions,
    )
    return [
        Result([(run.start, run.stop, run.preempted) for run in outcome.runs], outcome.state, outcome.lost)
        for outcome in rehearsal.outcomes
    ]


class Quotas:
    """Reference for quota management of one instance type."""

    def __init__(
        self,
        policy: QuotaManagement,
        unit: str,
        limit: int,
        jobs: Sequence[Job],
        strategies: Strategies,
        results: list[Result],
        time_limit: int | None = None,
    ) -> None:
        self.time_limit = time_limit
        self.shares = {share.name: share for share in policy.shares}
        self.own = {share.name: share.capacity.get(unit, 0) for share in policy.shares}
        self.usable = min(limit, sum(self.own.values()))
        self.overcommitted = sum(self.own.values()) - self.usable
        self.jobs, self.strategies, self.results = jobs, strategies, results
        highest = policy.ceilings({unit: limit})
        self.possible_rows = [
            row
            for row, job in enumerate(jobs)
            if job.instance_type in ("", unit) and job.instances <= highest[job.share].get(unit, 0)
        ]
        self.blocks = strategies.unrunnable == "block" == strategies.head_of_line
        self.listed = [row for row, job in enumerate(jobs) if job.instance_type in ("", unit)]
        self.cancelled_at: dict[int, int] = {}  # for each job that blocked its share, the second of its time limit
        self.waiting: list[int] = []
        self.pending: list[int] = []  # jobs for which other jobs are being stopped
        self.running: list[Run] = []  # includes runs that are being stopped
        self.saved_work = [0] * len(jobs)  # seconds of work that checkpoints saved
        self.preemptions = [0] * len(jobs)

    def run(self) -> None:
        for t in count(min((self.jobs[row].submit for row in self.listed), default=0)):
            assert t < TOO_LONG
            changed = False
            for run in [run for run in self.running if run.stop_decided is None and run.end == t]:
                self.running.remove(run)
                self.results[run.row].runs.append((run.start, t, False))
                self.results[run.row].state = "succeeded"
                changed = True
            changed |= self.complete_stops(t)
            for row in self.listed if self.blocks else self.possible_rows:
                if self.jobs[row].submit == t:
                    self.waiting.append(row)
                    changed = True
            for row in [row for row, second in self.cancelled_at.items() if second == t]:
                self.waiting.remove(row)
                self.results[row].state = "failed"
                changed = True
            if changed:
                self.schedule(t)
                self.note_heads(t)
            if not self.running and all(self.jobs[row].submit <= t for row in self.listed):
                assert self.blocks or not self.waiting
                if t >= max(self.cancelled_at.values(), default=0):
                    return

    def note_heads(self, t: int) -> None:
        """Start the time limit of each job that can never run and is first in its share."""
        for share in self.shares:
            for row in self.in_line(share)[:1]:
                if row not in self.possible_rows and self.time_limit is not None:
                    self.cancelled_at.setdefault(row, t + self.time_limit)

    def complete_stops(self, t: int) -> bool:
        """End the runs that are stopped now, then start the jobs for which they were stopped."""
        served = []
        for run in list(self.running):
            if run.stop_decided is not None and run.stop_decided + self.strategies.stop_seconds == t:
                served.append(run.stopped_for)
                self.end_stop(run, t)
        self.start_pending(served, t)
        return bool(served)

    def end_stop(self, run: Run, t: int) -> None:
        assert run.stop_decided is not None
        self.running.remove(run)
        result, job = self.results[run.row], run.job
        result.runs.append((run.start, t, True))
        worked = max(0, run.stop_decided - run.start - self.restart(run.row))
        saved = worked // job.checkpoint * job.checkpoint if job.checkpoint else 0
        self.saved_work[run.row] += saved
        result.lost += (worked - saved) * job.instances
        self.preemptions[run.row] += 1  # its next run begins with a restart
        allowed = self.strategies.retries_before_termination
        if allowed is not None and self.preemptions[run.row] > allowed:
            result.state = "failed"
            result.lost += self.saved_work[run.row] * job.instances
        else:
            self.wait_again(run.row)

    def start_pending(self, served: Sequence[int | None], t: int) -> None:
        for row in [row for row in self.pending if row in served]:
            self.pending.remove(row)
            self.start(row, t)

    def wait_again(self, row: int) -> None:
        self.waiting.append(row)

    def start(self, row: int, t: int) -> None:
        stop = t + self.restart(row) + self.jobs[row].run - self.saved_work[row]
        self.running.append(Run(row, self.jobs[row], t, stop))

    def restart(self, row: int) -> int:
        """Return the seconds that the current run of a job needs before it works."""
        own = self.jobs[row].restart
        seconds = self.strategies.restart_seconds if own is None else own
        return seconds if self.preemptions[row] else 0

    def schedule(self, t: int) -> None:
        for _ in range(10_000):
            if not (self.give_own(t) or self.lend(t) or self.preempt_in_share(t)):
                return
        raise AssertionError("scheduling does not end")

    def give_own(self, t: int) -> bool:
        """A: give each share its own capacity, if necessary from shares that use more than their own."""
        acted = False
        for share in self.in_order():
            while any(self.give(row, t) for row in self.candidates(share)):
                acted = True
        return acted

    def give(self, row: int, t: int) -> bool:
        if not self.fits_own(row):
            return False
        if self.jobs[row].instances <= self.room(self.jobs[row].share):
            self.waiting.remove(row)
            self.start(row, t)
            return True
        return self.stop_for(row, t, self.enough_of_borrowers(row))

    def lend(self, t: int) -> bool:
        """C: lend idle capacity to borrowers, first come, first served."""
        acted = False
        while True:
            fitting = []
            for share in self.shares:
                rows = [row for row in self.candidates(share) if not self.fits_own(row) and self.may_borrow(row)]
                fitting += rows[:1]
            if not fitting:
                return acted
            row = min(fitting, key=lambda row: (self.jobs[row].submit, row))
            self.waiting.remove(row)
            self.start(row, t)
            acted = True

    def preempt_in_share(self, t: int) -> bool:
        """B: let a job replace jobs of its share that have a lower priority."""
        for name in self.in_order():
            for row in self.candidates(name):
                if self.shares[name].in_share_preemption and self.stop_for(row, t, self.enough_of_own(row)):
                    return True
        return False

    def in_order(self) -> list[str]:
        if self.strategies.share_order == "declared":
            return list(self.shares)
        return sorted(self.shares, key=lambda share: Fraction(self.used(share), self.own[share] or 1))

    def candidates(self, share: str) -> list[int]:
        """Return the waiting jobs of a share that may start next: the first job or, with `skip`, all in order."""
        rows = self.in_line(share)
        if self.strategies.head_of_line == "skip":
            return rows
        return [row for row in rows[:1] if row in self.possible_rows]

    def in_line(self, share: str) -> list[int]:
        rows = [row for row in self.waiting if self.jobs[row].share == share]
        return sorted(rows, key=lambda row: (-self.jobs[row].priority, self.jobs[row].submit, row))

    def fits_own(self, row: int) -> bool:
        job = self.jobs[row]
        return self.used(job.share) + job.instances <= self.own[job.share]

    def may_borrow(self, row: int) -> bool:
        job = self.jobs[row]
        share, own, used = self.shares[job.share], self.own[job.share], self.used(job.share)
        if share.sharing != Sharing.LEND_AND_BORROW:
            return False
        limited = share.borrow_limit is not None and share.borrow_limit != UNLIMITED
        if limited and used + job.instances > own + own * (share.borrow_limit or 0) // 100:
            return False
        lendable = sum(
            max(0, self.own[name] - self.used(name))
            for name, other in self.shares.items()
            if name == job.share or other.sharing != Sharing.RESERVE
        )
        return job.instances <= lendable and job.instances <= self.room(job.share)

    def used(self, share: str) -> int:
        """Return the instances of all runs, and the instances that pending jobs need beyond the runs stopped for them."""
        held = sum(run.job.instances for run in self.running if run.job.share == share)
        for row in self.pending:
            if self.jobs[row].share == share:
                stopping = [run for run in self.running if run.stopped_for == row and run.job.share == share]
                held += max(0, self.jobs[row].instances - sum(run.job.instances for run in stopping))
        return held

    def room(self, share: str) -> int:
        """Return the instances that the share can take now: free instances that no other share reserves."""
        reserved = sum(
            max(0, self.own[name] - self.used(name))
            for name, other in self.shares.items()
            if name != share and other.sharing == Sharing.RESERVE
        )
        return self.free() - max(0, reserved - self.overcommitted)

    def free(self) -> int:
        held = sum(run.job.instances for run in self.running)
        for row in self.pending:
            stopping = [run for run in self.running if run.stopped_for == row]
            held += max(0, self.jobs[row].instances - sum(run.job.instances for run in stopping))
        return self.usable - held

    def remaining(self, share: str, without: list[Run]) -> int:
        """Return the instances that the share holds after all stops, when pending jobs have started."""
        running = [run for run in self.running if run.stopped_for is None and run not in without]
        return sum(run.job.instances for run in running if run.job.share == share) + sum(
            self.jobs[row].instances for row in self.pending if self.jobs[row].share == share
        )

    def victims(self) -> list[Run]:
        """Return the runs that are not being stopped, in the order in which they are preempted."""
        running = [run for run in self.running if run.stopped_for is None]
        if self.strategies.victims == "newest":
            return sorted(running, key=lambda run: (-run.start, -run.row))
        return sorted(running, key=lambda run: (run.job.priority, -run.start, -run.row))

    def enough_of_borrowers(self, row: int) -> list[Run]:
        chosen: list[Run] = []
        for run in self.victims():
            if self.remaining(run.job.share, without=chosen) > self.own[run.job.share]:
                chosen.append(run)
                if self.jobs[row].instances <= self.room(self.jobs[row].share) + sum(
                    other.job.instances for other in chosen
                ):
                    return chosen
        return []

    def enough_of_own(self, row: int) -> list[Run]:
        job, chosen = self.jobs[row], list[Run]()
        used = self.used(job.share)
        for run in self.victims():
            if run.job.share == job.share and run.job.priority < job.priority:
                chosen.append(run)
                freed = sum(other.job.instances for other in chosen)
                within = used - freed + job.instances <= max(self.own[job.share], used)
                if within and job.instances <= self.room(job.share) + freed:
                    return chosen
        return []

    def stop_for(self, row: int, t: int, victims: list[Run]) -> bool:
        for run in victims:
            run.stop_decided, run.stopped_for = t, row
        if victims:
            self.waiting.remove(row)
            self.pending.append(row)
            if self.strategies.stop_seconds == 0:
                self.complete_stops(t)
        return bool(victims)
