"""Queues and environments of an engine, and their changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Final

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.fair_share import FairShareScheduler
from fairlane.scheduler.fifo import FifoScheduler
from fairlane.scheduler.instance_pool import InstancePool
from fairlane.scheduler.job import Trace
from fairlane.scheduler.job_table import NEVER_FITS, NO_RUN
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.queue import Queue, group_queues, pass_order
from fairlane.scheduler.quota_management import QuotaScheduler
from fairlane.scheduler.submission import Listener, Terms, WaitReason
from fairlane.scheduling import Capacity, FairShare, QuotaManagement, SchedulingPolicy, State
from fairlane.scheduling.capacity import capacity_limits

NO_LIMITS: Final[Mapping[WaitReason, int]] = MappingProxyType({})

_DEFAULTS: Final = Strategies()


class QueueSet(EventLoop):
    """Event loop with queues and environments, which can be added and changed at any time."""

    def __init__(
        self,
        strategies: Strategies,
        ec2_instances: Ec2Instances | None,
        pass_seconds: int,
        listener: Listener | None,
        *,
        external_stops: bool,
        seed: int,
    ) -> None:
        attempts = ec2_instances.attempts if ec2_instances else 1
        terms = Terms(attempts=attempts, preemptions=strategies.retries_before_termination)
        pool = InstancePool(ec2_instances) if ec2_instances else None
        stop_seconds = None if external_stops else strategies.stop_seconds
        super().__init__(strategies, stop_seconds, terms, pool, pass_seconds, listener, seed)
        self._strategies = strategies
        self._environments: dict[str, Environment] = {}
        self._queues: dict[str, Queue] = {}

    def set_environment(
        self, name: str, capacity: Capacity, state: State = State.ENABLED, *, peak: Capacity | None = None
    ) -> None:
        """Add an environment, or change its capacity and state.

        A lower capacity stops no run: until runs end, their use can be above the new limit.

        Args:
            name: Name of a service environment or compute environment.
            capacity: Number of instances or units or, for quota management, of instances of each type.
            state: State. A disabled environment starts no runs. Default: enabled.
            peak: Largest capacity, now or later. A job that needs more can never run. Default: `capacity`.
        """
        environment = self._environments.get(name)
        if environment is None:
            environment = self._environments[name] = Environment(len(self.environments), name)
            self.environments.append(environment)
        limits = capacity_limits(capacity)
        changes = environment.change(limits, state, limits if peak is None else capacity_limits(peak))
        self._apply([queue for queue in self._queues.values() if environment in queue.environments], sort_out=changes)

    def end_runs_above(self, name: str, unit: str = "") -> None:
        """Stop the runs above the capacity of an environment, the run that started last first.

        Their capacity is free at once, their work since the last checkpoint is lost, and their jobs wait again, as do
        the jobs for which others are being stopped.

        Args:
            name: Name of the environment.
            unit: Instance type, with quota management. Default: the only capacity unit.

        Raises:
            KeyError: If the environment does not exist.
        """
        environment = self._environments[name]
        unit = unit or next(iter(environment.limits))
        for queue in self._queues.values():
            if environment in queue.environments:
                queue.scheduler.pause(unit)
        record, jobs = self.record, self.jobs
        runs = [
            run
            for row, run in enumerate(jobs.last_run)
            if run != NO_RUN
            and not record.states[row]
            and record.stops[run] > self.now  # it ends before the pass of this second
            and self._places.get(run, 0) == environment.index
            and jobs.lanes[row].scheduler.unit_of(jobs.lanes[row]) in ("", unit)
        ]
        above = sum(jobs.needs[record.rows[run]] for run in runs) - environment.limits.get(unit, 0)
        for run in sorted(runs, reverse=True):
            if above <= 0:
                break
            above -= jobs.needs[record.rows[run]]
            self._changed |= self._kill(run, self.now)

    def set_queue(
        self,
        name: str,
        policy: SchedulingPolicy,
        environments: Sequence[str],
        *,
        priority: int = 1,
        state: State = State.ENABLED,
        time_limits: Mapping[WaitReason, int] = NO_LIMITS,
        largest_instance: int | None = None,
    ) -> None:
        """Add a queue, or change its policy, environments, priority and state.

        Args:
            name: Name of the queue.
            policy: Scheduling policy. The kind of a policy cannot change.
            environments: Names of the environments, in the order in which jobs are placed on them. With quota
                management, one environment that no other queue uses.
            priority: Priority of the queue. Queues with a higher priority get shared capacity first. Among queues with
                the same priority, the queue that was added first. Default: 1.
            state: State. A disabled queue starts no runs. Default: enabled.
            time_limits: Number of seconds after which a job that can never run and blocks others fails, by the limit
                that it exceeds: `ENVIRONMENT_LIMIT` or `QUOTA_LIMIT`. The time starts when a pass stops at the job.
                Default: never.
            largest_instance: Number of capacity units of the largest instance. A job of a trace that needs more on a
                node never runs. Default: the number of instances of a job has no effect.

        Raises:
            KeyError: If an environment does not exist.
            ValueError: If the kind of the policy changes.
        """
        used = [self._environments[environment] for environment in environments]
        queue = self._queues.get(name)
        if queue is None:
            queue = Queue(name, policy, self._scheduler(policy, used), used, priority, state)
            self._queues[name] = queue
        elif type(policy) is not type(queue.policy):
            raise ValueError(f"the policy of queue {name} is {type(queue.policy).__name__}, and its kind cannot change")
        queue.policy, queue.environments, queue.priority, queue.state = policy, used, priority, state
        queue.scheduler.time_limits = time_limits
        queue.scheduler.largest_instance = largest_instance
        group_queues(list(self._queues.values()))
        self._apply([queue])

    def load(self, trace: Trace, queue: str | Sequence[str]) -> None:
        """Submit all jobs of a trace.

        Args:
            trace: Jobs. None is submitted before the current second or before an earlier submission.
            queue: Name of the queue, or the name of the queue of each of the trace's `queue_names`.
        """
        first = len(self.jobs)
        names = [queue] if isinstance(queue, str) else queue
        schedulers = [self._queues[name].scheduler for name in names]
        queues = trace.queues if len(schedulers) > 1 else [0] * len(trace)
        lanes = [
            [[scheduler.lane(share, unit) for unit in trace.instance_types] for share in trace.share_names]
            for scheduler in schedulers
        ]
        if len(schedulers) == len(trace.instance_types) == 1:
            (column,) = zip(*lanes[0], strict=True)
            self.jobs.append_trace(trace, map(column.__getitem__, trace.shares))
        else:
            places = zip(queues, trace.shares, trace.types, strict=True)
            self.jobs.append_trace(trace, (lanes[number][share][unit] for number, share, unit in places))
        self._add_special(trace, first)
        for row, preferred in trace.preferences.items():
            number, share = queues[row], trace.shares[row]
            schedulers[number].prefer(first + row, [lanes[number][share][unit] for unit in preferred])
        for number, scheduler in enumerate(schedulers):
            if (largest := scheduler.largest_instance) is not None:
                for row, units in enumerate(trace.instances):
                    if units > largest and queues[row] == number and -(-units // trace.nodes.get(row, 1)) > largest:
                        self.jobs.needs[first + row] = NEVER_FITS
        self._expect(len(trace))
        smallest = min((lane.largest for rows in lanes for row in rows for lane in row), default=0)
        needs = self.jobs.needs
        large = [row for row in range(first, len(self.jobs)) if needs[row] > smallest]
        self.record.unrunnable |= {row for row in large if needs[row] > self.jobs.lanes[row].largest}

    def _add_special(self, trace: Trace, first: int) -> None:
        """Add the values that few jobs have."""
        self._own_restarts |= {first + row: seconds for row, seconds in trace.restarts.items()}
        self._run_failures |= {first + row: failure for row, failure in trace.failures.items()}
        for row, attempts in trace.attempts.items():
            self._terms[first + row] = replace(self._default_terms, attempts=attempts)
        if trace.after:
            after = {first + row: names for row, names in trace.after.items()}
            self._dependencies.add(after, {first + row: name for row, name in trace.named_rows()})
            self.record.held |= after.keys()

    def over_limit(self) -> list[int]:
        """Return the waiting jobs that are above a limit, in the order of submission."""
        return [self.jobs.id(row) for row in sorted(self.record.unrunnable) if not self.record.states[row]]

    def _scheduler(self, policy: SchedulingPolicy, environments: Sequence[Environment]) -> Scheduler:
        strategies = self._strategies
        if isinstance(policy, QuotaManagement):
            return QuotaScheduler(self, policy, environments, strategies)
        if isinstance(policy, FairShare):
            return FairShareScheduler(self, policy, environments, strategies)
        return FifoScheduler(self, environments, skip=strategies.head_of_line == "skip")

    def _apply(self, queues: Sequence[Queue], *, sort_out: bool = True) -> None:
        """Apply changes of queues or of their environments, and ask again which of their jobs can never run."""
        for queue in queues:
            queue.scheduler.change(queue.policy, queue.environments)
            if not queue.enabled:
                queue.scheduler.pause()
            if sort_out:
                self._sort_out(queue.scheduler)
            self._changed |= queue.scheduler.group
        self._passes[:] = pass_order(list(self._queues.values()))

    def _sort_out(self, scheduler: Scheduler) -> None:
        jobs, unrunnable, states = self.jobs, self.record.unrunnable, self.record.states
        if self.blocks:
            for row, lane in enumerate(jobs.lanes):
                if lane.scheduler is scheduler and not states[row] and jobs.last_run[row] == NO_RUN:
                    if jobs.needs[row] > lane.largest:
                        unrunnable.add(row)
                    else:
                        unrunnable.discard(row)
                        self.timers.pop(row, None)
            return
        for row in [row for row in scheduler.order(self.now) if jobs.needs[row] > jobs.lanes[row].largest]:
            scheduler.remove(jobs.lanes[row], row)
            unrunnable.add(row)
        for row in sorted(unrunnable):
            lane = jobs.lanes[row]
            if lane.scheduler is scheduler and not states[row] and jobs.needs[row] <= lane.largest:
                unrunnable.discard(row)
                if row < self._arrived and row not in self.record.held:
                    scheduler.arrive(lane, row)
        for row in chain(range(self._arrived, len(jobs)), self.record.held):
            if jobs.lanes[row].scheduler is scheduler and jobs.needs[row] > jobs.lanes[row].largest:
                unrunnable.add(row)
