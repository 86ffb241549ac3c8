"""Checks of jobs that wait and run: the front and the use of a queue, and a disabled queue."""

from collections.abc import Iterable
from typing import Any, Final

from fairlane_client.verify.findings import Findings, Unsettled
from fairlane_client.verify.jobs import Jobs

_QUEUE: Final = "FairShareQueue"
_START_SECONDS: Final = 15 * 60
_SNAPSHOT_SECONDS: Final = 5 * 60
_VCPUS: Final = 2.0
_STARTED: Final = ("RUNNING", "SUCCEEDED")


def check_lifecycle(jobs: Jobs, findings: Findings) -> None:
    """Run two jobs one after the other, and settle what the snapshot of their queue shows meanwhile."""
    with findings.check("same-priority", "snapshot-front", "snapshot-usage", "disabled-queue"):
        first = jobs.submit(_QUEUE, shareIdentifier="team-a", schedulingPriorityOverride=1)
        others = [
            jobs.submit(_QUEUE, shareIdentifier="team-b", schedulingPriorityOverride=priority) for priority in (1, 1, 5)
        ]
        with findings.check("same-priority", "snapshot-front"):
            _check_front(jobs, findings, [job["jobId"] for job in others])
        for job in others[:2]:
            jobs.terminate(job["jobId"])
        pair = (first, others[2])  # the shares have used nothing, so either can be the first
        jobs.wait(lambda: any(jobs.status(job) in _STARTED for job in pair), "no job was RUNNING", _START_SECONDS)
        with findings.check("snapshot-usage"):
            _check_usage(jobs, findings)
        _check_disabled_queue(jobs, findings, pair)


def _check_front(jobs: Jobs, findings: Findings, waiting: list[str]) -> None:
    front: list[dict[str, Any]] = []

    def is_complete() -> bool:
        front[:] = _snapshot(jobs).get("frontOfQueue", {}).get("jobs", [])
        return {*waiting} <= {*_ids(front)}

    jobs.wait(is_complete, "the snapshot did not show the three jobs that wait", _SNAPSHOT_SECONDS)
    names = {waiting[0]: "first", waiting[1]: "second", waiting[2]: "higher priority"}
    order = [names[job] for job in _ids(front) if job in names]
    findings.settle("same-priority", order == ["higher priority", "first", "second"], ", ".join(order))
    members = sorted({member for job in front for member in job})
    findings.settle("snapshot-front", members == ["earliestTimeAtPosition", "jobArn"], ", ".join(members))


def _check_usage(jobs: Jobs, findings: Findings) -> None:
    use: dict[str, Any] = {}

    def is_in_use() -> bool:
        use.clear()
        use.update(_snapshot(jobs).get("queueUtilization", {}))
        return bool(use.get("totalCapacityUsage"))

    jobs.wait(is_in_use, "the snapshot showed no use", _SNAPSHOT_SECONDS)
    total = use["totalCapacityUsage"]
    shares = use.get("fairshareUtilization", {}).get("topCapacityUtilization", [])
    expected = [{"capacityUnit": "VCPU", "quantity": _VCPUS}]
    holds = total == expected and [share.get("capacityUsage") for share in shares] == [expected]
    findings.settle("snapshot-usage", holds, f"total {total}, shares {shares}")


def _check_disabled_queue(jobs: Jobs, findings: Findings, pair: Iterable[dict[str, str]]) -> None:
    waiting = next((job for job in pair if jobs.status(job) == "RUNNABLE"), None)
    if waiting is None:
        raise Unsettled("no job waited when the queue was to be disabled")
    jobs.batch.update_job_queue(jobQueue=jobs.queue(_QUEUE), state="DISABLED")
    for _ in jobs.polls(_START_SECONDS):
        if (status := jobs.status(waiting)) in ("SUCCEEDED", "FAILED"):
            break
    if status == "FAILED":
        raise Unsettled("the job that waited failed")
    findings.settle("disabled-queue", status in _STARTED, f"the job that waited is {status}")


def _snapshot(jobs: Jobs) -> dict[str, Any]:
    snapshot: dict[str, Any] = jobs.batch.get_job_queue_snapshot(jobQueue=jobs.queue(_QUEUE))
    return snapshot


def _ids(front: list[dict[str, Any]]) -> list[str]:
    return [job["jobArn"].rpartition("/")[2] for job in front]
