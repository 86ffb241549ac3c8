"""Explanation of the state of a job: why it waits, what it waits for, or how it ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fairlane.scheduling import NUM_INSTANCES, QuotaManagement, State
from fairlane_client.explain.answer import Explanation, Place, Preemption
from fairlane_client.explain.blocked import blocked_by_aws, cannot_fit, disabled, not_runnable
from fairlane_client.explain.facts import Facts, read_facts
from fairlane_client.explain.holders import holders_of
from fairlane_client.explain.order import ordered_verdict
from fairlane_client.explain.preemptions import read_preemption
from fairlane_client.explain.quotas import QuotaWait, read_priorities
from fairlane_client.explain.reasons import Reason, Verdict
from fairlane_client.explain.states import end_text, since, state_text
from fairlane_client.explain.words import duration, names
from fairlane_client.queues.calls import Calls, Throttled
from fairlane_client.queues.jobs import ENDED, HOLDING, WAITING, QueuedJob, list_jobs, read_job
from fairlane_client.queues.queue import Queue
from fairlane_client.text import plural

_RUNNABLE: Final = "RUNNABLE"
_PATIENCE: Final = 300
"""Number of seconds after which a job that could start is no longer expected to."""


def explain(
    calls: Calls,
    queue: Queue,
    name: str,
    *,
    now: float | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Explanation:
    """Return why a job of a queue waits, and what would start it. Of other jobs, what they do or how they ended.

    AWS does not report why a job waits, except for jobs that block their queue. Other reasons follow from the lists of
    jobs, the snapshot and the policy, and are marked as inferred.

    A waiting job takes 2 requests, one more for each page of jobs of the queue that wait or hold capacity (100 training
    jobs, 1,000 containers; at least one for each state, and for each state of the children of an array job), and up to
    25 in a share that preempts its own jobs. Other jobs take one or two requests, and preempted jobs one for each page
    of jobs that hold capacity.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue, from `read_queue` or `queue_of_environment`.
        name: Id, ARN or name of the job. Of several jobs with the name, the one that was submitted last.
        now: Current time in seconds since 1970. Default: the time of this computer.
        progress: Function that gets the number of jobs that were read. Default: none.

    Raises:
        LookupError: If the queue has no such job.
        NotAllowed: If a permission is missing. The text names the action.
        Throttled: If AWS throttles the description of the job. Later throttling makes the answer partial.
    """
    before = calls.count
    job, detail = read_job(calls, queue, name)
    facts = Facts(queue=queue)
    if job.state == _RUNNABLE:
        facts = read_facts(calls, queue, job, progress)
        if facts.is_complete and job.id not in facts.waiting:  # it started or ended meanwhile
            job, detail = read_job(calls, queue, job.id)
    listed = facts.waiting.get(job.id, job)
    sized = listed if listed.amount else job
    job = replace(listed, priority=job.priority, reason=job.reason, amount=sized.amount, unit=sized.unit)
    current = time.time() if now is None else now
    answer = _Answer(calls, facts, job, detail, current)
    return replace(answer.explanation(), calls=calls.count - before)


class _Answer:
    """Answer about one job."""

    def __init__(self, calls: Calls, facts: Facts, job: QueuedJob, detail: Mapping[str, Any], now: float) -> None:
        self._calls = calls
        self._facts = facts
        self._job = job
        self._detail = detail
        self._now = now
        self._notes = facts.notes

    def explanation(self) -> Explanation:
        job = self._job
        verdict = self._verdict()
        begin, is_inferred = since(job, self._detail)
        self._note_clock([begin, job.created])
        preemption = self._preemption()
        waits = verdict is not None and job.state == _RUNNABLE
        return Explanation(
            at=self._now,
            job_id=job.id,
            job_name=job.name,
            queue=self._facts.queue.name,
            share=job.share,
            amount=job.amount,
            unit=job.unit,
            array=job.array,
            state=job.state,
            since=begin,
            since_inferred=is_inferred,
            seconds=None if begin is None else max(0.0, self._now - begin),
            reason=verdict.reason if verdict else None,
            text=verdict.text if verdict else self._text(),
            inferred=verdict.inferred if verdict else False,
            aws_reason=job.reason,
            starts=verdict.starts if verdict else "",
            place=self._place() if waits else None,
            holders=holders_of(self._facts, job) if waits and self._facts.holds_all else (),
            preemption=preemption,
            notes=tuple(self._notes),
            partial=not (self._facts.is_complete and self._facts.holds_all),
        )

    def _text(self) -> str:
        if self._job.array:
            reason = f". AWS gives the reason: {self._job.reason}" if self._job.reason else ""
            return f"children of the array job: {self._children()}{reason}"
        if self._job.state in ENDED:
            return end_text(self._job, self._detail)
        return state_text(self._job, self._now)

    def _verdict(self) -> Verdict | None:
        job = self._job
        if job.state in ENDED or (job.state in HOLDING and blocked_by_aws(self._facts, job) is None):
            return None
        if job.state in ("SUBMITTED", "PENDING"):
            verdict = not_runnable(self._calls, job, self._detail)
            return self._array() if job.array and verdict.reason is Reason.UNKNOWN else verdict
        blocked = blocked_by_aws(self._facts, job)
        if not job.amount and not blocked:
            return Verdict(Reason.UNKNOWN, "AWS does not report the capacity that the job needs")
        if self._facts.by_unit and job.unit == NUM_INSTANCES and not blocked:
            return Verdict(Reason.UNKNOWN, "AWS does not report the instance type that the job counts as")
        fixed = blocked or cannot_fit(self._facts, job) or disabled(self._facts) or self._consumables()
        return fixed or self._patient(self._competing())

    def _competing(self) -> Verdict:
        facts, job = self._facts, self._job
        if isinstance(facts.queue.policy, QuotaManagement):
            try:
                read_priorities(self._calls, facts, job)
            except Throttled as error:
                self._notes.append(f"priorities are missing: {error}")
            verdict = QuotaWait(facts=facts, job=job, now=self._now).verdict()
        else:
            verdict = ordered_verdict(facts, job)
        others = [*facts.holding, *(each for _, each in facts.others), *facts.ahead_of(job)]
        unsized = sum(not each.amount for each in others)
        if unsized and verdict.reason in (Reason.STARTS_NEXT, Reason.HEAD_BLOCKED):
            text = f"AWS does not report the capacity of {plural(unsized, 'other job')} of the queue"
            return Verdict(Reason.UNKNOWN, text)
        return verdict

    def _consumables(self) -> Verdict | None:
        """Return the verdict on a job that needs consumable resources, whose use `observe` does not allow to read."""
        needs = (self._detail.get("consumableResourceProperties") or {}).get("consumableResourceList") or []
        if not needs:
            return None
        listed = names([str(need.get("consumableResource", "")).rsplit("/", 1)[-1] for need in needs])
        text = f"the job also needs the consumable resource {listed}, and AWS does not report if it waits for that"
        return Verdict(Reason.UNKNOWN, text, f"when {listed} and capacity are available")

    def _patient(self, verdict: Verdict) -> Verdict:
        """Return a verdict with the retry, the disabled queue or share, or the long wait of a job that could start."""
        if verdict.reason is not Reason.STARTS_NEXT:
            return verdict
        if self._detail.get("attempts"):
            text = f"an attempt ended: {self._job.reason or 'AWS gives no reason'}. Otherwise, {verdict.text}"
            return Verdict(Reason.RETRY, text, "in one of the next passes of AWS Batch")
        first = self._facts.since.get(self._job.id)
        seconds = 0.0 if first is None else self._now - first
        closed = self._closed()
        if closed and seconds > _PATIENCE:
            return Verdict(
                Reason.DISABLED, f"{closed} is disabled, and nothing else is in the way", f"when {closed} is enabled"
            )
        if closed:
            self._notes.append(f"{closed} is disabled: it takes no new jobs, and AWS says that its jobs may finish")
        if seconds > _PATIENCE:
            self._notes.append(
                f"the job has been first for {duration(seconds)}: AWS may have no free instances, or they are starting"
            )
        return verdict

    def _closed(self) -> str:
        queue = self._facts.queue
        if not queue.is_enabled:
            return f"queue {queue.name}"
        shares = queue.policy.shares if isinstance(queue.policy, QuotaManagement) else ()
        closed = any(share.name == self._job.share and share.state == State.DISABLED for share in shares)
        return f"share {self._job.share}" if closed else ""

    def _array(self) -> Verdict | None:
        """Return the verdict on the parent of an array job. None if none of its children waits."""
        counts = (self._detail.get("arrayProperties") or {}).get("statusSummary") or {}
        self._notes.append(
            f"the job is an array of {self._job.array:,} jobs: explain a child, {self._job.id}:0 and so on"
        )
        if counts and not any(counts.get(state) for state in WAITING):
            return None
        return Verdict(Reason.UNKNOWN, f"children of the array job: {self._children()}", "when its children start")

    def _children(self) -> str:
        counts = (self._detail.get("arrayProperties") or {}).get("statusSummary") or {}
        listed = [f"{counts[state]:,} {state}" for state in (*WAITING, *HOLDING, *ENDED) if counts.get(state)]
        return ", ".join(listed) or "AWS does not report their states"

    def _preemption(self) -> Preemption | None:
        if not self._detail.get("preemptionSummary"):
            return None
        holding: Sequence[QueuedJob] = self._facts.holding
        if self._job.state != _RUNNABLE:
            try:
                holding = [*list_jobs(self._calls, self._facts.queue, HOLDING)]
            except Throttled as error:
                self._notes.append(f"jobs that hold capacity are missing: {error}")
        return read_preemption(self._job, self._detail, holding)

    def _place(self) -> Place:
        facts, job = self._facts, self._job
        ahead = facts.ahead_of(job)
        shares: dict[str, int] = {}
        for other in ahead:
            shares[other.share] = shares.get(other.share, 0) + 1
        position = list(facts.front).index(job.id) + 1 if facts.front and job.id in facts.front else None
        is_fifo = not facts.queue.policy.share_names
        by_time = position is None and is_fifo and facts.is_complete
        return Place(
            position=facts.earlier + 1 if by_time else position,
            waiting=facts.counts.total(),
            ahead=shares,
            ahead_amount=sum(other.amount for other in ahead),
            since=facts.since.get(job.id),
            inferred=by_time,
        )

    def _note_clock(self, times: Sequence[float | None]) -> None:
        late = max((each - self._now for each in times if each is not None), default=0)
        if late > 1:
            self._notes.append(f"the clock of this computer is at least {duration(late)} behind that of AWS")
