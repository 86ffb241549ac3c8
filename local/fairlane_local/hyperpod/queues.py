"""Kubernetes objects of task governance: the namespace and queues of a quota, and the classes of a schedule.

The names and labels of namespaces, queues and classes are those of HyperPod. The content of its queues is not public:
here they have the amounts of the quota, as in `fairlane.hyperpod.kueue_queues`. The local Kueue admits jobs by them.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from fairlane.hyperpod.kueue_queues import CLASS_SUFFIX, COHORT, queue_name
from fairlane.hyperpod.quantities import format_quantity
from fairlane.hyperpod.quota_amounts import quota_amounts
from fairlane.hyperpod.quota_table import DEFAULT_BORROW_LIMIT
from fairlane.hyperpod.team import QuotaResource
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kinds import Kind, kind_of

_KUEUE: Final = "kueue.x-k8s.io/v1beta2"
_LABELS: Final = "sagemaker.amazonaws.com/"
_DEFAULT_SHARING: Final = {"Strategy": "LendAndBorrow"}
_GIB: Final = 2**30


def team_namespace(team: str) -> str:
    """Return the namespace of a team."""
    return f"hyperpod-ns-{team}"


def quota_objects(quota: Mapping[str, Any]) -> list[Object]:
    """Return the objects of a quota in the order of their creation.

    Args:
        quota: Quota as DescribeComputeQuota returns it.
    """
    target = quota["ComputeQuotaTarget"]
    namespace = team_namespace(target["TeamName"])
    labels = {
        f"{_LABELS}activate-quota": quota.get("ActivationState", "Enabled"),
        f"{_LABELS}sagemaker-managed-queue": "true",
    }
    configuration = quota["ComputeQuotaConfig"]
    resources = configuration.get("ComputeQuotaResources", [])
    never = configuration.get("PreemptTeamTasks") == "Never"
    queue = _object(
        _KUEUE,
        "ClusterQueue",
        queue_name(target["TeamName"]),
        spec={
            "cohortName": COHORT,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceGroups": _resource_groups(configuration),
            "preemption": {
                "reclaimWithinCohort": "Any",
                "withinClusterQueue": "Never" if never else "LowerPriority",
            },
            "fairSharing": {"weight": str(target.get("FairShareWeight", 0))},
        },
    )
    local_queue = _object(
        _KUEUE, "LocalQueue", f"{namespace}-localqueue", spec={"clusterQueue": queue["metadata"]["name"]}
    )
    local_queue["metadata"]["namespace"] = namespace
    flavors = {resource["InstanceType"]: None for resource in resources}
    return [
        _object("v1", "Namespace", namespace) | {"metadata": {"name": namespace, "labels": labels}},
        *(
            _object(_KUEUE, "ResourceFlavor", name, spec={"nodeLabels": {"node.kubernetes.io/instance-type": name}})
            for name in flavors
        ),
        queue,
        local_queue,
    ]


def class_objects(schedule: Mapping[str, Any]) -> list[Object]:
    """Return the priority classes of a schedule.

    Args:
        schedule: Schedule as DescribeClusterSchedulerConfig returns it.
    """
    classes = schedule["SchedulerConfig"].get("PriorityClasses", [])
    return [
        _object(_KUEUE, "WorkloadPriorityClass", f"{each['Name']}{CLASS_SUFFIX}", value=each["Weight"])
        for each in classes
    ]


def replace(api: KubernetesApi, old: list[Object], new: list[Object]) -> None:
    """Create or update the new objects, and delete those of the old ones that are not among them.

    Flavors belong to all quotas and stay.

    Raises:
        KubernetesError: If the Kubernetes API refuses an object.
    """
    with api.store.lock:
        for item in new:
            kind, namespace, name = _key(item)
            current = api.store.find(kind, namespace, name)
            if current is None:
                api.create(kind, namespace, item)
            else:
                api.update(kind, namespace, name, current | item | {"metadata": current["metadata"] | item["metadata"]})
        kept = [_key(item) for item in new]
        for item in reversed(old):
            kind, namespace, name = _key(item)
            if kind.kind != "ResourceFlavor" and (kind, namespace, name) not in kept and api.store.find(*_key(item)):
                api.delete(kind, namespace, name)


def _resource_groups(configuration: Mapping[str, Any]) -> list[Object]:
    quotas = _amounts(configuration.get("ComputeQuotaResources", []))
    sharing = configuration.get("ResourceSharingConfig", _DEFAULT_SHARING)
    borrowed = _amounts(sharing.get("AbsoluteBorrowLimits", []))
    names = sorted({name for amounts in quotas.values() for name in amounts})
    flavors = []
    for instance_type, amounts in quotas.items():
        resources = []
        for name in names:
            nominal = amounts.get(name, Fraction(0))
            resource: Object = {"name": name, "nominalQuota": _quantity(name, nominal)}
            if sharing["Strategy"] == "DontLend":
                resource["lendingLimit"] = "0"
            limit = nominal * sharing.get("BorrowLimit", DEFAULT_BORROW_LIMIT) / 100
            if sharing["Strategy"] != "LendAndBorrow":
                limit = Fraction(0)
            elif borrowed:
                limit = borrowed.get(instance_type, {}).get(name, Fraction(0))
            resource["borrowingLimit"] = _quantity(name, limit)
            resources.append(resource)
        flavors.append({"name": instance_type, "resources": resources})
    return [{"coveredResources": names, "flavors": flavors}] if names else []


def _amounts(resources: list[Mapping[str, Any]]) -> dict[str, dict[str, Fraction]]:
    amounts: dict[str, dict[str, Fraction]] = {}
    for given in resources:
        partition = given.get("AcceleratorPartition", {})
        quota = QuotaResource(
            instance_type=given["InstanceType"],
            count=given.get("Count"),
            accelerators=given.get("Accelerators"),
            vcpus=given.get("VCpu"),
            memory_gib=given.get("MemoryInGiB"),
            partition=partition.get("Type"),
            partitions=partition.get("Count"),
        )
        own = amounts.setdefault(quota.instance_type, {})
        for name, amount in quota_amounts(quota).items():
            own[name] = own.get(name, Fraction(0)) + Fraction(str(amount))
    return amounts


def _quantity(name: str, amount: Fraction) -> str:
    return format_quantity(amount * _GIB, binary=True) if name == "memory" else format_quantity(amount)


def _object(api_version: str, kind: str, name: str, **members: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **members}


def _key(item: Object) -> tuple[Kind, str, str]:
    kind = kind_of(item)
    assert kind is not None
    return kind, item["metadata"].get("namespace", ""), item["metadata"]["name"]
