"""Objects of Kueue in the Kubernetes API, as values of the model of Kueue."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from fairlane.scheduler.kueue import ClusterQueue, FlavorResource, PreemptionPolicy, QueueingStrategy
from fairlane_local.kubernetes.amounts import read_one
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kinds import Kind, kind_at

KUEUE: Final = "kueue.x-k8s.io/v1beta2"
_THOUSANDTHS: Final = ("cpu",)


def served(api_version: str, plural: str) -> Kind:
    """Return a kind that the Kubernetes API serves."""
    kind = kind_at(api_version, plural)
    assert kind is not None, plural
    return kind


CLUSTER_QUEUE: Final = served(KUEUE, "clusterqueues")
LOCAL_QUEUE: Final = served(KUEUE, "localqueues")
WORKLOAD: Final = served(KUEUE, "workloads")
WORKLOAD_CLASS: Final = served(KUEUE, "workloadpriorityclasses")
POD_CLASS: Final = served("scheduling.k8s.io/v1", "priorityclasses")


def units(resource: str, quantity: str | float) -> int:
    """Return a quantity in the whole units of the model: thousandths of a vCPU, bytes, or devices, rounded up."""
    factor = 1000 if resource in _THOUSANDTHS else 1
    return -int(-(read_one(quantity).value * factor) // 1)


def cluster_queues(api: KubernetesApi) -> list[ClusterQueue]:
    """Return the queues of a cluster."""
    return [_queue(item) for item in api.store.items(CLUSTER_QUEUE)]


def local_queue(api: KubernetesApi, namespace: str, name: str) -> Object | None:
    """Return a LocalQueue. None if it does not exist."""
    return api.store.find(LOCAL_QUEUE, namespace, name)


def _queue(item: Mapping[str, Any]) -> ClusterQueue:
    spec = item.get("spec") or {}
    nominal, borrowing, lending = {}, {}, {}
    for group in spec.get("resourceGroups") or ():
        for flavor in group.get("flavors") or ():
            for resource in flavor.get("resources") or ():
                key = FlavorResource(flavor["name"], resource["name"])
                nominal[key] = units(key.resource, resource.get("nominalQuota", 0))
                if "borrowingLimit" in resource:
                    borrowing[key] = units(key.resource, resource["borrowingLimit"])
                if "lendingLimit" in resource:
                    lending[key] = units(key.resource, resource["lendingLimit"])
    preemption = spec.get("preemption") or {}
    return ClusterQueue(
        queue_name=item["metadata"]["name"],
        cohort=spec.get("cohortName", ""),
        nominal=nominal,
        borrowing_limits=borrowing or None,
        lending_limits=lending or None,
        weight=Fraction(read_one((spec.get("fairSharing") or {}).get("weight", 1)).value),
        strategy=QueueingStrategy(spec.get("queueingStrategy", "BestEffortFIFO")),
        within_queue=PreemptionPolicy(preemption.get("withinClusterQueue", "Never")),
        reclaim_within_cohort=PreemptionPolicy(preemption.get("reclaimWithinCohort", "Never")),
    )
