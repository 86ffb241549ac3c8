"""Jobs that cannot start: their status reasons, events and time limits."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from fairlane.scheduler import Engine, WaitReason
from fairlane_local.batch.jobs.events import EventBus
from fairlane_local.batch.jobs.job import RUNNABLE, Job, ServiceJob
from fairlane_local.batch.store import Batch
from fairlane_local.timeline import Timeline

CAPACITY: Final = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
_SENTENCES: Final = {
    CAPACITY: "AWS has no free instances of this type",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "the job needs more vCPUs than each compute environment has",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED": "the job needs more than its quota share can own and borrow",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE": "the job needs more than the limit of the service environment",
}
"""Explanations after AWS's reasons. AWS's own explanations are unknown."""


class BlockedJobs:
    """Jobs of one account and Region that cannot start because of a limit or a shortage, whatever other jobs do.

    The time limit of a queue counts from the second in which a job is blocked. AWS counts only while the job is the
    first of its queue. Here, jobs that are above a limit block no other jobs.

    Args:
        batch: Records of the account and Region.
        timeline: Events of the local AWS.
        bus: Event bus of the account and Region.
        stop: Stops a job with a status reason. Called with True to cancel a job, and False to terminate it.
    """

    def __init__(self, batch: Batch, timeline: Timeline, bus: EventBus, stop: Callable[[Job, str, bool], None]) -> None:
        self._batch = batch
        self._timeline = timeline
        self._bus = bus
        self._stop = stop
        self._blocked: dict[Job, tuple[str, int]] = {}
        self._planned: set[tuple[Job, str, int]] = set()

    @property
    def jobs(self) -> list[Job]:
        """Jobs that are blocked now."""
        return list(self._blocked)

    def check(self, engine: Engine, jobs: Iterable[Job]) -> None:
        """Block those of the jobs that can never run with today's limits, and release the others."""
        for job in jobs:
            if job.status != RUNNABLE or job.engine_id is None or job.attempt is not None:
                continue
            wait = engine.permanent_wait(job.engine_id)
            if wait is not None and wait.reason is WaitReason.QUOTA_LIMIT:
                self.block(job, "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED")
            elif wait is not None and wait.reason is WaitReason.ENVIRONMENT_LIMIT:
                environment = "SERVICE" if isinstance(job, ServiceJob) else "COMPUTE"
                self.block(job, f"MISCONFIGURATION:{environment}_ENVIRONMENT_MAX_RESOURCE")
            else:
                self.release(job)

    def block(self, job: Job, reason: str) -> None:
        """Set the status reason of a job, and send the event unless the job is blocked for this reason already."""
        now = self._timeline.second
        known, since = self._blocked.get(job, ("", now))
        if known != reason:
            since = now
            self._blocked[job] = (reason, since)
            job.reason = f"{reason} - {_SENTENCES[reason]}"
            is_service = isinstance(job, ServiceJob)
            resources = [job.arn] if is_service else [job.arn, job.queue]
            detail_type = "Batch Service Job Queue Blocked" if is_service else "Batch Job Queue Blocked"
            self._bus.send(detail_type, resources, {**job.describe(), "status": RUNNABLE})
        for limit in self._limits(job, reason):
            planned = (job, reason, since + limit)
            if planned not in self._planned:
                self._planned.add(planned)
                self._timeline.call_at(max(now, since + limit), partial(self._enforce, planned, since))

    def release(self, job: Job) -> None:
        """Remove the status reason of a job that is no longer blocked."""
        if self._blocked.pop(job, None):
            job.reason = ""

    def forget(self, job: Job) -> None:
        """Forget a job whose attempt or life has ended. It keeps its status reason."""
        self._blocked.pop(job, None)

    def _enforce(self, planned: tuple[Job, str, int], since: int, now: int) -> None:
        """Stop a job that is blocked for the time limit of its queue."""
        self._planned.discard(planned)
        job, reason, _ = planned
        elapsed = now - since
        if self._blocked.get(job) != (reason, since) or not any(
            elapsed >= limit for limit in self._limits(job, reason)
        ):
            return
        del self._blocked[job]
        is_service = isinstance(job, ServiceJob)
        verb = "Terminated" if is_service else "Canceled"
        self._stop(job, f"{verb} by JobStateTimeLimit action due to reason: {reason}", not is_service)

    def _limits(self, job: Job, reason: str) -> list[int]:
        queue = self._batch.queues.get(job.queue, {})
        actions = queue.get("jobStateTimeLimitActions", [])
        return [action["maxTimeSeconds"] for action in actions if action["reason"] == reason]
