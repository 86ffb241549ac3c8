"""Front and utilization of a queue, from GetJobQueueSnapshot. AWS leaves out what it does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Front and utilization of a queue.

    Args:
        front: Ids of the first 100 RUNNABLE jobs in the order of the queue.
        since: Time since which each of them has had its position, in seconds since 1970.
        share_fronts: Id of the first job of each quota share.
        in_use: Capacity in use, by unit.
        shares_in_use: Capacity in use of the top 20 shares, by unit.
        updated: Time of the utilization, in seconds since 1970. None if AWS does not report it. Default: None.
    """

    front: Sequence[str]
    since: Mapping[str, float]
    share_fronts: Mapping[str, str]
    in_use: Mapping[str, float]
    shares_in_use: Mapping[str, Mapping[str, float]]
    updated: float | None = None


def read_snapshot(calls: Calls, queue: Queue) -> Snapshot:
    """Read the snapshot of a queue, in one request.

    Raises:
        LookupError: If the queue does not exist.
        NotAllowed: If the caller may not read it.
    """
    answer = calls("get_job_queue_snapshot", jobQueue=queue.name)
    front = (answer.get("frontOfQueue") or {}).get("jobs") or []
    quota_shares = (answer.get("frontOfQuotaShares") or {}).get("quotaShares") or {}
    utilization = answer.get("queueUtilization") or {}
    shares = [
        (share[name], _units(share.get("capacityUsage")))
        for key, name in (("fairshareUtilization", "shareIdentifier"), ("quotaShareUtilization", "quotaShareName"))
        for share in (utilization.get(key) or {}).get("topCapacityUtilization") or []
    ]
    return Snapshot(
        front=[_id(job) for job in front],
        since={_id(job): job["earliestTimeAtPosition"] / 1000 for job in front if "earliestTimeAtPosition" in job},
        share_fronts={share: _id(jobs[0]) for share, jobs in quota_shares.items() if jobs},
        in_use=_units(utilization.get("totalCapacityUsage")),
        shares_in_use=dict(shares),
        updated=utilization["lastUpdatedAt"] / 1000 if "lastUpdatedAt" in utilization else None,
    )


def _id(job: Mapping[str, Any]) -> str:
    return str(job["jobArn"]).rsplit("/", 1)[-1]


def _units(usage: Sequence[Mapping[str, Any]] | None) -> dict[str, float]:
    return {item["capacityUnit"]: float(item["quantity"]) for item in usage or []}
