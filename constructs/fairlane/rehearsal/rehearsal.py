"""Rehearsal: the result of a simulation, for each job and for each share."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from fairlane.rehearsal.lanes import Lane, LaneKey, compute_lanes, entitlement_ratios, instances_in_use
from fairlane.rehearsal.outcomes import Outcomes
from fairlane.rehearsal.results import Fairness, ShareResult, Wait
from fairlane.rehearsal.timeline import Span, Timeline, count_lists, sum_timelines
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import FAILED, Record
from fairlane.scheduler.weights import resolve_identifiers
from fairlane.scheduling import Allotment, FairShare, SchedulingPolicy

_PEAK_SECONDS: Final = 3600


class Rehearsal:
    """Simulation of a scheduling policy with a trace of jobs. Results are computed on access.

    Attributes:
        policy: Scheduling policy of the queue.
        trace: Jobs that were submitted.
        strategies: Choices for behavior that AWS does not document.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. None if the instances were always available.
        capacity: Capacity of the queue by capacity unit.
        advice: Warnings about the trace and the policy.
    """

    def __init__(
        self,
        policy: SchedulingPolicy,
        trace: Trace,
        strategies: Strategies,
        ec2_instances: Ec2Instances | None,
        capacity: Mapping[str, int],
        record: Record,
        advice: Sequence[str],
    ) -> None:
        self.policy = policy
        self.trace = trace
        self.strategies = strategies
        self.ec2_instances = ec2_instances
        self.capacity = capacity
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

    @cached_property
    def total(self) -> ShareResult:
        """Result of all shares together. It has no entitlement and no starvation."""
        use = instances_in_use(self.trace, self._record, range(len(self._record.rows)))
        return self._result("", range(len(self.trace)), use, None, ())

    @cached_property
    def shares(self) -> Mapping[str, ShareResult]:
        """Result of each share: first the shares of the policy, then the other shares of the trace."""
        declared = [name for name in self._entitlements if not name.endswith("*")]
        return {name: self._share(name) for name in dict.fromkeys([*declared, *self.trace.share_names])}

    def share(self, name: str) -> ShareResult:
        """Return the result of a share.

        Raises:
            KeyError: If neither the policy nor the trace has the share.
        """
        return self.shares[name]

    @property
    def utilization(self) -> float:
        """Mean part of the capacity that was in use over the span, 0 to 1."""
        start, stop = self.span
        return self.total.use.sum_until(stop) / (sum(self.capacity.values()) * max(1, stop - start))

    @cached_property
    def peak_utilization(self) -> float:
        """Mean part of the capacity that was in use in the busiest hour, 0 to 1."""
        start, stop = self.span
        width = max(1, min(_PEAK_SECONDS, stop - start))
        return self.total.use.highest_mean(width) / sum(self.capacity.values())

    @cached_property
    def fairness(self) -> Fairness | None:
        """Fairness among the shares. None if shares never competed or have no entitlements."""
        return self.fairness_by(self)

    def fairness_by(self, other: "Rehearsal") -> Fairness | None:
        """Return the fairness, with the entitlements of another rehearsal of the same trace."""
        entitled = {key: lane.entitlement for key, lane in other._lanes.items()}
        lanes = {key: replace(lane, entitlement=entitled.get(key)) for key, lane in self._lanes.items()}
        ratios = entitlement_ratios(lanes)
        return Fairness.from_ratios(ratios) if ratios else None

    @cached_property
    def _entitlements(self) -> Allotment:
        policy = self.policy
        if isinstance(policy, FairShare):
            policy = resolve_identifiers(policy, self.trace.share_names)
        return policy.entitlements(self.capacity)

    @cached_property
    def _lanes(self) -> Mapping[LaneKey, Lane]:
        (first, *_) = self.capacity
        units = [unit if unit in self.capacity else first for unit in self.trace.instance_types]
        entitled = {
            (share, index): self._entitlements[name].get(unit, 0)
            for share, name in enumerate(self.trace.share_names)
            if name in self._entitlements
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
        entitled = self._entitlements.get(name)
        return self._result(
            name,
            self._rows.get(name, ()),
            sum_timelines([lane.use for lane in lanes]),
            sum(entitled.values()) if entitled else None,
            count_lists(lane.starvation() for lane in lanes).spans_at_least(1),
        )

    def _result(
        self, name: str, rows: Sequence[int], use: Timeline, entitlement: float | None, starvation: Sequence[Span]
    ) -> ShareResult:
        record, outcomes = self._record, self.outcomes
        started = outcomes.started_rows(rows)
        cut = Counter(
            {
                row: stops
                for row in started
                if (stops := sum(record.interrupted[run] for run in outcomes.run_numbers(row)))
            }
        )
        preempted = 0 if self.ec2_instances else sum(self.trace.instances[row] * stops for row, stops in cut.items())
        return ShareResult(
            name=name,
            jobs=len(rows),
            never_ran=len(rows) - len(started),
            failed=sum(record.states[row] == FAILED for row in rows),
            wait=Wait.from_seconds(map(outcomes.wait_seconds, started), forever=len(rows) - len(started)),
            preemptions=cut.total(),
            lost=sum(record.lost.get(row, 0) for row in started) if record.lost else 0,
            stopping=preempted * self.strategies.stop_seconds,
            entitlement=entitlement,
            use=use,
            starvation=starvation,
        )
