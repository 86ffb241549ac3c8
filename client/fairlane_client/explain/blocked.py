"""Reasons that hold whatever other jobs do: AWS's own, jobs that cannot fit, disabled capacity, dependencies."""

from collections.abc import Mapping
from typing import Any, Final

from fairlane.scheduling import QuotaManagement
from fairlane_client.explain.facts import Facts
from fairlane_client.explain.reasons import Reason, Verdict
from fairlane_client.explain.words import capacity, names
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.jobs import QueuedJob

_MISCONFIGURATION: Final = "MISCONFIGURATION:"
_ROLE: Final = "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"
_HINTS: Final = {
    "CAPACITY:": "AWS gets instances of this type, or the job uses another instance type, Region or training plan",
    _ROLE: "the service role of the compute environment gets the missing permissions",
}


def blocked_by_aws(facts: Facts, job: QueuedJob) -> Verdict | None:
    """Return the verdict on a job that AWS reports as blocked."""
    reason = job.blocked_reason
    if not reason:
        return None
    if (own := cannot_fit(facts, job)) is not None:
        return own._replace(text=f"{own.text}. AWS Batch reports: {reason}", inferred=False)
    starts = next((hint for start, hint in _HINTS.items() if reason.startswith(start)), "")
    if reason.startswith(_MISCONFIGURATION) and not reason.startswith(_ROLE):
        return Verdict(Reason.CANNOT_FIT, f"AWS Batch reports: {reason}", "", inferred=False)
    return Verdict(Reason.HEAD_BLOCKED, f"AWS Batch reports: {reason}", starts and f"when {starts}", inferred=False)


def cannot_fit(facts: Facts, job: QueuedJob) -> Verdict | None:
    """Return the verdict on a job that is larger than each environment, or than its share can be."""
    queue, policy = facts.queue, facts.queue.policy
    limits = facts.limits(job.unit, enabled_only=False)
    most = max(limits, default=0)
    need = capacity(job.amount, job.unit)
    if job.amount > most:
        place = f"the largest environment of queue {queue.name} has {capacity(most, job.unit)}"
        if len(limits) == 1:
            place = f"environment {queue.environments[0].name} has {capacity(most, job.unit)}"
        starts = f"after a change: at most {most:,} for the job, or a higher limit of the environment"
        return Verdict(Reason.CANNOT_FIT, f"the job needs {need}, and {place}", starts)
    if not isinstance(policy, QuotaManagement):
        return None
    units = {unit: sum(each.capacity.get(unit, 0) for each in queue.environments) for unit in queue.units}
    ceiling = int(policy.ceilings(units).get(job.share, {}).get(job.unit, 0))
    if job.amount <= ceiling:
        return None
    if job.share not in policy.share_names:
        text = f"queue {queue.name} has no quota share {job.share}; its shares: {names(policy.share_names)}"
        return Verdict(Reason.CANNOT_FIT, text, "after a change: the share is created, or the job is submitted again")
    text = f"the job needs {need}, and share {job.share} can own and borrow {ceiling:,} at most"
    starts = f"after a change: at most {ceiling:,} for the job, or a higher capacity or borrow limit of the share"
    return Verdict(Reason.CANNOT_FIT, text, starts)


def disabled(facts: Facts) -> Verdict | None:
    """Return the verdict on jobs of a queue of which all environments are disabled."""
    environments = facts.queue.environments
    if any(each.is_enabled for each in environments):
        return None
    listed = names([each.name for each in environments])
    text = f"no environment of queue {facts.queue.name} is enabled, so that no job starts: {listed}"
    return Verdict(Reason.DISABLED, text, f"when environment {listed} is enabled", inferred=False)


def not_runnable(calls: Calls, job: QueuedJob, detail: Mapping[str, Any]) -> Verdict:
    """Return the verdict on a job that is SUBMITTED or PENDING. Reads the jobs that it depends on, in one request.

    Raises:
        NotAllowed: If the caller may not read jobs.
    """
    ids = [*dict.fromkeys(each["jobId"] for each in detail.get("dependsOn") or [] if each.get("jobId"))]
    unended = []
    if ids:
        others = calls("describe_jobs", jobs=ids)["jobs"]
        unended = [f"{each['jobName']} ({each['status']})" for each in others if each["status"] != "SUCCEEDED"]
    if unended:
        text = f"the job depends on {names(unended)}"
        return Verdict(Reason.DEPENDENCY, text, "when all of these jobs succeed", inferred=False)
    if "index" in (detail.get("arrayProperties") or {}) and job.state == "PENDING":
        text = "the child of an array job depends on a child with a lower index, or of another array job"
        return Verdict(Reason.DEPENDENCY, text, "when that child succeeds")
    return Verdict(Reason.UNKNOWN, f"the job is {job.state}: AWS Batch has not put it into the order of the queue yet")
