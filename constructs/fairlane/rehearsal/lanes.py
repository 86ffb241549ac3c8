"""What each share used of each instance type, and when it wanted more."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import TypeAlias

from fairlane.rehearsal.timeline import Span, Timeline, at_once, overlap
from fairlane.scheduler.engine import FAILED, Record
from fairlane.scheduler.job import Trace

LaneKey: TypeAlias = tuple[int, int]
"""The places of a share and of an instance type in the trace."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What a share used of an instance type, and when it wanted more.

    Attributes:
        use: instances in use over time.
        waiting: when jobs waited.
        entitlement: instances that it gets when all are busy; None where nothing says so.
    """

    use: Timeline
    waiting: Sequence[Span]
    entitlement: float | None

    def starvation(self) -> list[Span]:
        """When jobs waited though the share used less than its entitlement, by a whole instance or more."""
        return [] if self.entitlement is None else self.use.below(floor(self.entitlement + 1e-9), self.waiting)


def lanes_of(trace: Trace, record: Record, entitlements: Mapping[LaneKey, float]) -> dict[LaneKey, Lane]:
    """Works out the lanes of all jobs that can run."""
    rows: dict[LaneKey, array[int]] = defaultdict(lambda: array("q"))
    runs: dict[LaneKey, array[int]] = defaultdict(lambda: array("q"))
    shares, types = trace.shares, trace.types
    for row in range(len(trace)):
        if row not in record.set_aside:
            rows[shares[row], types[row]].append(row)
    for run, row in enumerate(record.rows):
        runs[shares[row], types[row]].append(run)
    return {
        key: Lane(
            use_of(trace, record, runs[key]),
            _waiting(trace, record, rows[key], runs[key]).at_least(1),
            entitlements.get(key),
        )
        for key in rows
    }


def use_of(trace: Trace, record: Record, runs: Iterable[int]) -> Timeline:
    """How many instances runs held."""
    changes: dict[int, int] = defaultdict(int)
    for run in runs:
        units = trace.instances[record.rows[run]]
        changes[record.starts[run]] += units
        changes[record.stops[run]] -= units
    return Timeline(changes)


def _waiting(trace: Trace, record: Record, rows: Iterable[int], runs: Iterable[int]) -> Timeline:
    """How many jobs waited."""
    changes: dict[int, int] = defaultdict(int)
    for row in rows:
        changes[trace.submits[row]] += 1
    failed: dict[int, int] = {}
    for run in runs:
        changes[record.starts[run]] -= 1
        if record.cut[run]:
            changes[record.stops[run]] += 1
            if record.states[record.rows[run]] == FAILED:
                failed[record.rows[run]] = record.stops[run]
    for stop in failed.values():
        changes[stop] -= 1
    return Timeline(changes)


def satisfaction(lanes: Mapping[LaneKey, Lane]) -> list[float]:
    """For shares that competed, their use divided by their entitlement while they waited and another did."""
    ratios = []
    for unit in dict.fromkeys(unit for _, unit in lanes):
        competing = [lane for (_, other), lane in lanes.items() if other == unit and lane.entitlement]
        contended = at_once(lane.waiting for lane in competing).at_least(2)
        for lane in competing:
            spans = overlap(lane.waiting, contended)
            seconds = sum(stop - start for start, stop in spans)
            if seconds and lane.entitlement:
                ratios.append(lane.use.integral(spans) / (lane.entitlement * seconds))
    return ratios
