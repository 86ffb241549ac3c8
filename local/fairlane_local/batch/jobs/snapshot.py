"""Front and utilization of queues, as GetJobQueueSnapshot describes them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

from fairlane_local.batch.jobs.job import RUNNABLE, Job, ServiceJob
from fairlane_local.batch.jobs.lifecycle import Lifecycle
from fairlane_local.batch.store import Batch, Record, Request, get

_FRONT: Final = 100
_TOP_SHARES: Final = 20
HOLDING: Final = ("SCHEDULED", "STARTING", "RUNNING")
"""Statuses of jobs that have capacity."""


class Snapshots:
    """Snapshots of the queues of one account and Region.

    Args:
        batch: Records of the account and Region.
        lifecycle: Lifecycle of all jobs.
    """

    def __init__(self, batch: Batch, lifecycle: Lifecycle) -> None:
        self._batch = batch
        self._lifecycle = lifecycle
        self._positions: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)

    def get_job_queue_snapshot(self, request: Request) -> Record:
        queue = get(self._batch.queues, request["jobQueue"])
        arn, now = queue["jobQueueArn"], self._batch.now()
        policy = self._batch.policies.get(queue.get("schedulingPolicyArn", ""), {})
        holding = self._lifecycle.jobs.of_queue(arn, HOLDING)
        utilization: Record = {"totalCapacityUsage": capacity_usage(holding), "lastUpdatedAt": now}
        snapshot: Record = {
            "frontOfQueue": {"jobs": self._front(arn, now, is_fifo=not policy), "lastUpdatedAt": now},
            "queueUtilization": utilization,
        }
        if "fairsharePolicy" in policy:
            utilization["fairshareUtilization"] = {
                "activeShareCount": len({job.share for job in holding}),
                "topCapacityUtilization": _top(holding, "shareIdentifier"),
            }
        if "quotaSharePolicy" in policy:
            utilization["quotaShareUtilization"] = {"topCapacityUtilization": _top(holding, "quotaShareName")}
            snapshot["frontOfQuotaShares"] = {"quotaShares": self._share_fronts(arn), "lastUpdatedAt": now}
        return snapshot

    def _front(self, queue: str, now: int, *, is_fifo: bool) -> list[Record]:
        """Return the first jobs, each with the time since which a snapshot has shown it at its position."""
        old, new = self._positions[queue], {}
        jobs = []
        for index, job in enumerate(self._first_jobs(queue, is_fifo=is_fifo)):
            position, since = old.get(job.id, (index, job.created))
            new[job.id] = (index, since if position == index else now)
            jobs.append({"jobArn": job.arn, "earliestTimeAtPosition": new[job.id][1]})
        self._positions[queue] = new
        return jobs

    def _first_jobs(self, queue: str, *, is_fifo: bool) -> list[Job]:
        """Return the first RUNNABLE jobs: by submission in a FIFO queue, otherwise in the order of the next pass.

        Jobs that wait for a consumable resource are RUNNABLE. In other queues than FIFO, they and the jobs above a
        limit follow the jobs that compete. Their place in AWS is unverified.
        """
        jobs = self._lifecycle.jobs.of_queue(queue, [RUNNABLE])[::-1]
        if not is_fifo:
            front = self._lifecycle.front(queue, _FRONT)
            positions = {job: position for position, job in enumerate(front)}
            jobs.sort(key=lambda job: positions.get(job, _FRONT))
        return jobs[:_FRONT]

    def _share_fronts(self, queue: str) -> dict[str, list[Record]]:
        fronts: dict[str, Job] = {}
        for job in self._lifecycle.jobs.of_queue(queue, [RUNNABLE]):
            first = fronts.get(job.share)
            if first is None or _rank(job) < _rank(first):
                fronts[job.share] = job
        return {share: [{"jobArn": job.arn, "earliestTimeAtPosition": job.created}] for share, job in fronts.items()}


def _rank(job: Job) -> tuple[int, int]:
    return -(job.priority or 0), job.number


def capacity_usage(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return the capacity of jobs by unit, as the Batch API describes it."""
    units: Counter[str] = Counter()
    for job in jobs:
        units[capacity_unit(job)] += job.units
    return [{"capacityUnit": unit, "quantity": float(number)} for unit, number in units.items()]


def _top(jobs: Iterable[Job], key: str) -> list[dict[str, Any]]:
    """Return the shares that use most capacity."""
    shares: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        shares[job.share].append(job)
    top = sorted(shares.items(), key=lambda item: (-sum(job.units for job in item[1]), item[0]))
    return [{key: share, "capacityUsage": capacity_usage(share_jobs)} for share, share_jobs in top[:_TOP_SHARES]]


def capacity_unit(job: Job) -> str:
    """Return the unit of a job's capacity."""
    return (job.instance_type or "NUM_INSTANCES") if isinstance(job, ServiceJob) else "VCPU"
