"""Results of shares, computed from the columns of a trace and of a record."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from fairlane.rehearsal.arrays import Integers, multiply, np, sum_by, to_array
from fairlane.rehearsal.lanes import Lane, LaneKey, competing_uses, compute_lanes, order_by, ready_times
from fairlane.rehearsal.results import SHORTEST_RUN, Backlog, ShareResult, Wait
from fairlane.rehearsal.timeline import Spans, Timeline, as_spans, count_lists, list_spans, sum_timelines
from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED, STOPPED_RUN, WAITING, Record
from fairlane.scheduling import Allotment


class Statistics:
    """Results of the shares of a rehearsal.

    Args:
        trace: Jobs that were submitted.
        record: Runs and states of the jobs.
        capacity: Capacity of the queue by capacity unit.
        entitlements: Entitlements of the shares that have some.
        end: Second of the end of the window.
        stop_seconds: Number of seconds for which a preempted run holds its capacity.
    """

    def __init__(
        self,
        trace: Trace,
        record: Record,
        capacity: Mapping[str, int],
        entitlements: Allotment,
        end: int,
        stop_seconds: int,
    ) -> None:
        self._trace = trace
        self._record = record
        self._entitlements = entitlements
        self._stop_seconds = stop_seconds
        self._end = end
        self._runs = to_array(record.rows)
        (first, *_) = capacity
        units = [unit if unit in capacity else first for unit in trace.instance_types]
        entitled = {
            (share, index): entitlements[name].get(unit, 0)
            for share, name in enumerate(trace.share_names)
            if name in entitlements
            for index, unit in enumerate(units)
        }
        self.lanes: Mapping[LaneKey, Lane]
        self.lanes, self._use = compute_lanes(trace, record, entitled)
        self._lanes_of: dict[int, list[Lane]] = {}
        for (share, _), lane in self.lanes.items():
            self._lanes_of.setdefault(share, []).append(lane)
        self._indexes = {name: index for index, name in enumerate(trace.share_names)}

    def total(self) -> ShareResult:
        """Return the result of all shares together. It has no entitlement and no starvation."""
        return self._result("", slice(None), self._use, None, as_spans([]))

    def share(self, name: str) -> ShareResult:
        """Return the result of a share."""
        lanes = self._lanes_of.get(self._indexes.get(name, -1), [])
        entitled = self._entitlements.get(name)
        starved = count_lists(lane.starvation() for lane in lanes).spans_at_least(1)
        use = sum_timelines([lane.use for lane in lanes])
        return self._result(name, self._rows([name]), use, sum(entitled.values()) if entitled else None, starved)

    def combine(self, shares: Sequence[ShareResult]) -> ShareResult:
        """Return the result of several shares together. It is starved while one of them is."""
        entitled = [share.entitlement for share in shares if share.entitlement is not None]
        return self._result(
            "",
            self._rows([share.name for share in shares]),
            sum_timelines([share.use for share in shares]),
            sum(entitled) if entitled else None,
            count_lists(as_spans(share.starvation) for share in shares).spans_at_least(1),
        )

    def competing_uses(self, other: "Statistics") -> list[tuple[float, float]]:
        """Return the use and the entitlement of each lane that competed, with the entitlements of another rehearsal."""
        entitled = {key: lane.entitlement for key, lane in other.lanes.items()}
        return competing_uses({key: replace(lane, entitlement=entitled.get(key)) for key, lane in self.lanes.items()})

    def waits(self, names: Collection[str]) -> list[float]:
        """Return the waiting times of the jobs of shares in seconds, sorted. Infinity for a job that never ran."""
        rows = self._rows(names)
        ran = self._ran[rows]
        return [*np.sort(self._waits[rows][ran].astype(np.float64)).tolist(), *[math.inf] * int((~ran).sum())]

    def stops(self, names: Collection[str]) -> list[int]:
        """Return the seconds at which runs of the shares were stopped."""
        shares = [self._indexes[name] for name in names if name in self._indexes]
        chosen = np.isin(to_array(self._trace.shares)[self._runs[self._stopped_runs]], shares)
        stops: list[int] = to_array(self._record.stops)[self._stopped_runs][chosen].tolist()
        return stops

    def work(self) -> dict[str, int]:
        """Return the instance-seconds of work of the jobs that ran, by share."""
        trace = self._trace
        amounts = multiply(to_array(trace.instances)[self._ran], to_array(trace.runs)[self._ran])
        sums = sum_by(to_array(trace.shares)[self._ran], amounts, len(trace.share_names))
        return dict(zip(trace.share_names, sums, strict=True))

    def remaining(self) -> dict[int, int]:
        """Return the instance-seconds that each job uses after the window, by row. Jobs that use none have no entry."""
        rows = np.flatnonzero(self._is_left)
        return dict(zip(rows.tolist(), self._left[rows].tolist(), strict=True))

    def _result(
        self, name: str, rows: Integers | slice, use: Timeline, entitlement: float | None, starvation: Spans
    ) -> ShareResult:
        ran, states = self._ran[rows], to_array(self._record.states)[rows]
        waits, runs = self._waits[rows][ran], to_array(self._trace.runs)[rows][ran]
        slowdowns = np.maximum(1.0, (waits + runs) / np.maximum(runs, SHORTEST_RUN))
        jobs, started = len(ran), len(waits)
        left, running = self._is_left[rows], int(self._is_running[rows].sum())
        stops = self._stops[rows]
        return ShareResult(
            name=name,
            jobs=jobs,
            never_ran=jobs - started,
            failed=int((states == FAILED).sum()),
            wait=Wait.from_seconds(np.sort(waits).tolist(), forever=jobs - started),
            slowdown=math.fsum(slowdowns.tolist()) / started if started else None,
            preemptions=int(stops.sum()),
            lost=sum(self._lost[rows].tolist()) if self._record.lost else 0,
            stopping=int((to_array(self._trace.instances)[rows] * stops).sum()) * self._stop_seconds,
            entitlement=entitlement,
            use=use,
            backlog=Backlog(
                waiting=int(left.sum()) - running,
                running=running,
                instance_seconds=sum(self._left[rows].tolist()),
            ),
            starvation=list_spans(starvation),
        )

    def _rows(self, names: Collection[str]) -> Integers:
        """Return the rows of the jobs of shares."""
        shares = [self._indexes[name] for name in names if name in self._indexes]
        parts = [self._order[self._edges[share] : self._edges[share + 1]] for share in shares]
        return np.concatenate([to_array([]), *parts])

    @cached_property
    def _order(self) -> Integers:
        """Rows of all jobs, share by share."""
        return order_by(to_array(self._trace.shares), len(self._trace.share_names))

    @cached_property
    def _edges(self) -> list[int]:
        """Position in `_order` of the first job of each share, and the number of jobs."""
        numbers = np.bincount(to_array(self._trace.shares), minlength=len(self._trace.share_names))
        edges: list[int] = [0, *np.cumsum(numbers).tolist()]
        return edges

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
        return np.flatnonzero(to_array(self._record.interrupted) == STOPPED_RUN)

    @cached_property
    def _stops(self) -> Integers:
        """Number of stopped runs of each job."""
        return np.bincount(self._runs[self._stopped_runs], minlength=len(self._trace))

    @cached_property
    def _lost(self) -> Integers:
        """Instance-seconds of lost work of each job, as Python numbers."""
        lost = np.zeros(len(self._trace), object)
        lost[[*self._record.lost]] = [*self._record.lost.values()]
        return lost

    @cached_property
    def _late_runs(self) -> Integers:
        """Numbers of the runs that stop after the window."""
        return np.flatnonzero(to_array(self._record.stops) > self._end)

    @cached_property
    def _left(self) -> Integers:
        """Instance-seconds that each job uses after the window."""
        rows, starts = self._runs[self._late_runs], to_array(self._record.starts)[self._late_runs]
        seconds = to_array(self._record.stops)[self._late_runs] - np.maximum(starts, self._end)
        amounts = multiply(to_array(self._trace.instances)[rows], seconds)
        left = np.zeros(len(self._trace), amounts.dtype)
        np.add.at(left, rows, amounts)
        return left

    @cached_property
    def _is_left(self) -> Integers:
        """True for each job that waits or runs at the end of the window."""
        left = np.zeros(len(self._trace), np.bool_)
        left[self._runs[self._late_runs]] = True
        return left

    @cached_property
    def _is_running(self) -> Integers:
        """True for each job that runs at the end of the window."""
        running = np.zeros(len(self._trace), np.bool_)
        late = self._late_runs
        running[self._runs[late[to_array(self._record.starts)[late] < self._end]]] = True
        return running
