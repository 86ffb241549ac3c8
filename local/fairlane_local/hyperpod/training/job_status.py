"""Status of a HyperPodPyTorchJob: its conditions, replicas and size. AWS publishes the names of the fields only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fairlane.scheduler.kueue import Phase
from fairlane_local.hyperpod.training.events import record
from fairlane_local.hyperpod.training.job_specs import JOB
from fairlane_local.hyperpod.training.pods import OPERATOR, part_of
from fairlane_local.hyperpod.training.replicas import Status
from fairlane_local.hyperpod.training.running_job import RunningJob
from fairlane_local.hyperpod.training.workloads import condition, has_condition, with_condition
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object

_COMPLETED, _FAILED, _RUNNING, _SUSPENDED = "Completed", "Failed", "Running", "Suspended"


def has_ended(item: Mapping[str, Any]) -> bool:
    """Return True if a job is completed or has failed."""
    return has_condition(item, _COMPLETED) or has_condition(item, _FAILED)


def restarts(item: Mapping[str, Any]) -> int:
    """Return the number of restarts after failures."""
    return int((item.get("status") or {}).get("restartCount", 0))


class JobStatuses:
    """Statuses of the jobs of a cluster.

    Args:
        api: API of the cluster.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def create(self, item: Mapping[str, Any]) -> None:
        """Note that the operator has seen a job."""
        if condition(item, "Created") is None:
            self._put(
                item,
                {"restartCount": 0},
                "Created",
                value=True,
                reason="JobCreated",
                message="The operator has seen the job",
            )

    def fail(self, item: Mapping[str, Any], reason: str, message: str) -> None:
        """End a job that cannot run, or whose processes have failed too often."""
        self._end(item, _FAILED, reason, message)
        record(self._api, OPERATOR, item, reason, message, warning=True)

    def wait(self, item: Mapping[str, Any], reason: str, message: str) -> None:
        """Note why a job waits before it has a Workload."""
        self._put(item, {}, _SUSPENDED, value=True, reason=reason, message=message)

    def complete(self, item: Mapping[str, Any]) -> None:
        """End a job whose processes have all exited with 0."""
        message = "All processes have exited with 0"
        self._end(item, _COMPLETED, "JobCompleted", message)
        record(self._api, OPERATOR, item, _COMPLETED, message)

    def update(self, job: RunningJob, pods: Sequence[Mapping[str, Any]], statuses: Mapping[str, Status]) -> None:
        """Bring the status of a job up to date."""
        elastic = job.elastic
        running = [pod for pod in pods if statuses.get(pod["metadata"]["uid"]) is Status.RUNNING]
        ready = Counter(part_of(pod) for pod in pods if statuses.get(pod["metadata"]["uid"]) is not None)
        active = Counter(map(part_of, running))
        names = dict.fromkeys(replica.part for replica in job.spec.replicas)
        new: Object = {
            "restartCount": job.restarts,
            "replicaStatuses": {name: {"active": active[name], "ready": ready[name]} for name in names},
            "elasticWorkloadRef": {"name": elastic.workloads()[-1].split("/")[1]},
        }
        if running and elastic.phase is Phase.RUNNING:
            self._put(job.item, new, _SUSPENDED, value=False, reason="Admitted", message="")
            text = f"{len(running)} replicas run"
            self._put(job.item, new, _RUNNING, value=True, reason="JobRunning", message=text)
        elif elastic.phase is Phase.WAITING:
            self._put(job.item, new, _RUNNING, value=False, reason="Waiting", message="The first Workload waits")
            self._put(job.item, new, _SUSPENDED, value=True, reason="Waiting", message="The first Workload waits")
        else:
            self._put(job.item, new, _RUNNING, value=False, reason=str(elastic.phase).capitalize(), message="")

    def scale(self, item: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> None:
        """Note that the processes of a job start on pods."""
        now = self._api.store.time()
        replicas = dict(Counter(map(part_of, pods)))
        new: Object = {"elasticScalingStatus": {"targetReplicas": replicas, "lastScalingTime": now}}
        if "startTime" not in (item.get("status") or {}):
            new["startTime"] = now
        self._put(item, new)

    def _end(self, item: Mapping[str, Any], name: str, reason: str, message: str) -> None:
        current = self._find(item)
        if current is None:
            return
        old = (current.get("status") or {}).get("replicaStatuses", {})
        new: Object = {"completionTime": self._api.store.time(), "elasticWorkloadRef": {}}
        new["replicaStatuses"] = {part: {"active": 0, "ready": 0} for part in old}
        for state in (_RUNNING, _SUSPENDED):
            if has_condition(current, state):
                self._put(item, new, state, value=False, reason=reason, message=message)
        self._put(item, new, name, value=True, reason=reason, message=message)

    def _find(self, item: Mapping[str, Any]) -> Object | None:
        metadata = item["metadata"]
        current = self._api.store.find(JOB, metadata["namespace"], metadata["name"])
        return current if current is not None and current["metadata"]["uid"] == metadata["uid"] else None

    def _put(
        self, item: Mapping[str, Any], new: Mapping[str, Any], name: str = "", *,
        value: bool = False, reason: str = "", message: str = "",
    ) -> None:  # fmt: skip
        """Set members of the status of a job and, if it has a name, a condition."""
        metadata, current = item["metadata"], self._find(item)
        if current is None:
            return
        status = {**(current.get("status") or {}), **new}
        if name:
            time = self._api.store.time()
            status = with_condition(status, name, value=value, reason=reason, message=message, time=time)
        self._api.update(JOB, metadata["namespace"], metadata["name"], {**current, "status": status}, None, "status")
