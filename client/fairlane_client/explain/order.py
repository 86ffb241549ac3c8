"""Reason why a job of a queue with one order waits: FIFO and fair share. The first job blocks all jobs behind it."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import Final

from fairlane.scheduler.weights import weight_factors
from fairlane.scheduling import FairShare
from fairlane_client.explain.facts import Facts
from fairlane_client.explain.reasons import Reason, Verdict
from fairlane_client.explain.words import becomes_free, capacity, is_free, need_of
from fairlane_client.queues.jobs import QueuedJob

_MAX_ACTIVE: Final = 500
"""Number of active share identifiers of a queue at most."""


def ordered_verdict(facts: Facts, job: QueuedJob) -> Verdict:
    """Return the verdict on a RUNNABLE job that fits into its queue."""
    least, most = facts.free(job.unit)
    if facts.holds_all and not facts.is_complete and job.amount > most:
        return _full(facts, job, [], least)
    if not facts.holds_all or not facts.is_complete:
        return Verdict(Reason.UNKNOWN, "AWS throttled the lists of jobs")
    if facts.front is None and isinstance(facts.queue.policy, FairShare):
        if job.amount > most:
            return _full(facts, job, [], least)
        return Verdict(Reason.UNKNOWN, "AWS does not report the order of the queue")
    ahead = facts.ahead_of(job)
    room = _Room(facts, least, most)
    for index, other in enumerate(ahead):
        if not room.surely_takes(other) or other.blocked_reason:
            return _behind(facts, job, ahead, other, room, is_first=index == 0)
        room.take(other)
    if room.surely_takes(job):
        return Verdict(Reason.STARTS_NEXT, "capacity is free, and no job is ahead", "in the next pass of AWS Batch")
    if room.never_takes(job):
        return _reserved(job, room) if job.amount <= least else _full(facts, job, ahead, least)
    if room.reserved(job)[1] and len(facts.limits(job.unit)) == 1:
        return _reserved(job, room)
    return Verdict(Reason.UNKNOWN, _scattered(facts, job, least, most))


class _Room:
    """Free capacity in the order of the queue.

    Several environments have it in unknown parts: the largest part is at least the mean.
    """

    def __init__(self, facts: Facts, least: int, most: int) -> None:
        self._facts = facts
        self._least, self._most = least, most
        self._parts = max(1, len(facts.queue.environments))

    def take(self, job: QueuedJob) -> None:
        self._least -= job.amount
        self._most -= job.amount

    def reserved(self, job: QueuedJob) -> tuple[int, int]:
        """Return the least and the most capacity that the compute reservation keeps from a job.

        A share without jobs can be active because of its past use. More active shares have a smaller reservation.
        """
        policy = self._facts.queue.policy
        if not isinstance(policy, FairShare) or not policy.compute_reservation or not self._uses(job.share):
            return 0, 0
        total = sum(self._facts.limits(job.unit, enabled_only=False))
        part = Fraction(policy.compute_reservation, 100)
        active = _active(self._facts)
        has_prefixes = any(name.endswith("*") for name in policy.share_names)
        most_active = _MAX_ACTIVE if has_prefixes else len({*active, *policy.share_names})
        return ceil(total * part**most_active), ceil(total * part ** len(active))

    def surely_takes(self, job: QueuedJob) -> bool:
        return self._least - job.amount >= self.reserved(job)[1] and job.amount <= -(-self._least // self._parts)

    def never_takes(self, job: QueuedJob) -> bool:
        return job.amount > min(self._most - self.reserved(job)[0], max(self._facts.limits(job.unit), default=0))

    def _uses(self, share: str) -> bool:
        return any(each.share == share for each in self._facts.holding)


def _behind(
    facts: Facts, job: QueuedJob, ahead: list[QueuedJob], head: QueuedJob, room: _Room, *, is_first: bool
) -> Verdict:
    least, most = facts.free(job.unit)
    if room.never_takes(job):
        full = _reserved(job, room) if job.amount <= least else _full(facts, job, ahead, least)
        return _over_entitlement(facts, job, head, least) or full
    if not room.surely_takes(job):
        return Verdict(Reason.UNKNOWN, _scattered(facts, job, least, most))
    need, reason = capacity(head.amount, head.unit), head.blocked_reason
    place = "the first job of the queue" if is_first else "a job ahead"
    text = f"{is_free(least, job.unit)}, but {head.name} ({need}), {place}, does not start"
    text += f". AWS Batch reports: {reason}" if reason else " with them"
    return Verdict(Reason.HEAD_BLOCKED, text, f"when {head.name} starts, or is terminated", inferred=True)


def _full(facts: Facts, job: QueuedJob, ahead: list[QueuedJob], least: int) -> Verdict:
    free = max(0, least)
    first = sum(other.amount for other in ahead)
    text = f"the job needs {capacity(job.amount, job.unit)}, and {free:,} of {sum(facts.limits(job.unit)):,} are free"
    if not ahead:
        starts = f"when {becomes_free(job.amount - least, job.unit)}"
    else:
        rest = facts.front is not None and job.id not in facts.front
        count = f"at least {len(ahead):,} jobs ahead need" if rest else need_of(len(ahead))
        text += f"; {count} {capacity(first, job.unit)}"
        starts = (
            f"when {becomes_free(job.amount + first - least, job.unit)}: "
            f"{first:,} for the job{'s' * (len(ahead) > 1)} ahead, and {job.amount:,} for this job"
        )
    return Verdict(Reason.CAPACITY_FULL, text, starts, inferred=True)


def _reserved(job: QueuedJob, room: _Room) -> Verdict:
    number = room.reserved(job)[1]
    text = f"the compute reservation of the policy keeps up to {capacity(number, job.unit)} for shares without jobs"
    return Verdict(Reason.CAPACITY_FULL, text, "when more capacity is free than the reservation, or its share is idle")


def _over_entitlement(facts: Facts, job: QueuedJob, head: QueuedJob, least: int) -> Verdict | None:
    """Return the verdict on a job behind another share if its own share holds more than its part."""
    if not isinstance(facts.queue.policy, FairShare) or head.share == job.share:
        return None
    held = sum(each.amount for each in facts.holding if each.share == job.share)
    part = entitlements(facts).get(job.share, Fraction(0))
    if held <= part:
        return None
    text = (
        f"share {job.share} holds {capacity(held, job.unit)}, and its part is {float(part):.4g} while "
        f"{len(_active(facts))} shares have jobs. Share {head.share} is first, with {head.name}"
    )
    freed = becomes_free(max(1, job.amount - least), job.unit)
    turn = f"{freed} after the jobs of share {head.share} have started"
    starts = f"when jobs of share {job.share} end, or {turn}"
    return Verdict(Reason.SHARE_ABOVE_ENTITLEMENT, text, starts)


def entitlements(facts: Facts) -> dict[str, Fraction]:
    """Return the part of the capacity of each share that has jobs now, by the weights of a fair-share policy."""
    policy = facts.queue.policy
    if not isinstance(policy, FairShare):
        return {}
    parts = {name: 1 / weight for name, weight in weight_factors(policy, _active(facts)).items()}
    total = sum(facts.limits("", enabled_only=False))
    return {name: total * part / sum(parts.values()) for name, part in parts.items()}


def _active(facts: Facts) -> list[str]:
    """Return the shares that have jobs now."""
    shares: Iterable[str] = [*facts.counts, *(job.share for job in facts.holding)]
    return sorted({*shares})


def _scattered(facts: Facts, job: QueuedJob, least: int, most: int) -> str:
    if len(facts.queue.environments) > 1:
        return (
            f"{is_free(max(0, least), job.unit)} on {len(facts.queue.environments)} environments, and AWS "
            "does not report on which"
        )
    if facts.queue.neighbors and least != most:
        return "queues on the same environments hold an unknown part of them"
    return "AWS does not report for how many shares the compute reservation keeps capacity"
