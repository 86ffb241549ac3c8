"""Results of shares, computed from the columns of a trace and of a record."""

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, pairwise
from operator import mul

from fairlane.rehearsal.arrays import Integers, multiply, np, sum_by, to_array, to_small
from fairlane.rehearsal.lanes import Lane, LaneKey, competing_uses, compute_lanes, order_by, ready_times
from fairlane.rehearsal.results import SHORTEST_RUN, Backlog, ShareResult, Wait
from fairlane.rehearsal.timeline import (
    EVER,
    Span,
    Spans,
    Timeline,
    as_spans,
    count_lists,
    highest,
    intersect_spans,
    list_spans,
    sum_timelines,
    total_seconds,
)
from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED, KILLED_RUN, STOPPED_RUN, WAITING, Record
from fairlane.scheduling import Allotment


class Statistics:
    """Results of the shares of a rehearsal.

    Args:
        trace: Jobs that were submitted.
        record: Runs and states of the jobs.
        capacity_steps: Capacity by capacity unit from each second on, in the order of time.
        entitlements: Entitlements of the shares that have some, for each of the capacity steps.
        window: Seconds from the first to the last submission.
        stop_seconds: Number of seconds for which a preempted run holds its capacity.
    """

    def __init__(
        self,
        trace: Trace,
        record: Record,
        capacity_steps: Sequence[tuple[int, Mapping[str, int]]],
        entitlements: Sequence[Allotment],
        window: Span,
        stop_seconds: int,
    ) -> None:
        self._trace = trace
        self._record = record
        self._entitlements = entitlements
        self._stop_seconds = stop_seconds
        self._window = window
        self._runs = to_array(record.rows)
        capacity = capacity_steps[0][1]
        (first, *_) = capacity
        units = [unit if unit in capacity else first for unit in trace.instance_types]
        self._steps = list(pairwise([EVER[0], *(second for second, _ in capacity_steps[1:]), EVER[1]]))
        entitled = {
            (share, index): [
                (span, allotment[name].get(unit, 0)) for span, allotment in zip(self._steps, entitlements, strict=True)
            ]
            for share, name in enumerate(trace.share_names)
            if name in entitlements[0]
            for index, unit in enumerate(units)
        }
        self.lanes: Mapping[LaneKey, Lane]
        self.lanes, self._use = compute_lanes(trace, record, entitled)
        self._lanes_of: dict[int, list[Lane]] = {}
        for (share, _), lane in self.lanes.items():
            self._lanes_of.setdefault(share, []).append(lane)
        self._indexes = {name: index for index, name in enumerate(trace.share_names)}
        self._shares = to_small(trace.shares)
        self._count_jobs()

    def total(self) -> ShareResult:
        """Return the result of all shares together. It has no entitlement and no starvation."""
        return self._result("", range(len(self._jobs)), self._use, None, as_spans([]))

    def share(self, name: str) -> ShareResult:
        """Return the result of a share."""
        lanes = self._lanes_of.get(self._indexes.get(name, -1), [])
        starved = count_lists(lane.starvation() for lane in lanes).spans_at_least(1)
        use = sum_timelines([lane.use for lane in lanes])
        return self._result(name, self._indexes_of([name]), use, self._entitlement(name), starved)

    def combine(self, shares: Sequence[ShareResult]) -> ShareResult:
        """Return the result of several shares together. It is starved while one of them is."""
        entitled = [share.entitlement for share in shares if share.entitlement is not None]
        return self._result(
            "",
            self._indexes_of(share.name for share in shares),
            sum_timelines([share.use for share in shares]),
            sum(entitled) if entitled else None,
            count_lists(as_spans(share.starvation) for share in shares).spans_at_least(1),
        )

    def competing_uses(self, other: "Statistics") -> list[tuple[float, float]]:
        """Return the use and the entitlement of lanes that competed, with the entitlements of another rehearsal."""
        entitled = {key: lane.entitlement for key, lane in other.lanes.items()}
        return competing_uses(
            {key: replace(lane, entitlement=entitled.get(key, ())) for key, lane in self.lanes.items()}
        )

    def waits(self, names: Collection[str]) -> "array[float]":
        """Return the waiting times of the jobs of shares in seconds, sorted. Infinity for a job that never ran."""
        shares = self._indexes_of(names)
        waits, _ = self._waits_and_slowdowns(shares)
        never = self._sum(self._jobs, shares) - len(waits)
        return array("d", waits.astype(np.float64).tobytes()) + array("d", [math.inf]) * never

    def stops(self, names: Collection[str]) -> list[int]:
        """Return the seconds at which runs of the shares were stopped."""
        runs = self._stopped_runs
        runs = runs[np.isin(self._shares[self._runs[runs]], self._indexes_of(names))]
        stops: list[int] = to_array(self._record.stops)[runs].tolist()
        return stops

    def at_least_in_use(self, limit: Timeline) -> Timeline:
        """Return a capacity over time, with runs that go on above it."""
        return highest(limit, self._use)

    def work(self) -> dict[str, int]:
        """Return the instance-seconds of work of the jobs that ran, by share."""
        trace = self._trace
        amounts = multiply(to_array(trace.instances)[self._ran], to_array(trace.runs)[self._ran])
        return dict(zip(trace.share_names, self._add(self._ran, amounts), strict=True))

    def _result(
        self, name: str, shares: Sequence[int], use: Timeline, entitlement: float | None, starvation: Spans
    ) -> ShareResult:
        jobs, started = self._sum(self._jobs, shares), self._sum(self._started, shares)
        waits, slowdowns = self._waits_and_slowdowns(shares)
        left, running = self._sum(self._left, shares), self._sum(self._running, shares)
        return ShareResult(
            name=name,
            jobs=jobs,
            never_ran=jobs - started,
            failed=self._sum(self._failed, shares),
            wait=Wait.from_seconds(waits.tolist(), forever=jobs - started),
            slowdown=math.fsum(slowdowns.tolist()) / started if started else None,
            preemptions=self._sum(self._stops, shares),
            lost=self._sum(self._lost, shares),
            stopping=self._sum(self._stopped_units, shares) * self._stop_seconds,
            entitlement=entitlement,
            use=use,
            backlog=Backlog(
                waiting=left - running, running=running, instance_seconds=self._sum(self._left_seconds, shares)
            ),
            starvation=list_spans(starvation),
        )

    def _entitlement(self, name: str) -> float | None:
        """Return the mean entitlement of a share over the window, on all instance types together."""
        if name not in self._entitlements[0]:
            return None
        totals = [sum(allotment[name].values()) for allotment in self._entitlements]
        if len(totals) == 1 or not len(self._trace):
            return totals[0]
        window = as_spans([self._window])
        seconds = [total_seconds(intersect_spans(as_spans([step]), window)) for step in self._steps]
        return math.fsum(map(mul, totals, seconds)) / sum(seconds)

    def _waits_and_slowdowns(self, shares: Sequence[int]) -> tuple[Integers, Integers]:
        """Return the sorted waiting times, and the slowdowns, of the jobs of shares that ran."""
        rows = slice(None) if len(shares) == len(self._jobs) else self._rows(shares)
        ran = self._ran[rows]
        waits, runs = self._waits[rows][ran], to_array(self._trace.runs)[rows][ran]
        slowdowns = np.maximum(1.0, (waits + runs) / np.maximum(runs, SHORTEST_RUN))
        return np.sort(waits), slowdowns

    def _rows(self, shares: Sequence[int]) -> Integers:
        """Return the rows of the jobs of shares."""
        parts = [self._order[self._edges[share] : self._edges[share + 1]] for share in shares]
        return np.concatenate([to_array([]), *parts])

    def _indexes_of(self, names: Iterable[str]) -> list[int]:
        return [self._indexes[name] for name in names if name in self._indexes]

    @staticmethod
    def _sum(amounts: Sequence[int], shares: Sequence[int]) -> int:
        return sum(amounts[share] for share in shares)

    def _count(self, rows: Integers | slice) -> list[int]:
        """Return the number of rows of each share."""
        numbers: list[int] = np.bincount(self._shares[rows], minlength=len(self._trace.share_names)).tolist()
        return numbers

    def _add(self, rows: Integers, amounts: Integers) -> list[int]:
        """Return the sum of the amounts of rows by share."""
        return sum_by(self._shares[rows], amounts, len(self._trace.share_names))

    @cached_property
    def _order(self) -> Integers:
        """Rows of all jobs, share by share."""
        return order_by(self._shares, len(self._trace.share_names)).astype(np.uint32)

    @cached_property
    def _edges(self) -> list[int]:
        """Position in `_order` of the first job of each share, and the number of jobs."""
        return [*accumulate(self._jobs, initial=0)]

    @cached_property
    def _ran(self) -> Integers:
        """True for each job that ran at least once."""
        ran = np.zeros(len(self._trace), np.bool_)
        ran[self._runs] = True
        return ran

    @cached_property
    def _waits(self) -> Integers:
        """Number of seconds that each job waited. Not valid for jobs that never ran."""
        starts, stops = to_array(self._record.starts), to_array(self._record.stops)
        end = np.full(len(self._trace), self._record.last)
        end[self._runs] = stops
        end[to_array(self._record.states) == WAITING] = self._record.last
        waits = end - ready_times(self._trace, self._record)
        np.subtract.at(waits, self._runs, stops - starts)
        return waits

    @cached_property
    def _stopped_runs(self) -> Integers:
        """Numbers of the runs that were stopped."""
        return np.flatnonzero(np.isin(to_array(self._record.interrupted), (STOPPED_RUN, KILLED_RUN)))

    def _count_jobs(self) -> None:
        """Count jobs, runs and amounts by share."""
        record, units = self._record, to_array(self._trace.instances)
        self._jobs = self._count(slice(None))
        self._started = self._count(self._ran)
        self._failed = self._count(to_array(record.states) == FAILED)
        stopped = self._runs[self._stopped_runs]
        self._stops = self._count(stopped)
        preempted = self._runs[to_array(record.interrupted) == STOPPED_RUN]
        self._stopped_units = self._add(preempted, units[preempted])
        lost = to_array([*record.lost])
        self._lost = self._add(lost, np.array([*record.lost.values()], object))
        end = self._window[1]
        late = np.flatnonzero(to_array(record.stops) > end)
        rows, starts, stops = self._runs[late], to_array(record.starts)[late], to_array(record.stops)[late]
        seconds = multiply(units[rows], stops - np.maximum(starts, end))
        self._left = self._count(np.unique(rows))
        self._running = self._count(np.unique(rows[starts < end]))
        self._left_seconds = self._add(rows, seconds)
        found, places = np.unique(rows, return_inverse=True)
        self.remaining = dict(zip(found.tolist(), sum_by(places, seconds, len(found)), strict=True))


def total_over_time(steps: Sequence[tuple[int, Mapping[str, int]]]) -> Timeline:
    """Return the capacity of all units together over time."""
    changes: dict[int, int] = {}
    before = 0
    for second, limits in steps:
        changes[second] = sum(limits.values()) - before
        before = sum(limits.values())
    return Timeline(changes)
