"""Client of AWS Batch with any number of queues and waiting jobs, in one process."""

from typing import Any, Final

from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls
from fairlane_client.top.reading import TopReader
from tests.fairlane_client.faults import client_error

NOW: Final = 1_793_527_100.0
P4, P5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"
_ARN = "arn:aws:batch:us-east-1:111122223333"
_KINDS = ("quota", "fair", "gpu", "fifo")
_REASON = "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED - the job needs more than its share can use"


class FakeBatch:
    """Client whose queues are of four kinds, in turn: quota management, fair share, containers with fair share, FIFO.

    Attributes:
        requests: Operations that were called.
        denied: Operations that are denied.
        throttled: Operations that are throttled.
        waiting: Number of waiting jobs of each queue.
        snapshot: What all snapshots say instead of their own answer.
        clock: Milliseconds that the clock of AWS is ahead of `NOW`.
        reason: Status reason of the job at the head of a queue with quota management.
    """

    def __init__(self, queues: int = 4, waiting: int = 7) -> None:
        self.requests: list[str] = []
        self.denied: set[str] = set()
        self.throttled: set[str] = set()
        self.waiting = waiting
        self.snapshot: dict[str, Any] | None = None
        self.ahead = 0
        self.reason = _REASON
        self.names = [f"{_KINDS[index % 4]}-{index:02}" for index in range(queues)]

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_"):
            raise AttributeError(operation)

        def call(**request: Any) -> dict[str, Any]:
            self.requests.append(operation)
            if operation in self.denied:
                raise client_error("AccessDeniedException", "not authorized", 403, operation)
            if operation in self.throttled:
                raise client_error("TooManyRequestsException", "slow down", 429, operation)
            answer: dict[str, Any] = getattr(self, f"_{operation}")(**request)
            return answer

        return call

    def _describe_job_queues(self) -> dict[str, Any]:
        return {"jobQueues": [self._queue(name) for name in self.names]}

    def _queue(self, name: str) -> dict[str, Any]:
        kind = name.partition("-")[0]
        policy = {"schedulingPolicyArn": f"{_ARN}:scheduling-policy/{name}"} if kind != "fifo" else {}
        key = "computeEnvironment" if kind == "gpu" else "serviceEnvironment"
        return {
            "jobQueueName": name,
            "jobQueueArn": f"{_ARN}:job-queue/{name}",
            "state": "ENABLED",
            "jobQueueType": "ECS" if kind == "gpu" else "SAGEMAKER_TRAINING",
            f"{key}Order": [{"order": 1, key: f"{_ARN}:environment/{name}"}],
            **policy,
        }

    def _describe_scheduling_policies(self, arns: list[str]) -> dict[str, Any]:
        if "/quota" in arns[0]:
            return {"schedulingPolicies": [{"quotaSharePolicy": {"idleResourceAssignmentStrategy": "FIFO"}}]}
        shares = [{"shareIdentifier": name, "weightFactor": weight} for name, weight in (("vision", 1), ("team-*", 2))]
        return {"schedulingPolicies": [{"fairsharePolicy": {"shareDistribution": shares}}]}

    def _list_quota_shares(self, jobQueue: str) -> dict[str, Any]:  # noqa: N803
        return {
            "quotaShares": [_quota("ProdExp1", {P4: 24, P5: 8}), _quota("ProdExp2", {P4: 24}), _quota("Dev", {P4: 16})]
        }

    def _describe_service_environments(self, serviceEnvironments: list[str]) -> dict[str, Any]:  # noqa: N803
        (arn,) = serviceEnvironments
        limits = {P4: 64, P5: 8} if "/quota" in arn else {"NUM_INSTANCES": 64}
        return {
            "serviceEnvironments": [{"serviceEnvironmentArn": arn, "serviceEnvironmentName": "own", **_enabled(limits)}]
        }

    def _describe_compute_environments(self, computeEnvironments: list[str]) -> dict[str, Any]:  # noqa: N803
        (arn,) = computeEnvironments
        environment = {"computeEnvironmentArn": arn, "computeEnvironmentName": "own", "state": "ENABLED"}
        return {"computeEnvironments": [{**environment, "computeResources": {"maxvCpus": 12_288}}]}

    def _get_job_queue_snapshot(self, jobQueue: str) -> dict[str, Any]:  # noqa: N803
        if self.snapshot is not None:
            return self.snapshot
        kind = jobQueue.partition("-")[0]
        front = [{"jobArn": f"{_ARN}:job/{_job_id(index)}"} for index in range(min(100, self.waiting))]
        total, shares = {
            "quota": (
                [_use(P4, 48), _use(P5, 3)],
                [("ProdExp1", [_use(P4, 36), _use(P5, 3)]), ("Dev", [_use(P4, 12)])],
            ),
            "fair": (
                [_use(P4, 58)],
                [("vision", [_use(P4, 28)]), ("team-a", [_use(P4, 20)]), ("team-b", [_use(P5, 10)])],
            ),
            "gpu": ([_use("cpu", 9000)], [("vision", [_use("cpu", 8000)]), ("guest", [_use("cpu", 1000)])]),
            "fifo": ([_use(P4, 60)], []),
        }[kind]
        key, name = (
            ("quotaShareUtilization", "quotaShareName")
            if kind == "quota"
            else ("fairshareUtilization", "shareIdentifier")
        )
        top = [{name: share, "capacityUsage": usage} for share, usage in shares]
        return {
            "frontOfQueue": {"jobs": front},
            "queueUtilization": {
                "totalCapacityUsage": total,
                "lastUpdatedAt": NOW * 1000 + self.ahead,
                key: {"topCapacityUtilization": top},
            },
            **({"frontOfQuotaShares": {"quotaShares": {"ProdExp1": front[:1]}}} if kind == "quota" else {}),
        }

    def _list_service_jobs(self, **request: Any) -> dict[str, Any]:
        return self._page(request["jobQueue"], request["jobStatus"], request["maxResults"], request.get("nextToken"))

    def _list_jobs(self, **request: Any) -> dict[str, Any]:
        return self._list_service_jobs(**request)

    def _describe_service_job(self, jobId: str) -> dict[str, Any]:  # noqa: N803
        return self._job("quota", int(jobId.rpartition("-")[2]), "RUNNABLE") | {
            "jobQueue": f"{_ARN}:job-queue/quota-00"
        }

    def _describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        found = [self._job("gpu", int(job.rpartition("-")[2]), "RUNNABLE") for job in jobs]
        return {"jobs": [job | {"jobQueue": f"{_ARN}:job-queue/gpu-02"} for job in found]}

    def _page(self, queue: str, status: str, size: int, token: str | None) -> dict[str, Any]:
        start = int(token or 0)
        number = {"RUNNABLE": self.waiting, "RUNNING": 3}.get(status, 0)
        # The newest jobs come first: of many jobs, the head of the queue is on the last page.
        indexes = [*reversed(range(number))][start : start + size]
        jobs = [self._job(queue.partition("-")[0], index, status) for index in indexes]
        more = {"nextToken": str(start + size)} if start + size < number else {}
        return {"jobSummaryList": jobs, **more}

    def _job(self, kind: str, index: int, status: str) -> dict[str, Any]:
        share = {
            "quota": {"quotaShareName": ("ProdExp1", "Dev")[index % 2]},
            "fair": {"shareIdentifier": ("vision", "team-a", "team-b")[index % 3]},
            "gpu": {"shareIdentifier": "vision"},
            "fifo": {},
        }[kind]
        created = int((NOW - 11_520 + index) * 1000) + self.ahead
        running = {"scheduledAt": created + 60_000, "startedAt": created + 90_000} if status == "RUNNING" else {}
        return {
            "jobId": _job_id(index + 10**6 if running else index),
            "jobName": f"pretrain-{index}",
            "status": status,
            "createdAt": created,
            "capacityUsage": [_use("VCPU" if kind == "gpu" else P4, 4)],
            **({"statusReason": self.reason} if index == 0 and kind == "quota" and not running else {}),
            **share,
            **running,
        }


def reader(batch: FakeBatch, *names: str, now: float = NOW, sleeps: list[float] | None = None) -> TopReader:
    """Return a reader of a fake account, with a clock that stands."""
    clock = Clock(lambda: now, (sleeps if sleeps is not None else []).append)
    return TopReader(Calls(batch, clock), names, clock)


def _job_id(index: int) -> str:
    return f"0f6c2a51-7d1e-4b0a-9c55-{index:012}"


def _use(unit: str, quantity: float) -> dict[str, Any]:
    return {"capacityUnit": unit, "quantity": float(quantity)}


def _enabled(limits: dict[str, int]) -> dict[str, Any]:
    found = [{"capacityUnit": unit, "maxCapacity": number} for unit, number in limits.items()]
    return {"state": "ENABLED", "capacityLimits": found}


def _quota(name: str, limits: dict[str, int]) -> dict[str, Any]:
    sharing = {"strategy": "LEND_AND_BORROW", "borrowLimit": 50}
    preemption = {"inSharePreemption": "DISABLED"}
    return {
        "quotaShareName": name,
        **_enabled(limits),
        "resourceSharingConfiguration": sharing,
        "preemptionConfiguration": preemption,
    }
