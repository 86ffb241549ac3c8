"""Workload objects of Kueue: their specification, and the conditions that Kueue's controller sets."""

from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.hyperpod.training.events import record
from fairlane_local.hyperpod.training.kueue_objects import KUEUE, WORKLOAD
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object

_COMPONENT: Final = "kueue-admission"
RESERVED, ADMITTED, EVICTED, FINISHED = "QuotaReserved", "Admitted", "Evicted", "Finished"
_PREEMPTED: Final = "Preempted"
_QUEUED: Final = {
    "InClusterQueue": "prioritization in the ClusterQueue",
    "InCohortReclamation": "reclamation within the cohort",
    "InCohortFairSharing": "Fair Sharing within the cohort",
    "InCohortReclaimWhileBorrowing": "reclamation within the cohort while borrowing",
}


def workload_object(
    owner: Mapping[str, Any], name: str, queue: str, pod_sets: list[Object], priority: int, class_name: str | None
) -> Object:
    """Return the Workload of a job.

    Args:
        owner: Job, whose deletion deletes the Workload.
        name: Name of the Workload.
        queue: Name of the LocalQueue.
        pod_sets: Pods by part, with their templates.
        priority: Priority.
        class_name: WorkloadPriorityClass. None without.
    """
    reference = {"group": "kueue.x-k8s.io", "kind": "WorkloadPriorityClass", "name": class_name}
    return {
        "apiVersion": KUEUE,
        "kind": "Workload",
        "metadata": {"name": name, "ownerReferences": [owner_reference(owner)]},
        "spec": {
            "active": True,
            "podSets": pod_sets,
            "priority": priority,
            "queueName": queue,
            **({"priorityClassRef": reference} if class_name else {}),
        },
    }


def owner_reference(owner: Mapping[str, Any]) -> Object:
    """Return the reference to a job in the objects that it owns."""
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
    return reference | {"name": metadata["name"], "uid": metadata["uid"]}


def condition(item: Mapping[str, Any], name: str) -> Object | None:
    """Return a condition of an object. None if it was never set."""
    conditions = (item.get("status") or {}).get("conditions", ())
    return next((each for each in conditions if each["type"] == name), None)


def has_condition(item: Mapping[str, Any], name: str) -> bool:
    """Return True if a condition of an object is True."""
    found = condition(item, name)
    return found is not None and found["status"] == "True"


def with_condition(
    status: Mapping[str, Any], name: str, *, value: bool, reason: str, message: str, time: str
) -> Object:
    """Return a status with a condition, whose time changes with its value."""
    conditions = [dict(each) for each in status.get("conditions", ())]
    new = {"type": name, "status": str(value), "reason": reason, "message": message, "lastTransitionTime": time}
    for index, old in enumerate(conditions):
        if old["type"] == name:
            if old["status"] == new["status"]:
                new["lastTransitionTime"] = old["lastTransitionTime"]
            conditions[index] = new
            break
    else:
        conditions.append(new)
    return {**status, "conditions": conditions}


class Workloads:
    """Workload objects of a cluster.

    Args:
        api: API of the cluster.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def reserve(self, namespace: str, name: str, cluster_queue: str) -> None:
        """Note that a Workload is admitted to a queue."""
        text = f"Quota reserved in ClusterQueue {cluster_queue}"
        item = self._set(namespace, name, RESERVED, value=True, reason=RESERVED, message=text)
        if item is None:
            return
        self._set(namespace, name, EVICTED, value=False, reason=RESERVED, message=text, only_known=True)
        item = self._set(
            namespace, name, ADMITTED, value=True, reason=ADMITTED, message="The workload is admitted",
            admission={"clusterQueue": cluster_queue, "podSetAssignments": _assignments(item)},
        )  # fmt: skip
        assert item is not None
        record(self._api, _COMPONENT, item, ADMITTED, f"Admitted by ClusterQueue {cluster_queue}")

    def wait(self, namespace: str, name: str, message: str, *, reason: str = "Pending") -> None:
        """Note why a Workload waits."""
        item = self._set(namespace, name, RESERVED, value=False, reason=reason, message=message)
        if item is not None and reason != "Pending":
            record(self._api, _COMPONENT, item, reason, message, warning=True)

    def evict(self, namespace: str, name: str, cause: str, preemptor: str) -> None:
        """Note that a Workload is evicted by another one. It holds its quota until `release`."""
        text = f"Preempted to accommodate a workload ({preemptor}) due to {_QUEUED.get(cause, cause)}"
        item = self._set(namespace, name, EVICTED, value=True, reason=_PREEMPTED, message=text)
        self._set(namespace, name, _PREEMPTED, value=True, reason=cause, message=text)
        if item is not None:
            record(self._api, _COMPONENT, item, f"EvictedDueTo{_PREEMPTED}", text)

    def release(self, namespace: str, name: str) -> None:
        """Note that the pods of an evicted Workload have stopped."""
        text = "The pods of the workload have stopped"
        self._set(namespace, name, RESERVED, value=False, reason="Pending", message=text, admission=None)
        self._set(namespace, name, ADMITTED, value=False, reason="NoReservation", message=text, only_known=True)

    def finish(self, namespace: str, name: str, message: str, *, succeeded: bool) -> None:
        """Note that the job of a Workload has ended."""
        reason = "Succeeded" if succeeded else "Failed"
        self._set(namespace, name, FINISHED, value=True, reason=reason, message=message)

    def delete(self, namespace: str, name: str) -> None:
        """Delete a Workload, if it exists."""
        if self._api.store.find(WORKLOAD, namespace, name) is not None:
            self._api.delete(WORKLOAD, namespace, name)

    def _set(
        self, namespace: str, name: str, kind: str, *, value: bool, reason: str, message: str,
        only_known: bool = False, **members: Any,
    ) -> Object | None:  # fmt: skip
        """Set a condition and other members of the status, and return the Workload. None if it does not exist."""
        item = self._api.store.find(WORKLOAD, namespace, name)
        if item is None or (only_known and condition(item, kind) is None):
            return None
        status = {**(item.get("status") or {}), **members}
        status = {member: content for member, content in status.items() if content is not None}
        time = self._api.store.time()
        status = with_condition(status, kind, value=value, reason=reason, message=message, time=time)
        return self._api.update(WORKLOAD, namespace, name, {**item, "status": status}, None, "status")


def _assignments(item: Mapping[str, Any]) -> list[Object]:
    return [{"name": pod_set["name"], "count": pod_set["count"]} for pod_set in item["spec"]["podSets"]]
