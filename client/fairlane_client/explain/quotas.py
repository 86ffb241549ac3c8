"""Reason why a job of a queue with quota management waits, from the scheduling engine in the state of the queue."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fairlane.scheduler import WaitReason
from fairlane.scheduling import QuotaManagement, QuotaShare, Sharing, State
from fairlane_client.explain.facts import FRONT, Facts
from fairlane_client.explain.reasons import Reason, Verdict
from fairlane_client.explain.words import becomes_free, capacity, names, need_of
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.jobs import QueuedJob, describe_jobs
from fairlane_client.queues.live_engine import build_live_engine, submission

MAX_PRIORITIES: Final = 25
"""Number of jobs whose priority is read at most, one request each."""


@dataclass(kw_only=True)
class QuotaWait:
    """Waiting job of a queue with quota management.

    Args:
        facts: Facts about the queue. Priorities are known only of the jobs that `read_priorities` has read.
        job: Job.
        now: Current time, in seconds since 1970.
    """

    facts: Facts
    job: QueuedJob
    now: float

    def __post_init__(self) -> None:
        job = self.job
        self.own_ahead = self.facts.ahead_in_share(job)
        self.is_placed = self.facts.front is not None and (job.id in self.facts.front or len(self.facts.front) < FRONT)

    @property
    def share(self) -> QuotaShare:
        """Quota share of the job."""
        policy = self.facts.queue.policy
        assert isinstance(policy, QuotaManagement)
        return next(share for share in policy.shares if share.name == self.job.share)

    def verdict(self) -> Verdict:
        """Return the verdict on the job."""
        if not self.facts.holds_all or not self.facts.is_complete:
            return Verdict(Reason.UNKNOWN, "AWS throttled the lists of jobs")
        wait = self._wait([*self.facts.ahead_of(self.job), self.job])
        if wait is not WaitReason.BEHIND and (self.is_placed or wait is WaitReason.QUOTA):
            return self._of(wait)
        alone = self._wait([self.job])
        if alone in (WaitReason.QUOTA, WaitReason.CAPACITY):
            return self._of(alone)
        if not self.own_ahead:
            return Verdict(Reason.UNKNOWN, "AWS does not report the place of the job in its share")
        head = self.own_ahead[0]
        reason = head.blocked_reason
        text = f"{head.name} ({capacity(head.amount, head.unit)}) is first in share {self.job.share} and does not start"
        text += f". AWS Batch reports: {reason}" if reason else ", while this job alone would fit"
        return Verdict(Reason.HEAD_BLOCKED, text, f"when {head.name} starts, or is terminated")

    def _wait(self, waiting: Sequence[QueuedJob]) -> WaitReason | None:
        """Return the reason of the engine if these jobs wait in this order. None if the job starts next."""
        queue = self.facts.queue
        assert isinstance(queue.policy, QuotaManagement)
        # AWS refuses jobs for a disabled share. Jobs that are already there may start and finish.
        policy = QuotaManagement(*(replace(share, state=State.ENABLED) for share in queue.policy.shares))
        now = max([self.now, *(each.since or 0 for each in self.facts.holding)])
        live = build_live_engine(replace(queue, policy=policy), self.facts.holding, now)
        ids = {}
        for each in waiting:
            is_own = each.share == self.job.share and each.priority is None
            known = replace(each, priority=self.job.priority) if is_own else each
            ids[each.id] = live.engine.submit(submission(queue, known))
        wait = live.engine.wait(ids[self.job.id])
        return wait and wait.reason

    def _of(self, wait: WaitReason | None) -> Verdict:
        job, share, unit = self.job, self.share, self.job.unit
        used = sum(each.amount for each in self.facts.holders(unit) if each.share == share.name)
        quota = share.capacity.get(unit, 0)
        ahead = sum(each.amount for each in self.own_ahead)
        free = sum(self.facts.limits(unit)) - sum(each.amount for each in self.facts.holders(unit))
        own = f"share {share.name} owns {capacity(quota, unit)} and holds {used:,}"
        if wait is None and job.amount + ahead <= free:
            return Verdict(Reason.STARTS_NEXT, f"{own}, and {free:,} are free", "in the next pass of AWS Batch")
        if wait is None or wait is WaitReason.STOPS:
            borrowers = [f"{name}, which borrows {number:,}" for name, number in self._borrowed().items()]
            lent = f"of share {names(borrowers)}" if borrowers else "of a lower priority in the share"
            text = f"{own}. AWS Batch preempts jobs for it, {lent}"
            return Verdict(Reason.STARTS_NEXT, text, "when the preempted jobs have stopped, after about 20 s")
        if wait is WaitReason.QUOTA:
            return self._over_quota(own, used + ahead + job.amount - quota)
        kept = min(max(0, free), self._kept())
        missing = max(1, job.amount + ahead - max(0, free) + kept)
        borrowed = self._borrowed()
        starts = f"when {becomes_free(missing, unit)}"
        if borrowed:
            starts = f"when {capacity(missing, unit)} of borrowed jobs of {names([*borrowed])} end or are preempted"
        text = f"{own}; the job needs {job.amount:,}, and {max(0, free):,} of {sum(self.facts.limits(unit)):,} are free"
        if kept:
            text += f", {kept:,} of them for shares that do not lend"
        if ahead:
            text += f"; {need_of(len(self.own_ahead))} {capacity(ahead, unit)}"
        return Verdict(Reason.CAPACITY_FULL, text, starts)

    def _over_quota(self, own: str, missing: int) -> Verdict:
        share, unit = self.share, self.job.unit
        starts = f"when {capacity(missing, unit)} of jobs of share {share.name} end"
        if share.sharing != Sharing.LEND_AND_BORROW:
            text = f"{own}. The job needs {self.job.amount:,} more, and the share does not borrow"
            return Verdict(Reason.SHARE_ABOVE_ENTITLEMENT, text, starts)
        limit = "" if share.borrow_limit in (None, -1) else f" (borrow limit {share.borrow_limit} %)"
        text = f"{own}{limit}. The job needs {self.job.amount:,} more, and too little of other shares is idle to borrow"
        starts += ", or become idle in other shares that lend"
        return Verdict(Reason.SHARE_ABOVE_ENTITLEMENT, text, starts)

    def _kept(self) -> int:
        """Return the free instances that the share cannot use: those of shares that do not lend, and of no share."""
        policy, unit = self.facts.queue.policy, self.job.unit
        assert isinstance(policy, QuotaManagement)
        used = Counter[str]()
        for each in self.facts.holders(unit):
            used[each.share] += each.amount
        others = [share for share in policy.shares if share.name != self.job.share and share.sharing == Sharing.RESERVE]
        idle = sum(max(0, share.capacity.get(unit, 0) - used[share.name]) for share in others)
        owned = sum(share.capacity.get(unit, 0) for share in policy.shares)
        return idle + max(0, sum(self.facts.limits(unit)) - owned)

    def _borrowed(self) -> dict[str, int]:
        """Return the instances that other shares hold above their own."""
        policy = self.facts.queue.policy
        assert isinstance(policy, QuotaManagement)
        holders = self.facts.holders(self.job.unit)
        above = {
            share.name: sum(each.amount for each in holders if each.share == share.name)
            - share.capacity.get(self.job.unit, 0)
            for share in policy.shares
        }
        return {name: number for name, number in above.items() if number > 0 and name != self.job.share}


def read_priorities(calls: Calls, facts: Facts, job: QueuedJob) -> None:
    """Read the priorities that decide about preemption inside the share of a job, in at most 25 requests.

    These are the priorities of the job ahead of it in its share, and of the jobs of the share that hold capacity.
    """
    policy = facts.queue.policy
    if not isinstance(policy, QuotaManagement):
        return
    if not any(share.name == job.share and share.in_share_preemption for share in policy.shares):
        return
    own = [each for each in facts.holders(job.unit) if each.share == job.share]
    if len(own) >= MAX_PRIORITIES:
        facts.notes.append(
            f"the priorities of {len(own) - MAX_PRIORITIES + 1} running jobs of share {job.share} were not read: "
            "preemption inside the share can start the job earlier"
        )
    asked = [*facts.ahead_in_share(job)[:1], *own][:MAX_PRIORITIES]
    priorities = {each.id: each.priority for each in describe_jobs(calls, facts.queue, asked)}
    known = {each.id: replace(each, priority=priorities[each.id]) for each in asked if each.id in priorities}
    facts.holding = [known.get(each.id, each) for each in facts.holding]
    facts.waiting |= {name: each for name, each in known.items() if name in facts.waiting}
