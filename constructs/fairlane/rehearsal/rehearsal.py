"""Rehearsal: the result of a simulation, for each job and for each share."""

from array import array
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from fairlane.rehearsal.outcomes import Outcomes
from fairlane.rehearsal.results import Fairness, ShareResult
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import Record
from fairlane.scheduler.weights import resolve_identifiers
from fairlane.scheduling import Allotment, FairShare, SchedulingPolicy

if TYPE_CHECKING:
    from fairlane.rehearsal.statistics import Statistics
    from fairlane.rehearsal.timeline import Span, Timeline

_PEAK_SECONDS: Final = 3600


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
    def span(self) -> "Span":
        """Seconds of the first submission and of the last event."""
        return (self.trace.submits[0], self._record.last) if len(self.trace) else (0, 0)

    @property
    def window(self) -> "Span":
        """Seconds from the first to the last submission, which is in the window. It is the same for all policies."""
        return (self.trace.submits[0], self.trace.submits[-1] + 1) if len(self.trace) else (0, 0)

    @cached_property
    def total(self) -> ShareResult:
        """Result of all shares together. It has no entitlement and no starvation."""
        return self._statistics.total()

    @cached_property
    def shares(self) -> Mapping[str, ShareResult]:
        """Result of each share: first the shares of the policy, then the other shares of the trace."""
        declared = [name for name in self._entitlements[0] if not name.endswith("*")]
        return {name: self._statistics.share(name) for name in dict.fromkeys([*declared, *self.trace.share_names])}

    def combine(self, names: Collection[str]) -> ShareResult:
        """Return the result of several shares together. It is starved while one of them is.

        Args:
            names: Names of shares of the policy or of the trace.
        """
        return self._statistics.combine([self.shares[name] for name in names])

    def share(self, name: str) -> ShareResult:
        """Return the result of a share.

        Raises:
            KeyError: If neither the policy nor the trace has the share.
        """
        return self.shares[name]

    def waits(self, names: Collection[str]) -> "array[float]":
        """Return the waiting times of the jobs of shares in seconds, sorted. Infinity for a job that never ran.

        Args:
            names: Names of shares.
        """
        return self._statistics.waits(names)

    def stops(self, names: Collection[str]) -> list[int]:
        """Return the seconds at which runs of the jobs of shares were stopped.

        Args:
            names: Names of shares.
        """
        return self._statistics.stops(names)

    @cached_property
    def work(self) -> Mapping[str, int]:
        """Work of the jobs that ran in instance-seconds, by share of the trace."""
        return self._statistics.work()

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
    def capacity_over_time(self) -> "Timeline":
        """Capacity of all units together over time."""
        from fairlane.rehearsal.statistics import total_over_time  # noqa: PLC0415 - NumPy, as below

        return total_over_time(self.capacity_steps)

    @property
    def _available(self) -> "Timeline":
        """Capacity over time, with runs that go on above a lowered capacity."""
        limit = self.capacity_over_time
        return limit if len(self.capacity_steps) == 1 else self._statistics.at_least_in_use(limit)

    @property
    def lost(self) -> Mapping[int, int]:
        """Lost work of each job in instance-seconds, by row. Jobs that lost none have no entry."""
        return self._record.lost

    @property
    def remaining(self) -> Mapping[int, int]:
        """Instance-seconds that each job uses after the window, by row. Jobs that use none have no entry."""
        return self._statistics.remaining

    @cached_property
    def fairness(self) -> Fairness | None:
        """Fairness among the shares. None if shares never competed or have no entitlements."""
        return self.fairness_by(self)

    def fairness_by(self, other: "Rehearsal") -> Fairness | None:
        """Return the fairness, with the entitlements of another rehearsal of the same trace."""
        uses = self._statistics.competing_uses(other._statistics)
        return Fairness.from_uses(uses) if uses else None

    @cached_property
    def _entitlements(self) -> Sequence[Allotment]:
        """Entitlement of each share by capacity unit, for each of the capacity steps."""
        policy = self.policy
        if isinstance(policy, FairShare):
            policy = resolve_identifiers(policy, self.trace.share_names)
        return [policy.entitlements(limits) for _, limits in self.capacity_steps]

    @cached_property
    def _statistics(self) -> "Statistics":
        from fairlane.rehearsal.statistics import Statistics  # noqa: PLC0415 - NumPy, which outcomes do not need

        stop_seconds = 0 if self.ec2_instances else self.strategies.stop_seconds
        return Statistics(self.trace, self._record, self.capacity_steps, self._entitlements, self.window, stop_seconds)
