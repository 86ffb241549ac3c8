"""Lanes: use and waiting of each share on each instance type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import floor
from typing import Final, TypeAlias

from fairlane.rehearsal.arrays import Integers, np, shrink, to_array, to_small
from fairlane.rehearsal.timeline import Span, Spans, Timeline, as_spans, count_lists, intersect_spans, total_seconds
from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED, WAITING, Record

Entitlement: TypeAlias = Sequence[tuple[Span, float]]
"""Number of instances that a share gets when all shares are busy, in each span of time. Empty if it is unknown."""

LaneKey: TypeAlias = tuple[int, int]
"""Index of the share and index of the instance type in the trace."""

_SHORT: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Lane:
    """Use and waiting of one share on one instance type.

    Attributes:
        use: Number of instances in use over time.
        waiting: Spans in which jobs waited.
        entitlement: Number of instances that the share gets when all shares are busy, over time.
    """

    use: Timeline
    waiting: Spans
    entitlement: Entitlement

    def starvation(self) -> Spans:
        """Return the spans in which jobs waited and the use was below the entitlement by an instance or more."""
        parts = [
            self.use.spans_below(floor(number + 1e-9), intersect_spans(self.waiting, as_spans([span])))
            for span, number in self.entitlement
        ]
        return count_lists(parts).spans_at_least(1)

    def entitled_to(self, spans: Spans) -> float:
        """Return the instance-seconds that the share is entitled to in some spans."""
        return sum(
            number * total_seconds(intersect_spans(spans, as_spans([span])))
            for span, number in self.entitlement
            if number
        )


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes of numbers over time, in the order of their seconds.

    Attributes:
        times: Second of each change.
        changes: Difference to the number before.
        lanes: Number of the lane of each change.
    """

    times: Integers
    changes: Integers
    lanes: Integers

    @classmethod
    def of(cls, *parts: tuple[Integers, Integers, Integers]) -> "_Changes":
        """Return the changes of parts: their seconds, the changes or one change for all, and their lanes."""
        times = np.concatenate([seconds for seconds, _, _ in parts])
        order = np.argsort(times, kind="stable")
        changes = np.concatenate([np.broadcast_to(change, seconds.shape) for seconds, change, _ in parts])
        return cls(times[order], changes[order], np.concatenate([lanes for _, _, lanes in parts])[order])

    def by_lane(self, number: int) -> dict[int, Timeline]:
        """Return the timeline of each lane that has changes. Lanes have the numbers 0 to `number` - 1."""
        order = order_by(self.lanes, number)
        numbers = np.bincount(self.lanes)
        found = np.flatnonzero(numbers)
        timelines, start = {}, 0
        for lane, stop in zip(found.tolist(), np.cumsum(numbers[found]).tolist(), strict=True):
            own = order[start:stop]
            timelines[lane] = Timeline.of_sorted(self.times[own], self.changes[own])
            start = stop
        return timelines


def order_by(keys: Integers, number: int) -> Integers:
    """Return the stable order of keys, 0 to `number` - 1. Fast for less than 65,536 keys."""
    return np.argsort(keys.astype(np.uint16) if number <= _SHORT else keys, kind="stable")


def compute_lanes(
    trace: Trace, record: Record, entitlements: Mapping[LaneKey, Entitlement]
) -> tuple[dict[LaneKey, Lane], Timeline]:
    """Return the lanes of all jobs that ran or can run, and the number of instances in use over time of all lanes."""
    types = max(1, len(trace.instance_types))
    number = max(1, len(trace.share_names) * types)
    lanes = to_small(trace.shares) * types + to_small(trace.types)
    lanes = lanes.astype(np.uint16 if number <= _SHORT else np.int64)
    can_run = np.ones(len(trace), np.bool_)
    can_run[[*record.unrunnable, *record.held]] = False
    rows = can_run.copy()
    rows[to_array(record.rows)] = True
    waiting = _waiting(trace, record, lanes, rows, can_run).by_lane(number)
    used = _lanes_of_runs(trace, record, lanes)
    use = _use(trace, record, used)
    uses, never = use.by_lane(number), Timeline({})
    found = {}
    for lane in dict.fromkeys(chain(lanes[rows].tolist(), used.tolist() if record.moved else ())):
        key = divmod(lane, types)
        spans = waiting.pop(lane, never).spans_at_least(1)
        found[key] = Lane(uses.get(lane, never), spans, entitlements.get(key, ()))
    return found, Timeline.of_sorted(use.times, use.changes)


def _lanes_of_runs(trace: Trace, record: Record, lanes: Integers) -> Integers:
    """Return the lane of each run, whose instance type need not be the first of its job."""
    used = lanes[to_array(record.rows)]
    for run, unit in record.moved.items():
        row = record.rows[run]
        used[run] = trace.shares[row] * len(trace.instance_types) + trace.instance_types.index(unit)
    return used


def _use(trace: Trace, record: Record, lanes: Integers) -> _Changes:
    """Return the changes of the number of instances in use, from the lane of each run."""
    units = shrink(to_array(trace.instances))[to_array(record.rows)]
    return _Changes.of((to_array(record.starts), units, lanes), (to_array(record.stops), -units, lanes))


def _waiting(trace: Trace, record: Record, lanes: Integers, counted: Integers, can_run: Integers) -> _Changes:
    """Return the changes of the number of waiting jobs, of the jobs that ran or can run.

    A job that ran and whose capacity ended for ever waits no longer than until its last stop.
    """
    submits = ready_times(trace, record)
    rows, stops, states = to_array(record.rows), to_array(record.stops), to_array(record.states)
    left = can_run & (states == WAITING)
    stopped = to_array(record.interrupted) > 0
    last = np.full(len(trace), -1)
    ends = stopped & ((states[rows] == FAILED) | ~can_run[rows])
    last[rows[ends]] = stops[ends]
    more, less = np.ones(1, np.int8), -np.ones(1, np.int8)
    return _Changes.of(
        (submits[counted], more, lanes[counted]),
        (np.full(int(left.sum()), record.last), less, lanes[left]),
        (to_array(record.starts), less, lanes[rows]),
        (stops[stopped], more, lanes[rows[stopped]]),
        (last[last >= 0], less, lanes[last >= 0]),
    )


def ready_times(trace: Trace, record: Record) -> Integers:
    """Return the second from which each job waited: its submission, or the success of the jobs that it depends on."""
    if not record.ready:
        return to_array(trace.submits)
    times = to_array(trace.submits).copy()
    times[[*record.ready]] = [*record.ready.values()]
    return times


def competing_uses(lanes: Mapping[LaneKey, Lane]) -> list[tuple[float, float]]:
    """Return the use and the entitlement of each lane that competed, in instance-seconds.

    They cover the seconds in which jobs of the lane's share and jobs of another share waited for the same instance
    type.
    """
    uses = []
    for unit in dict.fromkeys(unit for _, unit in lanes):
        competing = [
            lane
            for (_, lane_unit), lane in lanes.items()
            if lane_unit == unit and any(number for _, number in lane.entitlement)
        ]
        contended = count_lists(lane.waiting for lane in competing).spans_at_least(2)
        for lane in competing:
            spans = intersect_spans(lane.waiting, contended)
            if entitled := lane.entitled_to(spans):
                uses.append((float(lane.use.integral(spans)), entitled))
    return uses
