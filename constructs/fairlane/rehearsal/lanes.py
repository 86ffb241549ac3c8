"""Lanes: use and waiting of each share on each instance type."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import TypeAlias

from fairlane.rehearsal.timeline import Span, Timeline, count_lists, intersect_spans, merge_spans
from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED, WAITING, Record

Entitlement: TypeAlias = Sequence[tuple[Span, float]]
"""Number of instances that a share gets when all shares are busy, in each span of time. Empty if it is unknown."""

LaneKey: TypeAlias = tuple[int, int]
"""Index of the share and index of the instance type in the trace."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Use and waiting of one share on one instance type.

    Attributes:
        use: Number of instances in use over time.
        waiting: Spans in which jobs waited.
        entitlement: Number of instances that the share gets when all shares are busy, over time.
    """

    use: Timeline
    waiting: Sequence[Span]
    entitlement: Entitlement

    def starvation(self) -> list[Span]:
        """Return the spans in which jobs waited and the use was below the entitlement by an instance or more."""
        return merge_spans(
            starved
            for span, number in self.entitlement
            for starved in self.use.spans_below(floor(number + 1e-9), intersect_spans(self.waiting, [span]))
        )

    def entitled_to(self, spans: Sequence[Span]) -> float:
        """Return the instance-seconds that the share is entitled to in some spans."""
        return sum(
            number * sum(stop - start for start, stop in intersect_spans(spans, [span]))
            for span, number in self.entitlement
            if number
        )


def compute_lanes(trace: Trace, record: Record, entitlements: Mapping[LaneKey, Entitlement]) -> dict[LaneKey, Lane]:
    """Return the lanes of all jobs that can run."""
    rows: dict[LaneKey, array[int]] = defaultdict(lambda: array("q"))
    runs: dict[LaneKey, array[int]] = defaultdict(lambda: array("q"))
    shares, types = trace.shares, trace.types
    for row in range(len(trace)):
        if row not in record.unrunnable and row not in record.held:
            rows[shares[row], types[row]].append(row)
    for run, row in enumerate(record.rows):
        runs[shares[row], types[row]].append(run)
    held = runs
    if record.moved:  # use is of the type on which a job ran, and waiting of its first type
        held = defaultdict(lambda: array("q"))
        for run, row in enumerate(record.rows):
            unit = trace.instance_types.index(record.moved[run]) if run in record.moved else types[row]
            held[shares[row], unit].append(run)
    return {
        key: Lane(
            instances_in_use(trace, record, held[key]),
            _jobs_waiting(trace, record, rows[key], runs[key]).spans_at_least(1),
            entitlements.get(key, ()),
        )
        for key in {**rows, **held}
    }


def instances_in_use(trace: Trace, record: Record, runs: Iterable[int]) -> Timeline:
    """Return the number of instances that the runs held over time."""
    changes: dict[int, int] = defaultdict(int)
    for run in runs:
        units = trace.instances[record.rows[run]]
        changes[record.starts[run]] += units
        changes[record.stops[run]] -= units
    return Timeline(changes)


def _jobs_waiting(trace: Trace, record: Record, rows: Iterable[int], runs: Iterable[int]) -> Timeline:
    """Return the number of waiting jobs over time."""
    changes: dict[int, int] = defaultdict(int)
    for row in rows:
        changes[record.ready.get(row, trace.submits[row])] += 1
        if record.states[row] == WAITING:
            changes[record.last] -= 1
    failed: dict[int, int] = {}
    for run in runs:
        changes[record.starts[run]] -= 1
        if record.interrupted[run]:
            changes[record.stops[run]] += 1
            if record.states[record.rows[run]] == FAILED:
                failed[record.rows[run]] = record.stops[run]
    for stop in failed.values():
        changes[stop] -= 1
    return Timeline(changes)


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
