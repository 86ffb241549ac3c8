"""Complete AWS Batch events for sample jobs whose histories are longer than a demo."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SUCCEEDED: Final = "Essential container in task exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """Wait, attempts and result of one container job.

    Args:
        wait_seconds: Number of seconds from submission to the first attempt.
        attempt_seconds: Duration of each attempt in seconds, without pauses between attempts. Default: the job never
            ran.
        failure: Status reason of a failed job. Default: the job succeeded.
        container_reason: Reason that AWS Batch reports for the last container. Default: none.
        exit_code: Exit code of the last container. Default: none.
    """

    wait_seconds: int
    attempt_seconds: tuple[int, ...] = ()
    failure: str | None = None
    container_reason: str | None = None
    exit_code: int | None = None


def job_end_event(
    job: Mapping[str, Any], resource_requirements: list[dict[str, str]], share: str, history: JobHistory
) -> dict[str, Any]:
    """Return the event of a job's end as an entry of PutEvents.

    Args:
        job: Job as DescribeJobs describes it. Its `createdAt` is the end; `history` sets all earlier times.
        resource_requirements: Resource requirements of the container.
        share: Share identifier of the job.
        history: Wait, attempts and result of the job.
    """
    reason = history.failure or _SUCCEEDED
    ended = job["createdAt"]
    created = ended - 1000 * (history.wait_seconds + sum(history.attempt_seconds))
    outcome: dict[str, Any] = {} if history.exit_code is None else {"exitCode": history.exit_code}
    outcome |= {"reason": history.container_reason} if history.container_reason else {}
    attempts: list[dict[str, Any]] = []
    started = created + 1000 * history.wait_seconds
    for seconds in history.attempt_seconds or [None]:
        container = {"containerInstanceArn": "i", "taskArn": "t", "networkInterfaces": []}
        attempt: dict[str, Any] = {"container": container, "statusReason": reason}
        if seconds is not None:
            attempt |= {"startedAt": started, "stoppedAt": started + 1000 * seconds}
            started = attempt["stoppedAt"]
        attempts.append(attempt)
    attempts[-1]["container"] |= outcome
    fields = {name: value for name, value in job.items() if name not in {"startedAt", "attempts"}}
    detail = fields | {
        "status": "FAILED" if history.failure else "SUCCEEDED",
        "statusReason": reason,
        "shareIdentifier": share,
        "createdAt": created,
        "stoppedAt": ended,
        "attempts": attempts,
        "container": {**job["container"], "resourceRequirements": resource_requirements, **outcome},
        "isCancelled": False,
        "isTerminated": False,
        **({"startedAt": attempts[-1]["startedAt"]} if history.attempt_seconds else {}),
    }
    return _entry("Batch Job State Change", detail, [job["jobArn"]], ended)


def queue_blocked_event(job: Mapping[str, Any], share: str, reason: str) -> dict[str, Any]:
    """Return the event of a queue whose first job cannot start, as an entry of PutEvents.

    Args:
        job: First job of the queue, as DescribeJobs describes it.
        share: Share identifier of the job.
        reason: Status reason of the event.
    """
    fields = {name: value for name, value in job.items() if name not in {"startedAt", "stoppedAt"}}
    detail = fields | {"status": "RUNNABLE", "statusReason": reason, "shareIdentifier": share, "attempts": []}
    return _entry("Batch Job Queue Blocked", detail, [job["jobArn"], job["jobQueue"]], job["createdAt"])


def _entry(detail_type: str, detail: Mapping[str, Any], resources: list[str], milliseconds: int) -> dict[str, Any]:
    return {
        "Source": "aws.batch",
        "DetailType": detail_type,
        "Resources": resources,
        "Detail": json.dumps(detail),
        "Time": milliseconds // 1000,
    }
