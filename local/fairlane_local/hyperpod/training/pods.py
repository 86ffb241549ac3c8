"""Pods of jobs: their objects, their nodes and their statuses."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane_local.hyperpod.training.events import record
from fairlane_local.hyperpod.training.job_specs import JOB, POD, JobSpec
from fairlane_local.hyperpod.training.kueue_objects import served
from fairlane_local.hyperpod.training.replicas import Status
from fairlane_local.hyperpod.training.workloads import owner_reference, with_condition
from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.amounts import Amount
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object

OPERATOR: Final = "hyperpod-training-operator"
_NODE: Final = served("v1", "nodes")
_PREFIX: Final = "sagemaker.amazonaws.com/"
_JOB_LABEL: Final = f"{_PREFIX}job-name"
_PART_LABEL: Final = f"{_PREFIX}replica-type"
_INDEX_LABEL: Final = f"{_PREFIX}replica-index"
_WORKLOAD: Final = f"{_PREFIX}workload"
"""Annotation: its value may be longer than a label."""
_ENDED: Final = ("Failed", "Succeeded")
_PHASES: Final = {
    Status.STARTING: "Pending",
    Status.COMPLETED: "Running",
    Status.ENDED: "Failed",
}


class Pods:
    """Pods of the jobs of a cluster.

    Args:
        api: API of the cluster.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def of_job(self, job: Mapping[str, Any]) -> list[Object]:
        """Return the pods of a job in the order of their indexes, without those whose index a user has removed."""
        namespace, uid = job["metadata"]["namespace"], job["metadata"]["uid"]
        found = self._api.store.items(POD, namespace, labels=f"{_JOB_LABEL}={job['metadata']['name']}")
        own = [pod for pod in found if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", ()))]
        return sorted(filter(_is_whole, own), key=pod_index)

    def create(self, job: Mapping[str, Any], spec: JobSpec, index: int, workload: str) -> Object | None:
        """Create a pod of a job. If Kubernetes refuses it, record an event of the job, and return None.

        Args:
            job: Job.
            spec: Specification of the job.
            index: Number of the replica, from 0.
            workload: Name of its Workload.
        """
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        replica = spec.replicas[index]
        template = replica.template
        metadata = template.get("metadata") or {}
        own = {_JOB_LABEL: name, _PART_LABEL: replica.part, _INDEX_LABEL: str(index)}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-pods-{index}",
                "labels": {**job["metadata"].get("labels", {}), **metadata.get("labels", {}), **own},
                "annotations": {**metadata.get("annotations", {}), _WORKLOAD: workload},
                "ownerReferences": [owner_reference(job)],
            },
            "spec": template["spec"],
        }
        try:
            return self._api.create(POD, namespace, pod)
        except KubernetesError as error:
            record(self._api, OPERATOR, job, "FailedCreate", f"Error creating: {error.message}", warning=True)
            return None

    def delete(self, pod: Mapping[str, Any]) -> None:
        """Delete a pod, if it still exists."""
        metadata = pod["metadata"]
        current = self._api.store.find(POD, metadata["namespace"], metadata["name"])
        if current is not None and current["metadata"]["uid"] == metadata["uid"]:
            self._api.delete(POD, metadata["namespace"], metadata["name"])

    def assign(self, pod: Mapping[str, Any]) -> bool:
        """Assign a pod to the first node with room for it. Return False, and say so in its status, if there is none."""
        if pod["spec"].get("nodeName"):
            return True
        nodes = [node for node in self._api.store.items(_NODE) if _is_allowed(pod["spec"], node)]
        requests = amounts.pod_total(pod["spec"], "requests") | {"pods": Amount(amounts.read_one(1).value)}
        used = self._used()
        for node in nodes:
            free = amounts.read((node.get("status") or {}).get("allocatable"))
            taken = used.get(node["metadata"]["name"], {})
            none = Amount()
            if all(
                free.get(name, none).value - taken.get(name, none).value >= amount.value
                for name, amount in requests.items()
            ):
                self._bind(pod, node["metadata"]["name"])
                return True
        text = f"0/{len(self._api.store.items(_NODE))} nodes are available: {len(nodes)} Insufficient resources."
        self._condition(pod, "PodScheduled", value=False, reason="Unschedulable", message=text)
        record(self._api, "default-scheduler", pod, "FailedScheduling", text, warning=True)
        return False

    def set_status(self, pod: Mapping[str, Any], status: Status, message: str = "") -> None:
        """Set the phase and the conditions of a pod by the status of its agent."""
        is_ready = status not in (Status.STARTING, Status.ENDED)
        new = {"phase": _PHASES.get(status, "Running")}
        if message:
            new |= {"message": message, "reason": "Error"}
        self._put(pod, new)
        self._condition(pod, "Ready", value=is_ready, reason="AgentReady" if is_ready else "AgentNotReady", message="")

    def finish(self, pod: Mapping[str, Any], *, succeeded: bool) -> None:
        """Set the phase of a pod whose job has ended."""
        self._put(pod, {"phase": "Succeeded" if succeeded else "Failed"})

    def _bind(self, pod: Mapping[str, Any], node: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        bound = self._api.store.get(POD, namespace, name)
        bound["spec"]["nodeName"] = node
        self._api.store.put(POD, bound)
        self._condition(bound, "PodScheduled", value=True, reason="Scheduled", message="")
        text = f"Successfully assigned {namespace}/{name} to {node}"
        record(self._api, "default-scheduler", bound, "Scheduled", text)

    def _condition(self, pod: Mapping[str, Any], name: str, *, value: bool, reason: str, message: str) -> None:
        metadata = pod["metadata"]
        current = self._api.store.find(POD, metadata["namespace"], metadata["name"])
        if current is not None:
            time = self._api.store.time()
            old = current.get("status") or {}
            self._put(current, with_condition(old, name, value=value, reason=reason, message=message, time=time))

    def _put(self, pod: Mapping[str, Any], members: Object) -> None:
        """Set members of the current status of a pod, if it still exists."""
        metadata = pod["metadata"]
        current = self._api.store.find(POD, metadata["namespace"], metadata["name"])
        if current is not None and current["metadata"]["uid"] == metadata["uid"]:
            new = {**current, "status": {**(current.get("status") or {}), **members}}
            self._api.update(POD, metadata["namespace"], metadata["name"], new, None, "status")

    def _used(self) -> dict[str, dict[str, Amount]]:
        used: dict[str, dict[str, Amount]] = {}
        for pod in self._api.store.items(POD):
            node = pod["spec"].get("nodeName")
            if node and pod["status"]["phase"] not in _ENDED:
                own = amounts.pod_total(pod["spec"], "requests") | {"pods": Amount(amounts.read_one(1).value)}
                used[node] = amounts.total([used.get(node, {}), own])
        return used


def _is_whole(pod: Mapping[str, Any]) -> bool:
    """Return True if a pod has the labels and the annotation that it was created with."""
    metadata = pod["metadata"]
    labels = metadata["labels"]
    is_annotated = _WORKLOAD in metadata.get("annotations", {})
    return is_annotated and _PART_LABEL in labels and str(labels.get(_INDEX_LABEL)).isdecimal()


def pod_index(pod: Mapping[str, Any]) -> int:
    """Return the number of the replica of a pod."""
    return int(pod["metadata"]["labels"][_INDEX_LABEL])


def workload_of(pod: Mapping[str, Any]) -> str:
    """Return the name of the Workload of a pod."""
    return str(pod["metadata"]["annotations"][_WORKLOAD])


def part_of(pod: Mapping[str, Any]) -> str:
    """Return the name of the replica specification of a pod."""
    return str(pod["metadata"]["labels"][_PART_LABEL])


def job_of(pod: Mapping[str, Any]) -> tuple[str, str]:
    """Return namespace and name of the job of a pod."""
    return pod["metadata"]["namespace"], pod["metadata"]["labels"].get(_JOB_LABEL, "")


def job_pods(api: KubernetesApi) -> Iterator[Object]:
    """Yield the pods of all jobs of a cluster."""
    for pod in api.store.items(POD, labels=_JOB_LABEL):
        if any(owner["kind"] == JOB.kind for owner in pod["metadata"].get("ownerReferences", ())):
            yield pod


def _is_allowed(spec: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Return True if the selector of a pod selects a node and its tolerations cover the taints of the node."""
    labels = node["metadata"].get("labels", {})
    if any(labels.get(name) != value for name, value in (spec.get("nodeSelector") or {}).items()):
        return False
    return all(
        taint.get("effect") == "PreferNoSchedule"
        or any(_tolerates(toleration, taint) for toleration in spec.get("tolerations") or ())
        for taint in (node.get("spec") or {}).get("taints") or ()
    )


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("key") not in (None, taint["key"]) or toleration.get("effect") not in (None, taint["effect"]):
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
