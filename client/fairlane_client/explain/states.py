"""States of jobs that do not wait: since when, what they do, and how they ended."""

from collections.abc import Mapping
from typing import Any

from fairlane_client.explain.words import capacity, duration
from fairlane_client.queues.jobs import ENDED, QueuedJob
from fairlane_client.text import plural


def since(job: QueuedJob, detail: Mapping[str, Any]) -> tuple[float | None, bool]:
    """Return the time since which a job has had its state, and True if it follows from other times.

    AWS reports no time of the states RUNNABLE and STARTING: a job is RUNNABLE since its submission, or since the end of
    its latest attempt.
    """
    if job.state in ENDED:
        return job.stopped, False
    if job.state == "RUNNING":
        return job.started, False
    if job.state in ("SCHEDULED", "STARTING"):
        return job.scheduled, job.state == "STARTING"
    preempted = (detail.get("preemptionSummary") or {}).get("recentPreemptedAttempts") or []
    stops = [
        each["stoppedAt"] / 1000 for each in [*(detail.get("attempts") or []), *preempted] if each.get("stoppedAt")
    ]
    return max([job.created, *stops]), job.state != "SUBMITTED"


def state_text(job: QueuedJob, now: float) -> str:
    """Return what a job does that holds capacity."""
    held = capacity(job.amount, job.unit)
    if job.since is None:
        return f"the job has {held}"
    return f"the job does not wait: it has held {held} for {duration(now - job.since)}"


def end_text(job: QueuedJob, detail: Mapping[str, Any]) -> str:
    """Return how a job ended."""
    attempts = len(detail.get("attempts") or [])
    preempted = int((detail.get("preemptionSummary") or {}).get("preemptedAttemptCount") or 0)
    ran = "it never started"
    if job.started and job.stopped:
        ran = f"its last attempt ran {duration(job.stopped - job.started)}"
    parts = [f"the job has ended: {job.state}", ran, plural(attempts + preempted, "attempt")]
    if preempted:
        parts.append(f"{preempted} of them preempted")
    code = (detail.get("container") or {}).get("exitCode")
    if code is not None:
        parts.append(f"exit code {code}")
    if detail.get("isTerminated") or detail.get("isCancelled"):
        parts.append("terminated by a request" if detail.get("isTerminated") else "cancelled by a request")
    text = ", ".join(parts)
    return f"{text}. AWS gives the reason: {job.reason}" if job.reason else text
