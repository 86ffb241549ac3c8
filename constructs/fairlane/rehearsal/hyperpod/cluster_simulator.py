"""Simulation of a HyperPod cluster with a trace of jobs, on the models of Kueue and of elastic jobs."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Final

from fairlane._internal.checks import check_number, check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.hyperpod.kueue_queues import fair_sharing, queue_name
from fairlane.hyperpod.team_objects import PART_PRIORITIES
from fairlane.rehearsal.hyperpod.cluster_job import ClusterJob
from fairlane.rehearsal.hyperpod.cluster_rehearsal import ClusterRehearsal
from fairlane.rehearsal.hyperpod.cluster_run import ClusterRun
from fairlane.rehearsal.hyperpod.cluster_setup import ClusterSetup, instance_requests
from fairlane.rehearsal.hyperpod.cluster_trace import ClusterTrace
from fairlane.scheduler.kueue import Actions, ElasticJob, Kueue, Phase

_END, _STOPPED, _SUBMIT, _ADVANCE, _WAKE = range(5)
"""Kinds of events, in their order within a second."""
_MOST_PREEMPTIONS: Final = 1000
"""Preemptions after which a job is withdrawn, because Kueue can preempt jobs in a circle for ever."""
_WAIT: Final = -1
_MOST_HOURS: Final = 10**7
_CYCLE: Final = 2**-20
"""Part of a second between two cycles, so that a later admission is the newer one."""


def rehearse_cluster(
    setup: ClusterSetup,
    trace: ClusterTrace,
    *,
    stop_seconds: int = 20,
    hours: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> ClusterRehearsal:
    """Run a trace of jobs through a model of a HyperPod cluster, in whole seconds.

    At each second, jobs finish first, then processes end, then jobs are submitted, then jobs ask for instances or grow,
    then Kueue runs cycles until nothing changes. A job that needs more than its team can ever use does not run. A job
    that Kueue preempts 1,000 times is withdrawn.

    Args:
        setup: Teams and capacity of the cluster.
        trace: Jobs to submit.
        stop_seconds: Number of seconds for which a preempted job that is not elastic holds its capacity. Default: 20.
        hours: Number of hours from the first submission after which the rehearsal ends, more than 0. Jobs that run at
            the end count with the work until then, and later jobs do not count. Default: until all jobs have finished.
        progress: Function that is called with the part of the jobs that have finished, 0 to 1, at most about 100
            times. Default: none.

    Returns:
        Result of the simulation.

    Raises:
        ConfigurationError: If the trace has problems, or if it does not fit the cluster.
    """
    problems = [*trace.problems(setup), *check_whole_number(("stop_seconds",), stop_seconds, 0)]
    if hours is not None:
        problems += check_number(("hours",), hours, 0, _MOST_HOURS)
    if not trace.jobs:
        problems.append(Problem(("trace",), None, "a trace with jobs"))
    if problems:
        raise ConfigurationError("rehearsal of a HyperPod cluster", problems)
    end = None if hours is None else trace.jobs[0].submit + max(1, round(hours * 3600))
    if end is not None:
        trace = replace(trace, jobs=tuple(job for job in trace.jobs if job.submit < end))
    simulation = _Simulation(setup, trace, stop_seconds)
    simulation.run(progress, end)
    return ClusterRehearsal(
        setup=setup,
        trace=trace,
        runs=simulation.runs,
        end=end,
        never=simulation.never,
        held=simulation.held,
        cycles=simulation.cycles,
        events=simulation.events,
    )


@dataclass(slots=True)
class _Simulation:
    setup: ClusterSetup
    trace: ClusterTrace
    stop_seconds: int
    runs: list[ClusterRun] = field(default_factory=list)
    never: Mapping[int, str] = field(default_factory=dict)
    held: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    cycles: int = 0
    events: int = 0
    _kueue: Kueue = field(init=False)
    _owners: dict[str, ClusterRun] = field(default_factory=dict)
    _holding: set[str] = field(default_factory=set)
    _time: float = -1
    _heap: list[tuple[int, int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._kueue = Kueue(self.setup.queues, fair_sharing=fair_sharing(self.setup.governance))
        self.never = {row: text for row, job in enumerate(self.trace.jobs) if (text := self.setup.never_runs(job))}
        for row, job in enumerate(self.trace.jobs):
            if row not in self.never:
                self._submit(job, row)

    def run(self, progress: Callable[[float], None] | None, end: int | None) -> None:
        """Run until nothing is left to happen, or until a second."""
        done, reported, step = 0, 0, max(1, len(self.runs) // 100)
        while self._heap:
            now = self._heap[0][0]
            if end is not None and now >= end:
                self._close(end)
                return
            while self._heap and self._heap[0][0] == now:
                while self._heap and self._heap[0][0] == now:
                    _, kind, number, version = heappop(self._heap)
                    if kind == _WAKE or version == self.runs[number].version:
                        self.events += 1
                        done += kind == _END
                        self._handle(kind, number, now)
                self._schedule(now)
            if progress and done >= reported + step:
                reported = done
                progress(done / len(self.runs))

    def _close(self, end: int) -> None:
        for run in self.runs:
            run.close(end)
        for name in self._holding:
            self._count(self._owners[name], name, end, -1)

    def _submit(self, job: ClusterJob, row: int) -> None:
        instance_type = self.setup.instance_type(job)
        base, elastic = (
            (PART_PRIORITIES["base"], PART_PRIORITIES["elastic"]) if job.parts else [self.setup.priority(job)] * 2
        )
        machine = ElasticJob(
            job_name=f"{row:08}",
            queue=queue_name(job.team),
            policy=job.policy,
            requests=instance_requests(instance_type),
            first_size=job.first_size,
            priority=base,
            elastic_priority=elastic,
            scale_up_snooze_seconds=job.scale_up_snooze_seconds,
        )
        gpus = self.setup.gpus(instance_type)
        run = ClusterRun(
            job=job,
            key=(job.team, instance_type),
            row=row,
            number=len(self.runs),
            machine=machine,
            gpus=gpus,
            stop_seconds=self.stop_seconds,
        )
        heappush(self._heap, (job.submit, _SUBMIT, run.number, 0))
        self.runs.append(run)

    def _handle(self, kind: int, number: int, now: int) -> None:
        if kind == _WAKE:
            return
        run = self.runs[number]
        if kind == _SUBMIT:
            actions = run.machine.submit(now)
        elif kind == _END:
            actions = run.machine.finish()
            run.finish(now)
        elif kind == _STOPPED:
            actions = run.machine.stopped(now)
            if not actions.start:
                run.stopped(now)
        else:
            actions = run.machine.advance(now)
        self._apply(run, actions, now)

    def _apply(self, run: ClusterRun, actions: Actions, now: int) -> None:
        """Carry out the actions of a job, and plan its next event."""
        for name in (*actions.release, *actions.remove):
            if name in self._holding:
                self._holding.remove(name)
                self._count(run, name, now, -1)
        actions.apply(self._kueue)
        for workload in actions.add:
            self._owners[workload.workload_name] = run
        if actions.stop:
            run.stop(now)
        if actions.start:
            run.start(actions.start, now)
        run.version += 1
        if (moment := run.next_moment) is None:
            return
        ends = _END if moment == run.end_at else _ADVANCE
        kind = _STOPPED if run.machine.phase is Phase.STOPPING else ends
        heappush(self._heap, (moment, kind, run.number, run.version))

    def _schedule(self, now: int) -> None:
        """Run cycles until one changes nothing. A workload that is admitted and evicted in a second ends the second."""
        fresh: set[str] = set()
        while True:
            self._time = max(now, self._time + _CYCLE)
            cycle = self._kueue.cycle(self._time)
            self.cycles += 1
            admitted = cycle.admitted
            for name in admitted:
                self._admit(name, now)
            for name in cycle.evicted:
                self._evict(name, now)
            fresh.update(admitted)
            if not fresh.isdisjoint(cycle.evicted):
                heappush(self._heap, (now + 1, _WAKE, _WAIT, _WAIT))
                return
            if cycle.settled:
                return

    def _admit(self, name: str, now: int) -> None:
        run = self._owners[name]
        self._holding.add(name)
        self._count(run, name, now, 1)
        self._apply(run, run.machine.admit(name, now), now)

    def _evict(self, name: str, now: int) -> None:
        run = self._owners[name]
        run.preemptions += 1
        if run.preemptions < _MOST_PREEMPTIONS:
            self._apply(run, run.machine.evict(name, now), now)
        else:
            run.withdraw(now)
            self._apply(run, run.machine.finish(), now)

    def _count(self, run: ClusterRun, name: str, now: int, sign: int) -> None:
        self.held[run.key][now] += sign * run.machine.replicas(name)
