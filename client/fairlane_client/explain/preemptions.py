"""Preemptions of a job: the job that most likely got its capacity, the loss, and an estimate of the return."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from fairlane_client.explain.answer import Preemption
from fairlane_client.explain.words import capacity, duration
from fairlane_client.queues.descriptions import payload_of
from fairlane_client.queues.jobs import QueuedJob

_NEAR: Final = 120
"""Number of seconds between the stop of a job and the start of the job that preempted it, at most."""
_CROSS: Final = "cross-share"
_IN_SHARE: Final = "in-share"


def read_preemption(job: QueuedJob, detail: Mapping[str, Any], holding: Sequence[QueuedJob]) -> Preemption | None:
    """Return the preemptions of a job, or None if it was never preempted.

    Args:
        job: Job.
        detail: Response of DescribeServiceJob.
        holding: Jobs of the queue that hold capacity.
    """
    summary = detail.get("preemptionSummary") or {}
    count = int(summary.get("preemptedAttemptCount") or 0)
    if not count:
        return None
    attempts = sorted(summary.get("recentPreemptedAttempts") or [], key=_stop)
    latest = attempts[-1] if attempts else {}
    start, stop = latest.get("startedAt"), latest.get("stoppedAt")
    lost = None if start is None or stop is None else max(0.0, (stop - start) / 1000)
    at = None if stop is None else stop / 1000
    reason = str(latest.get("statusReason") or "")
    return Preemption(
        count=count,
        at=at,
        reason=reason,
        by=_by(job, at, reason, holding),
        lost_seconds=lost,
        lost=_lost(job, lost, has_checkpoint=bool((payload_of(detail).get("CheckpointConfig") or {}).get("S3Uri"))),
        back=_back(job, at, attempts),
    )


def _stop(attempt: Mapping[str, Any]) -> int:
    return int(attempt.get("stoppedAt") or 0)


def _by(job: QueuedJob, at: float | None, reason: str, holding: Sequence[QueuedJob]) -> str:
    """Return the holder of the same unit that started soonest after the stop, of the share that the reason allows."""
    if at is None:
        return ""
    kind = reason.casefold()
    found = [
        (abs(other.since - at), other)
        for other in holding
        if other.id != job.id
        and other.unit == job.unit
        and other.since is not None
        and -1 <= other.since - at <= _NEAR
        and not (_CROSS in kind and other.share == job.share)
        and not (_IN_SHARE in kind and other.share != job.share)
    ]
    if not found:
        return ""
    other = min(found, key=lambda each: (each[0], each[1].created))[1]
    return f"{other.name} of share {other.share}"


def _lost(job: QueuedJob, seconds: float | None, *, has_checkpoint: bool) -> str:
    if seconds is None:
        return "nothing: the attempt had not started its work"
    spent = f"{duration(seconds)} on {capacity(job.amount, job.unit)}"
    if has_checkpoint:
        return f"the work since its last checkpoint, at most {spent}"
    return f"{spent}: the job has no CheckpointConfig, so that the next attempt starts from the beginning"


def _back(job: QueuedJob, at: float | None, attempts: Sequence[Mapping[str, Any]]) -> str:
    if at is not None and job.scheduled is not None and job.scheduled > at:
        return f"back after {duration(job.scheduled - at)}"
    waits = [
        (later["startedAt"] - earlier["stoppedAt"]) / 1000
        for earlier, later in pairwise(attempts)
        if later.get("startedAt") and earlier.get("stoppedAt")
    ]
    if not waits:
        return ""
    return f"about {duration(median(waits))} after the stop, the median of its {len(waits)} earlier returns"
