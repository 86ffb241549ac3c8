"""Rehearsal of a HyperPod cluster: the result of a simulation, for each job and for each team."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fairlane.hyperpod.kueue_queues import queue_name
from fairlane.hyperpod.quota_amounts import instance_capacity
from fairlane.rehearsal.hyperpod.cluster_results import ClusterOutcome, State, TeamResult, loans
from fairlane.rehearsal.hyperpod.cluster_run import ClusterRun
from fairlane.rehearsal.hyperpod.cluster_setup import ClusterSetup, instance_requests
from fairlane.rehearsal.hyperpod.cluster_trace import ClusterTrace
from fairlane.rehearsal.results import Wait
from fairlane.rehearsal.timeline import Span, Timeline, sum_timelines
from fairlane.scheduler.kueue import ClusterQueue

_REASON: Final = "it was preempted again and again, or waited until nothing else happened"


@dataclass(frozen=True, kw_only=True)
class ClusterRehearsal:
    """Simulation of a HyperPod cluster with a trace of jobs. Results are computed on access.

    Attributes:
        setup: Teams and capacity of the cluster.
        trace: Jobs that were submitted.
        runs: Jobs that can run.
        end: Second at which the rehearsal ends. None if it ends with the last job.
        never: Reason for which a job can never run, by its row.
        held: Changes of the number of admitted instances by second, by team and instance type.
        cycles: Number of cycles of Kueue.
        events: Number of events of jobs.
    """

    setup: ClusterSetup
    trace: ClusterTrace
    runs: Sequence[ClusterRun]
    end: int | None
    never: Mapping[int, str]
    held: Mapping[tuple[str, str], Counter[int]]
    cycles: int
    events: int

    @cached_property
    def span(self) -> Span:
        """First submission, and last end or the end of the rehearsal, in seconds."""
        start = self.trace.jobs[0].submit
        if self.end is not None:
            return start, self.end
        return start, max([self.trace.jobs[-1].submit, *(run.end or 0 for run in self.runs)])

    @cached_property
    def capacity(self) -> int | None:
        """Number of GPUs of the instance types that teams have quotas for. None for node pools without limits."""
        counts = instance_capacity(self.setup.instance_groups, self.setup.node_pools) or {}
        gpus = sum(counts.get(name, 0) * self.setup.gpus(name) for name in self._types if self.setup.gpus(name))
        return None if gpus == math.inf else int(gpus)

    @cached_property
    def outcomes(self) -> tuple[ClusterOutcome, ...]:
        """Outcomes of all jobs, in the order of the trace."""
        runs = {run.row: run for run in self.runs}
        return tuple(self._outcome(row, runs.get(row)) for row in range(len(self.trace.jobs)))

    @cached_property
    def teams(self) -> Mapping[str, TeamResult]:
        """Results by team."""
        return {team.team_name: self._team(team.team_name) for team in self.setup.teams}

    @cached_property
    def total(self) -> TeamResult:
        """Result of all teams together."""
        teams = self.teams.values()
        return self._result(
            "",
            range(len(self.trace.jobs)),
            sum(team.quota for team in teams),
            sum_timelines([team.use for team in teams]),
            sum_timelines([team.held for team in teams]),
            (sum(team.borrowed for team in teams), sum(team.lent for team in teams)),
        )

    @property
    def idle(self) -> int | None:
        """GPU-seconds without a job, from the first submission to the last end. None without a known capacity."""
        start, end = self.span
        return None if self.capacity is None else self.capacity * (end - start) - self.total.use.integral([self.span])

    @property
    def utilization(self) -> float | None:
        """Part of the GPUs in use. None without a known capacity."""
        start, end = self.span
        everything = (self.capacity or 0) * (end - start)
        return None if self.idle is None or not everything else 1 - self.idle / everything

    @cached_property
    def advice(self) -> tuple[str, ...]:
        """Texts about values that the user probably did not intend, and about jobs that never run."""
        advice = list(self.trace.advice)
        if self.never:
            row = min(self.never)
            job = self.trace.jobs[row]
            first = f"the first is {job.name or f'row {row}'} of team {job.team}: {self.never[row]}"
            advice.append(f"jobs that never run: {len(self.never)}; {first}")
        waiting = sum(outcome.state == "waiting" for outcome in self.outcomes)
        if waiting and self.end is None:
            most = max(outcome.preemptions for outcome in self.outcomes if outcome.state == "waiting")
            circle = "which can be a circle of jobs that preempt each other: give the teams weights above 0"
            advice.append(f"jobs that did not finish: {waiting}; Kueue preempted one {most:,} times, {circle}")
        return tuple(advice)

    def size_of(self, row: int) -> Timeline:
        """Return the size of a job in instances over time."""
        changes, before = Counter[int](), 0
        for second, size in self.outcomes[row].sizes:
            changes[second] += size - before
            before = size
        return Timeline(changes)

    @cached_property
    def _types(self) -> list[str]:
        return list(dict.fromkeys(key.flavor for _, key in self.setup.rows))

    @cached_property
    def _loans(self) -> Mapping[str, tuple[float, float]]:
        """GPU-seconds that each queue borrowed and lent."""
        names = {queue_name(team.team_name): team.team_name for team in self.setup.teams}
        total = {queue.queue_name: (0.0, 0.0) for queue in self.setup.queues}
        for instance_type in self._types:
            gpus = self.setup.gpus(instance_type)
            held = [self._held(names.get(queue.queue_name, ""), instance_type) for queue in self.setup.queues]
            quotas = [_quota(queue, instance_type) for queue in self.setup.queues]
            lending = [queue.lending_limits is None for queue in self.setup.queues]
            if gpus:
                for queue, (borrowed, lent) in zip(self.setup.queues, loans(held, quotas, lending), strict=True):
                    before = total[queue.queue_name]
                    total[queue.queue_name] = before[0] + borrowed, before[1] + lent
        return total

    def _held(self, team: str, instance_type: str) -> Timeline:
        gpus = self.setup.gpus(instance_type)
        changes = self.held.get((team, instance_type), Counter())
        return Timeline({second: change * gpus for second, change in changes.items()})

    def _team(self, name: str) -> TeamResult:
        rows = [row for row, job in enumerate(self.trace.jobs) if job.team == name]
        used = Counter[int]()
        for run in self.runs:
            if run.job.team == name:
                before = 0
                for second, size in run.steps:
                    used[second] += (size - before) * run.gpus
                    before = size
        queue = next(queue for queue in self.setup.queues if queue.queue_name == queue_name(name))
        quota = sum(_quota(queue, each) for each in self._types if self.setup.gpus(each))
        held = sum_timelines([self._held(name, each) for each in self._types])
        return self._result(name, rows, quota, Timeline(used), held, self._loans[queue.queue_name])

    def _result(
        self,
        name: str,
        rows: Iterable[int],
        quota: int,
        use: Timeline,
        held: Timeline,
        loan: tuple[float, float],
    ) -> TeamResult:
        rows = list(rows)
        outcomes = [self.outcomes[row] for row in rows]
        waits = [outcome.waited for outcome in outcomes if outcome.wait < math.inf]
        tokens = [outcome.tokens for outcome in outcomes if outcome.tokens is not None]
        return TeamResult(
            name=name,
            jobs=len(rows),
            elastic_jobs=sum(self.trace.jobs[row].is_elastic for row in rows),
            never_ran=len(rows) - len(waits),
            wait=Wait.from_seconds(waits, forever=len(rows) - len(waits)),
            quota=quota,
            use=use,
            held=held,
            borrowed=loan[0],
            lent=loan[1],
            moves=sum(outcome.moves for outcome in outcomes),
            preemptions=sum(outcome.preemptions for outcome in outcomes),
            moving=sum(outcome.moving for outcome in outcomes),
            lost=sum(outcome.lost for outcome in outcomes),
            tokens=math.fsum(tokens) if tokens else None,
        )

    def _outcome(self, row: int, run: ClusterRun | None) -> ClusterOutcome:
        if run is None:
            waited = max(0, self.span[1] - self.trace.jobs[row].submit)
            return ClusterOutcome(
                state="never runs",
                reason=self.never[row],
                first_start=None,
                end=None,
                waited=waited,
                sizes=(),
                moves=0,
                preemptions=0,
                moving=0,
                lost=0,
                tokens=0.0 if self.trace.jobs[row].tokens_per_second else None,
            )
        runs_on = self.end is not None and run.idle_since < 0
        state: State = "finished" if run.end is not None else "running" if runs_on else "waiting"
        return ClusterOutcome(
            state=state,
            reason=_REASON if state == "waiting" and self.end is None else "",
            first_start=run.first_start,
            end=run.end,
            waited=run.waited + (max(0, self.span[1] - run.idle_since) if run.idle_since >= 0 else 0),
            sizes=_merged(run.steps),
            moves=run.moves,
            preemptions=run.preemptions,
            moving=run.moving,
            lost=run.lost,
            tokens=(run.worked - run.lost_work) / run.factor if run.job.tokens_per_second else None,
        )


def _quota(queue: ClusterQueue, instance_type: str) -> int:
    """Return the accelerators of a type in the quota of a queue."""
    (key,) = instance_requests(instance_type)
    return queue.nominal.get(key, 0)


def _merged(steps: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the steps with one size for each second, and without steps that change nothing."""
    merged: list[tuple[int, int]] = []
    for second, size in dict(steps).items():
        if not merged or merged[-1][1] != size:
            merged.append((second, size))
    return tuple(merged)
