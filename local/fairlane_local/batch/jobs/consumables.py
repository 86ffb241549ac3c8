"""Consumable resources that jobs wait for, hold and use up."""

from collections import Counter, defaultdict, deque
from typing import Final

from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.store import Batch

_REPLENISHABLE: Final = "REPLENISHABLE"


class Consumables:
    """Consumable resources of the jobs of one account and Region.

    A job competes for capacity only when all its resources are available. They are then reserved for it, so that jobs
    that wait for capacity never hold a resource in part. AWS Batch takes them when the job starts, and so do the
    quantities of the records. Among jobs whose resources are available, the job that was submitted first is next.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._waiting: dict[tuple[tuple[str, int], ...], deque[ContainerJob]] = defaultdict(deque)
        self._reserved: Counter[str] = Counter()
        self._has_started: dict[str, bool] = {}

    def wait(self, job: ContainerJob) -> None:
        """Make a job wait for its resources."""
        self._waiting[job.spec.needs].append(job)

    def next(self) -> ContainerJob | None:
        """Reserve the resources of the next job whose resources are available, and return it. None if there is none."""
        fronts = []
        for needs in list(self._waiting):
            jobs = self._waiting[needs]
            while jobs and jobs[0].has_ended:
                jobs.popleft()
            if not jobs:
                del self._waiting[needs]
            elif all(self._available(arn) >= quantity for arn, quantity in needs):
                fronts.append(jobs)
        if not fronts:
            return None
        job = min(fronts, key=lambda jobs: jobs[0].number).popleft()
        self._reserved.update(dict(job.spec.needs))
        self._has_started[job.id] = False
        return job

    def start(self, job: ContainerJob) -> None:
        """Take the resources of a job that starts its first attempt."""
        if self._has_started.get(job.id, True):
            return
        self._has_started[job.id] = True
        self._reserved.subtract(dict(job.spec.needs))
        for arn, quantity in job.spec.needs:
            if record := self._batch.consumable_resources.get(arn):
                if record["resourceType"] == _REPLENISHABLE:
                    record["inUseQuantity"] += quantity
                else:
                    record["totalQuantity"] -= quantity

    def end(self, job: ContainerJob) -> None:
        """Give back the resources of a job that has ended. Resources that are not replenishable are used up."""
        has_started = self._has_started.pop(job.id, None)
        if has_started is None:
            return
        if not has_started:
            self._reserved.subtract(dict(job.spec.needs))
            return
        for arn, quantity in job.spec.needs:
            record = self._batch.consumable_resources.get(arn)
            if record and record["resourceType"] == _REPLENISHABLE:
                record["inUseQuantity"] = max(0, record["inUseQuantity"] - quantity)

    def _available(self, arn: str) -> int:
        record = self._batch.consumable_resources.get(arn)
        if record is None:
            return 0
        return int(record["totalQuantity"]) - int(record["inUseQuantity"]) - self._reserved[arn]
