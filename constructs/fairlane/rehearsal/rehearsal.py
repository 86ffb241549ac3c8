"""What happened in a rehearsal, and what it means for each share."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from fairlane.rehearsal.lanes import Lane, LaneKey, lanes_of, satisfaction, use_of
from fairlane.rehearsal.outcomes import Outcomes
from fairlane.rehearsal.results import Fairness, ShareResult, Wait
from fairlane.rehearsal.timeline import Span, Timeline, at_once, total_of
from fairlane.scheduler.engine import FAILED, Record
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Machines, Strategies
from fairlane.scheduler.weights import resolved
from fairlane.scheduling import Allotment, FairShare, SchedulingPolicy

_PEAK_SECONDS: Final = 3600


class Rehearsal:
    """What happened when a trace ran under a policy. What is asked for is worked out then.

    Attributes:
        policy: whom the queue served next.
        trace: what was submitted.
        strategies: what AWS leaves open.
        machines: how machines came and went; None if they were always there.
        capacity: what the queue had, by capacity unit.
        advice: what its user may not have meant.
    """

    def __init__(
        self,
        policy: SchedulingPolicy,
        trace: Trace,
        strategies: Strategies,
        machines: Machines | None,
        capacity: Mapping[str, int],
        record: Record,
        advice: Sequence[str],
    ) -> None:
        self.policy = policy
        self.trace = trace
        self.strategies = strategies
        self.machines = machines
        self.capacity = capacity
        self.advice = tuple(advice)
        self._record = record

    @cached_property
    def outcomes(self) -> Outcomes:
        """What became of each job, in the order of the trace."""
        return Outcomes(self.trace, self._record)

    @property
    def span(self) -> Span:
        """From the first submission until the last thing happened."""
        return (self.trace.submits[0], self._record.last) if len(self.trace) else (0, 0)

    @cached_property
    def total(self) -> ShareResult:
        """What all shares got together; it has no entitlement, and does not starve."""
        use = use_of(self.trace, self._record, range(len(self._record.rows)))
        return self._result("", range(len(self.trace)), use, None, ())

    @cached_property
    def shares(self) -> Mapping[str, ShareResult]:
        """What each share got: first those of the policy, then others of the trace."""
        known = [name for name in self._entitlements if not name.endswith("*")]
        return {name: self._share(name) for name in dict.fromkeys([*known, *self.trace.share_names])}

    def share(self, name: str) -> ShareResult:
        """What a share got; a share that neither the policy nor the trace has is a KeyError."""
        return self.shares[name]

    @property
    def utilization(self) -> float:
        """The part of the capacity that was in use, on average over the span."""
        start, stop = self.span
        return self.total.use.until(stop) / (sum(self.capacity.values()) * max(1, stop - start))

    @cached_property
    def peak_utilization(self) -> float:
        """The part of the capacity that was in use in the busiest hour."""
        start, stop = self.span
        width = max(1, min(_PEAK_SECONDS, stop - start))
        return self.total.use.highest_mean(width) / sum(self.capacity.values())

    @cached_property
    def fairness(self) -> Fairness | None:
        """How evenly shares were served while they competed; None if they never did, or have no entitlements."""
        return self.fairness_by(self)

    def fairness_by(self, other: "Rehearsal") -> Fairness | None:
        """The same by the entitlements of another rehearsal, of the same trace."""
        entitled = {key: lane.entitlement for key, lane in other._lanes.items()}
        ratios = satisfaction({key: replace(lane, entitlement=entitled.get(key)) for key, lane in self._lanes.items()})
        return Fairness.of(ratios) if ratios else None

    @cached_property
    def _entitlements(self) -> Allotment:
        policy = self.policy
        if isinstance(policy, FairShare):
            policy = resolved(policy, self.trace.share_names)
        return policy.entitlements(self.capacity)

    @cached_property
    def _lanes(self) -> Mapping[LaneKey, Lane]:
        (first, *_) = self.capacity
        units = [unit if unit in self.capacity else first for unit in self.trace.instance_types]
        entitled = {
            (share, place): self._entitlements[name].get(unit, 0)
            for share, name in enumerate(self.trace.share_names)
            if name in self._entitlements
            for place, unit in enumerate(units)
        }
        return lanes_of(self.trace, self._record, entitled)

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
            place = self.trace.share_names.index(name)
            lanes = [lane for (share, _), lane in self._lanes.items() if share == place]
        entitled = self._entitlements.get(name)
        return self._result(
            name,
            self._rows.get(name, ()),
            total_of([lane.use for lane in lanes]),
            sum(entitled.values()) if entitled else None,
            at_once(lane.starvation() for lane in lanes).at_least(1),
        )

    def _result(
        self, name: str, rows: Sequence[int], use: Timeline, entitlement: float | None, starvation: Sequence[Span]
    ) -> ShareResult:
        record, outcomes = self._record, self.outcomes
        started = outcomes.started(rows)
        cut = Counter(
            {row: stops for row in started if (stops := sum(record.cut[run] for run in outcomes.runs_of(row)))}
        )
        preempted = 0 if self.machines else sum(self.trace.instances[row] * stops for row, stops in cut.items())
        return ShareResult(
            name=name,
            jobs=len(rows),
            never_ran=len(rows) - len(started),
            failed=sum(record.states[row] == FAILED for row in rows),
            wait=Wait.of(map(outcomes.waited, started), forever=len(rows) - len(started)),
            preemptions=cut.total(),
            lost=sum(record.lost.get(row, 0) for row in started) if record.lost else 0,
            stopping=preempted * self.strategies.stop_seconds,
            entitlement=entitlement,
            use=use,
            starvation=starvation,
        )
