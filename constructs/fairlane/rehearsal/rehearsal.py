"""Rehearsal: the result of a simulation, for each job and for each share."""

import math
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from operator import mul
from typing import Final

from fairlane.rehearsal.capacity_changes import total_over_time
from fairlane.rehearsal.lanes import Lane, LaneKey, competing_uses, compute_lanes, instances_in_use
from fairlane.rehearsal.outcomes import Outcomes
from fairlane.rehearsal.results import SHORTEST_RUN, Backlog, Fairness, ShareResult, Wait
from fairlane.rehearsal.timeline import Span, Timeline, count_lists, highest, intersect_spans, sum_timelines
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import FAILED, KILLED_RUN, STOPPED_RUN, Record
from fairlane.scheduler.weights import resolve_identifiers
from fairlane.scheduling import Allotment, FairShare, SchedulingPolicy

_PEAK_SECONDS: Final = 3600
_EVER: Final[Span] = (-(1 << 62), 1 << 62)


class Rehearsal:
    """Simulation of a scheduling policy with a trace of jobs. Results are computed on access.

    Attributes:
        policy: Scheduling policy of the queue.
        trace: Jobs that were submitted.
        strategies: Choices for behavior that AWS does not document.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. None if the instances were always available.
        capacity: Capacity of the queue by capacity unit, before its first change.
        capacity_steps: Capacity by capacity unit from each second on, in the order of time. The first is `capacity`.
        advice: Warnings about the trace and the policy.
    """

    def __init__(
        self,
        policy: SchedulingPolicy,
        trace: Trace,
        strategies: Strategies,
        ec2_instances: Ec2Instances | None,
        capacity_steps: Sequence[tuple[int, Mapping[str, int]]],
        record: Record,
        advice: Sequence[str],
    ) -> None:
        self.policy = policy
        self.trace = trace
        self.strategies = strategies
        self.ec2_instances = ec2_instances
        self.capacity = capacity_steps[0][1]
        self.capacity_steps = capacity_steps
        self.advice = tuple(advice)
        self._record = record

    @cached_property
    def outcomes(self) -> Outcomes:
        """Outcomes of the jobs, in the order of the trace."""
        return Outcomes(self.trace, self._record)

    @property
    def span(self) -> Span:
        """Seconds of the first submission and of the last event."""
        return (self.trace.submits[0], self._record.last) if len(self.trace) else (0, 0)

    @property
    def window(self) -> Span:
        """Seconds from the first to the last submission, which is in the window. It is the same for all policies."""
        return (self.trace.submits[0], self.trace.submits[-1] + 1) if len(self.trace) else (0, 0)

    @cached_property
    def total(self) -> ShareResult:
        """Result of all shares together. It has no entitlement and no starvation."""
        use = instances_in_use(self.trace, self._record, range(len(self._record.rows)))
        return self._result("", range(len(self.trace)), use, None, ())

    @cached_property
    def shares(self) -> Mapping[str, ShareResult]:
        """Result of each share: first the shares of the policy, then the other shares of the trace."""
        declared = [name for name in self._entitlements[0] if not name.endswith("*")]
        return {name: self._share(name) for name in dict.fromkeys([*declared, *self.trace.share_names])}

    def combine(self, names: Collection[str]) -> ShareResult:
        """Return the result of several shares together. It is starved while one of them is.

        Args:
            names: Names of shares of the policy or of the trace.
        """
        shares = [self.shares[name] for name in names]
        entitled = [share.entitlement for share in shares if share.entitlement is not None]
        return self._result(
            "",
            [row for name in names for row in self._rows.get(name, ())],
            sum_timelines([share.use for share in shares]),
            sum(entitled) if entitled else None,
            count_lists(share.starvation for share in shares).spans_at_least(1),
        )

    def share(self, name: str) -> ShareResult:
        """Return the result of a share.

        Raises:
            KeyError: If neither the policy nor the trace has the share.
        """
        return self.shares[name]

    @property
    def utilization(self) -> float:
        """Mean part of the capacity that was in use over the window, 0 to 1."""
        start, stop = self.window
        return self.total.use.sum_until(stop) / max(1, self._available.integral([(start, stop)]))

    @cached_property
    def peak_utilization(self) -> float:
        """Mean part of the capacity that was in use in the busiest hour, 0 to 1."""
        start, stop = self.span
        width = max(1, min(_PEAK_SECONDS, stop - start))
        hour = self.total.use.highest_span(width)
        return self.total.use.integral([hour]) / max(1, self._available.integral([hour]))

    @cached_property
    def capacity_over_time(self) -> Timeline:
        """Capacity of all units together over time."""
        return total_over_time(self.capacity_steps)

    @cached_property
    def _available(self) -> Timeline:
        """Capacity over time, with runs that go on above a lowered capacity."""
        limit = self.capacity_over_time
        return limit if len(self.capacity_steps) == 1 else highest(limit, self.total.use)

    @property
    def lost(self) -> Mapping[int, int]:
        """Lost work of each job in instance-seconds, by row. Jobs that lost none have no entry."""
        return self._record.lost

    @cached_property
    def remaining(self) -> Mapping[int, int]:
        """Instance-seconds that each job uses after the window, by row. Jobs that use none have no entry."""
        record, (_, end) = self._record, self.window
        seconds = Counter[int]()
        for run, stop in enumerate(record.stops):
            if stop > end:
                row = record.rows[run]
                seconds[row] += self.trace.instances[row] * (stop - max(end, record.starts[run]))
        return seconds

    @cached_property
    def fairness(self) -> Fairness | None:
        """Fairness among the shares. None if shares never competed or have no entitlements."""
        return self.fairness_by(self)

    def fairness_by(self, other: "Rehearsal") -> Fairness | None:
        """Return the fairness, with the entitlements of another rehearsal of the same trace."""
        entitled = {key: lane.entitlement for key, lane in other._lanes.items()}
        lanes = {key: replace(lane, entitlement=entitled.get(key, ())) for key, lane in self._lanes.items()}
        uses = competing_uses(lanes)
        return Fairness.from_uses(uses) if uses else None

    @cached_property
    def _entitlements(self) -> Sequence[Allotment]:
        """Entitlement of each share by capacity unit, for each of the capacity steps."""
        policy = self.policy
        if isinstance(policy, FairShare):
            policy = resolve_identifiers(policy, self.trace.share_names)
        return [policy.entitlements(limits) for _, limits in self.capacity_steps]

    def _entitlement(self, name: str) -> float | None:
        """Return the mean entitlement of a share over the window, on all instance types together."""
        if name not in self._entitlements[0]:
            return None
        totals = [sum(allotment[name].values()) for allotment in self._entitlements]
        if len(totals) == 1 or not len(self.trace):
            return totals[0]
        seconds = [sum(stop - start for start, stop in intersect_spans([span], [self.window])) for span in self._spans]
        return math.fsum(map(mul, totals, seconds)) / sum(seconds)

    @cached_property
    def _spans(self) -> list[Span]:
        """Time of each of the capacity steps."""
        starts = [_EVER[0], *(second for second, _ in self.capacity_steps[1:]), _EVER[1]]
        return list(pairwise(starts))

    @cached_property
    def _lanes(self) -> Mapping[LaneKey, Lane]:
        (first, *_) = self.capacity
        units = [unit if unit in self.capacity else first for unit in self.trace.instance_types]
        entitled = {
            (share, index): [
                (span, allotment[name].get(unit, 0))
                for span, allotment in zip(self._spans, self._entitlements, strict=True)
            ]
            for share, name in enumerate(self.trace.share_names)
            if name in self._entitlements[0]
            for index, unit in enumerate(units)
        }
        return compute_lanes(self.trace, self._record, entitled)

    @cached_property
    def _rows(self) -> Mapping[str, "array[int]"]:
        rows = {name: array("q") for name in self.trace.share_names}
        columns = list(rows.values())
        for row, share in enumerate(self.trace.shares):
            columns[share].append(row)
        return rows

    def _share(self, name: str) -> ShareResult:
        lanes = []
        if name in self.trace.share_names:
            index = self.trace.share_names.index(name)
            lanes = [lane for (share, _), lane in self._lanes.items() if share == index]
        return self._result(
            name,
            self._rows.get(name, ()),
            sum_timelines([lane.use for lane in lanes]),
            self._entitlement(name),
            count_lists(lane.starvation() for lane in lanes).spans_at_least(1),
        )

    def _result(
        self, name: str, rows: Sequence[int], use: Timeline, entitlement: float | None, starvation: Sequence[Span]
    ) -> ShareResult:
        record, outcomes = self._record, self.outcomes
        started = outcomes.started_rows(rows)
        cut = {row: self._stops[row] for row in started if row in self._stops} if self._stops else {}
        sizes = self.trace.instances
        preempted = 0 if self.ec2_instances else sum(sizes[row] * self._preempted.get(row, 0) for row in cut)
        return ShareResult(
            name=name,
            jobs=len(rows),
            never_ran=len(rows) - len(started),
            failed=sum(record.states[row] == FAILED for row in rows),
            wait=Wait.from_seconds(map(self._waits.__getitem__, started), forever=len(rows) - len(started)),
            slowdown=math.fsum(map(self._slowdowns.__getitem__, started)) / len(started) if started else None,
            preemptions=sum(cut.values()),
            lost=sum(record.lost.get(row, 0) for row in started) if record.lost else 0,
            stopping=preempted * self.strategies.stop_seconds,
            entitlement=entitlement,
            use=use,
            backlog=self._backlog(rows),
            starvation=starvation,
        )

    @cached_property
    def _waits(self) -> "array[int]":
        """Number of seconds that each job waited, by row."""
        return array("q", map(self.outcomes.wait_seconds, range(len(self.trace))))

    @cached_property
    def _slowdowns(self) -> "array[float]":
        """Slowdown of each job, by row."""
        rows = zip(self._waits, self.trace.runs, strict=True)
        return array("d", [max(1.0, (wait + run) / max(run, SHORTEST_RUN)) for wait, run in rows])

    @cached_property
    def _stops(self) -> Mapping[int, int]:
        """Number of stopped runs of each job, by row. Jobs without stops have no entry."""
        record = self._record
        runs = zip(record.rows, record.interrupted, strict=True)
        return Counter(row for row, interrupted in runs if interrupted in (STOPPED_RUN, KILLED_RUN))

    @cached_property
    def _preempted(self) -> Mapping[int, int]:
        """Number of preempted runs of each job, by row, without the runs whose capacity ended."""
        runs = zip(self._record.rows, self._record.interrupted, strict=True)
        return Counter(row for row, interrupted in runs if interrupted == STOPPED_RUN)

    def _backlog(self, rows: Sequence[int]) -> Backlog:
        left = [row for row in rows if row in self.remaining]
        running = sum(row in self._running for row in left)
        seconds = sum(self.remaining[row] for row in left)
        return Backlog(waiting=len(left) - running, running=running, instance_seconds=seconds)

    @cached_property
    def _running(self) -> frozenset[int]:
        """Rows of the jobs that run at the end of the window."""
        record, (_, end) = self._record, self.window
        runs = zip(record.rows, record.starts, record.stops, strict=True)
        return frozenset(row for row, start, stop in runs if start < end < stop)
