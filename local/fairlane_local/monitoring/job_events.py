"""Events of AWS Batch, which nothing here sends by itself: whole, as AWS's own, of what jobs may have lived through."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SUCCEEDED: Final = "Essential container in task exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a job for containers lived through, and how it ended.

    Args:
        waited: how long it waited, in seconds.
        ran: how long each of its attempts ran, in seconds, one right after the other; none if it never ran.
        failure: what AWS says of a job that failed; None if it succeeded.
        container: what AWS says of its last container.
        exit_code: with which that one ended, if it ran.
    """

    waited: int
    ran: tuple[int, ...] = ()
    failure: str | None = None
    container: str | None = None
    exit_code: int | None = None


def ended(job: Mapping[str, Any], needs: list[dict[str, str]], share: str, life: Life) -> dict[str, Any]:
    """The event of a job's end, as an entry of PutEvents.

    Args:
        job: as DescribeJobs describes it; it ended when it says, and began as long before as it lived.
        needs: the resource requirements of its container.
        share: the share that it was submitted to.
        life: what it lived through.
    """
    reason = life.failure or _SUCCEEDED
    created = job["stoppedAt"] - 1000 * (life.waited + sum(life.ran))
    outcome: dict[str, Any] = {} if life.exit_code is None else {"exitCode": life.exit_code}
    outcome |= {"reason": life.container} if life.container else {}
    attempts: list[dict[str, Any]] = []
    started = created + 1000 * life.waited
    for seconds in life.ran or [None]:
        container = {"containerInstanceArn": "i", "taskArn": "t", "networkInterfaces": []}
        attempt: dict[str, Any] = {"container": container, "statusReason": reason}
        if seconds is not None:
            attempt |= {"startedAt": started, "stoppedAt": started + 1000 * seconds}
            started = attempt["stoppedAt"]
        attempts.append(attempt)
    attempts[-1]["container"] |= outcome
    whole = {name: value for name, value in job.items() if name not in {"startedAt", "attempts"}}
    detail = whole | {
        "status": "FAILED" if life.failure else "SUCCEEDED",
        "statusReason": reason,
        "shareIdentifier": share,
        "createdAt": created,
        "attempts": attempts,
        "container": {**job["container"], "resourceRequirements": needs, **outcome},
        "isCancelled": False,
        "isTerminated": False,
        **({"startedAt": attempts[-1]["startedAt"]} if life.ran else {}),
    }
    return _entry("Batch Job State Change", detail, [job["jobArn"]], job["stoppedAt"])


def blocked(job: Mapping[str, Any], share: str, reason: str) -> dict[str, Any]:
    """The event of a queue whose first job cannot start, as an entry of PutEvents.

    Args:
        job: the job, as DescribeJobs describes it.
        share: the share that it was submitted to.
        reason: what AWS says.
    """
    whole = {name: value for name, value in job.items() if name not in {"startedAt", "stoppedAt"}}
    detail = whole | {"status": "RUNNABLE", "statusReason": reason, "shareIdentifier": share, "attempts": []}
    return _entry("Batch Job Queue Blocked", detail, [job["jobArn"], job["jobQueue"]], job["createdAt"])


def _entry(kind: str, detail: Mapping[str, Any], resources: list[str], milliseconds: int) -> dict[str, Any]:
    return {
        "Source": "aws.batch",
        "DetailType": kind,
        "Resources": resources,
        "Detail": json.dumps(detail),
        "Time": milliseconds // 1000,
    }
