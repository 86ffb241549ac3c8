"""Kubernetes objects of a team in the namespace that its quota creates, and objects that all teams share.

The ResourceQuota has keys with `requests.` only: Kubernetes counts extended resources, for example nvidia.com/gpu,
under no other key, and `limits.cpu` would refuse each container without limits. Imports no aws_cdk.

Sources: "Resource Quotas", "Limit Ranges" and "Using RBAC Authorization" in the Kubernetes documentation;
`pkg/quota/v1/evaluator/core/pods.go` and `pkg/apis/core/v1/defaults.go` of Kubernetes 1.34.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.hyperpod.quantities import format_quantity
from fairlane.hyperpod.team import Cap, ContainerDefaults, Team

EFA: Final = "vpc.amazonaws.com/efa"
"""Kubernetes resource of EFA interfaces."""
REQUESTS: Final = "requests."
"""Text in front of the name of a resource in a ResourceQuota."""
GIB: Final = 2**30
COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
"""Resources whose limit can be absent or above the request. All others require the request as limit."""

_RBAC: Final = "rbac.authorization.k8s.io"
_READER: Final = "fairlane-cluster-reader"
_READ: Final = ("get", "list", "watch")
_WRITE: Final = (*_READ, "create", "update", "patch", "delete")
_TEAM_RULES: Final = (
    ("sagemaker.amazonaws.com", ("hyperpodpytorchjobs",), _WRITE),
    ("kubeflow.org", ("pytorchjobs", "mpijobs"), _WRITE),
    ("batch", ("jobs",), _WRITE),
    ("", ("pods",), (*_READ, "create", "delete")),
    ("", ("pods/log",), ("get",)),
    ("", ("configmaps",), _WRITE),
    ("", ("events", "limitranges", "persistentvolumeclaims", "resourcequotas", "serviceaccounts"), _READ),
    ("kueue.x-k8s.io", ("localqueues", "workloads"), _READ),
)
_READER_RULES: Final = (
    ("", ("namespaces", "nodes"), _READ),
    ("kueue.x-k8s.io", ("clusterqueues", "resourceflavors", "topologies", "workloadpriorityclasses"), _READ),
    ("scheduling.k8s.io", ("priorityclasses",), _READ),
)
PART_PRIORITIES: Final = {"base": 100, "elastic": 0}
"""Priority of each PriorityClass for the parts of elastic jobs."""


def access_group(team: Team) -> str:
    """Return the Kubernetes group of a team's users, in their EKS access entries and in its role bindings."""
    return f"fairlane:{team.namespace}"


def cluster_objects() -> list[dict[str, Any]]:
    """Return the objects that all teams share: PriorityClasses for elastic jobs, and a role that reads queues.

    An elastic job whose two parts name the classes `base` and `elastic` loses the elastic part first. With
    `preemptionPolicy: Never`, only Kueue preempts, not also the scheduler of Kubernetes. The values are the ends of the
    scale of `PriorityClass.weight`, on the assumption that the priorities of HyperPod's Kueue classes are the weights.
    """
    priority_classes: list[dict[str, Any]] = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "Never",
            "description": f"Part of an elastic job that is preempted {'last' if value else 'first'}",
        }
        for name, value in PART_PRIORITIES.items()
    ]
    return [*priority_classes, _role("ClusterRole", {"name": _READER}, _READER_RULES)]


def team_objects(team: Team) -> list[dict[str, Any]]:
    """Return the objects of a team: ResourceQuota, LimitRange, and roles for its jobs. Never the namespace.

    Users can submit jobs, read their logs and see queues and limits. They cannot read Secrets, start processes in pods
    that run, or change the priority of a Workload.
    """
    objects = []
    if team.cap is not None:
        objects.append(_namespaced(team, "ResourceQuota", "fairlane-cap", {"hard": cap_requests(team.cap)}))
    if team.container_defaults is not None:
        limits = {"limits": [_container_limits(team.container_defaults)]}
        objects.append(_namespaced(team, "LimitRange", "fairlane-containers", limits))
    if team.roles:
        metadata = {"name": "fairlane-jobs", "namespace": team.namespace}
        objects.append(_role("Role", metadata, _TEAM_RULES))
        objects.append(_binding(team, "Role", metadata, "fairlane-jobs"))
        objects.append(_binding(team, "ClusterRole", {"name": f"fairlane-{team.namespace}"}, _READER))
    return objects


def cap_requests(cap: Cap) -> dict[str, str]:
    """Return the keys and amounts of a ResourceQuota, for example `{"requests.nvidia.com/gpu": "64"}`.

    Args:
        cap: Cap without mistakes. Instance types that are not in the catalog count nothing.
    """
    amounts: Counter[str] = Counter()
    memory = Fraction(0)
    for instance_type, count in (cap.instances or {}).items():
        if node := hyperpod_instance_types().get(instance_type):
            memory += Fraction(node.memory_gib) * count
            devices = {node.resource or "": node.accelerators * count, EFA: node.efa * count}
            amounts.update({"cpu": node.vcpus * count} | {name: amount for name, amount in devices.items() if amount})
    texts = {name: str(amount) for name, amount in amounts.items()}
    if memory:
        whole = memory.denominator == 1
        texts["memory"] = f"{memory}Gi" if whole else format_quantity(memory * GIB, binary=True)
    texts |= {str(key).removeprefix(REQUESTS): str(amount) for key, amount in (cap.requests or {}).items()}
    return {f"{REQUESTS}{name}": texts[name] for name in sorted(texts, key=lambda name: ("/" in name, name))}


def is_extended(name: str) -> bool:
    """Return True if a resource is an extended resource, which a device plugin provides, for example a GPU."""
    return "/" in name and "kubernetes.io/" not in name


def _container_limits(defaults: ContainerDefaults) -> dict[str, Any]:
    """Return the item of a LimitRange.

    Kubernetes gives each container without a limit the maximum as its limit. The default of an extended resource is 0,
    because otherwise a container that requests no GPU would get the maximum of them.
    """
    none = {name: "0" for name in defaults.maximum or {} if is_extended(name) and name not in (defaults.limits or {})}
    parts = {
        "default": none | _texts(defaults.limits),
        "defaultRequest": none | _texts(defaults.requests),
        "max": _texts(defaults.maximum),
    }
    return {"type": "Container", **{name: amounts for name, amounts in parts.items() if amounts}}


def _texts(amounts: Mapping[str, str | int] | None) -> dict[str, str]:
    return {name: str(amount) for name, amount in (amounts or {}).items()}


def _namespaced(team: Team, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": team.namespace}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def _role(
    kind: str, metadata: Mapping[str, str], rules: Sequence[tuple[str, Sequence[str], Sequence[str]]]
) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": [
            {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in rules
        ],
    }


def _binding(team: Team, kind: str, metadata: Mapping[str, str], role: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": access_group(team)}],
    }
