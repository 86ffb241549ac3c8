"""Admission of new objects: namespaces, priority classes, limit ranges and quotas."""

from collections.abc import Iterable
from typing import Final

from fairlane.hyperpod.manifest_fields import QUEUE_NAME
from fairlane_local.kubernetes import amounts, limit_ranges, quotas
from fairlane_local.kubernetes.defaults import set_defaults
from fairlane_local.kubernetes.errors import Object, forbidden, not_found
from fairlane_local.kubernetes.kinds import Kind, kind_at, preferred_kinds
from fairlane_local.kubernetes.store import Store

FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Namespaces of a new cluster."""
_SYSTEM_CLASSES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_JOB: Final = "HyperPodPyTorchJob"
_GOVERNANCE: Final = "sagemaker.amazonaws.com/"
_TOLERATIONS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def _served(api_version: str, plural: str) -> Kind:
    kind = kind_at(api_version, plural)
    if kind is None:
        raise LookupError(f"{plural} of {api_version} has no schema")
    return kind


NAMESPACE: Final = _served("v1", "namespaces")
_QUOTA: Final = _served("v1", "resourcequotas")
_LIMIT_RANGE: Final = _served("v1", "limitranges")
_PRIORITY_CLASS: Final = _served("scheduling.k8s.io/v1", "priorityclasses")


def add_first_objects(store: Store) -> None:
    """Add the namespaces and priority classes of a new cluster."""
    for name in FIRST_NAMESPACES:
        item: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        set_defaults(NAMESPACE, item)
        store.add(NAMESPACE, item | {"status": {"phase": "Active"}})
    for name, value in _SYSTEM_CLASSES.items():
        metadata = {"apiVersion": _PRIORITY_CLASS.api_version, "kind": "PriorityClass", "metadata": {"name": name}}
        store.add(_PRIORITY_CLASS, metadata | {"value": value, "preemptionPolicy": "PreemptLowerPriority"})


def set_first_status(kind: Kind, item: Object) -> None:
    """Set the status of a new object. Clients cannot."""
    item.pop("status", None)
    phases = {"Namespace": "Active", "PersistentVolumeClaim": "Pending", "Pod": "Pending"}
    if not kind.is_custom and kind.kind in phases:
        item["status"] = {"phase": phases[kind.kind]}


def admit(store: Store, kind: Kind, item: Object) -> None:
    """Fill in the values of admission in a new object.

    Raises:
        KubernetesError: If the object is not admitted.
    """
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace", "")
    if not kind.namespaced:
        return
    home = store.find(NAMESPACE, "", namespace)
    if home is None:
        raise not_found(NAMESPACE, namespace)
    if home["status"]["phase"] == "Terminating":
        text = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(kind, name, text)
    if kind.is_custom:
        if kind.kind == _JOB:
            _require_queue(kind, item, home)
    elif kind.kind == "Pod":
        _admit_pod(store, kind, item)
    elif kind.kind == "PersistentVolumeClaim":
        for limit_range in store.items(_LIMIT_RANGE, namespace):
            _refuse(kind, name, limit_ranges.claim_mistakes(item, limit_range))
    refusal = quotas.refusal(kind, item, store.items(_QUOTA, namespace))
    if refusal is not None:
        raise forbidden(kind, name, refusal)


def _require_queue(kind: Kind, item: Object, namespace: Object) -> None:
    """Refuse a job without a queue in a namespace that task governance manages.

    Users report that the policy of a live cluster exempts the objects of the training operator: a job without the label
    then runs past its quota. Here it is refused.
    """
    labels = namespace["metadata"].get("labels", {})
    states = [labels.get(f"{_GOVERNANCE}{name}") for name in ("sagemaker-managed-queue", "activate-quota")]
    if states == ["true", "Enabled"] and not item["metadata"].get("labels", {}).get(QUEUE_NAME):
        text = f"task governance manages the namespace: the label {QUEUE_NAME} is required"
        raise forbidden(kind, item["metadata"]["name"], text)


def refresh_quotas(store: Store, namespace: str) -> None:
    """Update the status of the quotas of a namespace, or of all if it is empty."""
    for quota in store.items(_QUOTA, namespace):
        hard = quota["spec"].get("hard", {})
        keys = {kind.resource: quotas.counted_keys(kind, hard) for kind in preferred_kinds()}
        used = {key: amounts.Amount() for own in keys.values() for key in own}
        for kind, item in store.everything(quota["metadata"]["namespace"]):
            if keys[kind.resource] and quotas.is_in_scope(kind, item, quota):
                used = amounts.total([used, amounts.only(quotas.usage(kind, item), keys[kind.resource])])
        status = {"hard": hard, "used": amounts.written(used)}
        if quota.get("status") != status:
            store.put(_QUOTA, quota | {"status": status})


def _admit_pod(store: Store, kind: Kind, pod: Object) -> None:
    name, spec = pod["metadata"]["name"], pod["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATIONS:
        if not any(
            item.get("key") in (None, key) and item.get("effect") in (None, "NoExecute") for item in tolerations
        ):
            item = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            tolerations.append(item)
    _set_priority(store, kind, pod)
    ranges = store.items(_LIMIT_RANGE, pod["metadata"]["namespace"])
    limit_ranges.set_pod_defaults(pod, ranges)
    for limit_range in ranges:
        _refuse(kind, name, limit_ranges.pod_mistakes(pod, limit_range))


def _set_priority(store: Store, kind: Kind, pod: Object) -> None:
    spec, classes = pod["spec"], store.items(_PRIORITY_CLASS)
    name = spec.get("priorityClassName") or next(
        (item["metadata"]["name"] for item in classes if item.get("globalDefault")), None
    )
    if name is None:
        spec.setdefault("priority", 0)
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
        return
    found = next((item for item in classes if item["metadata"]["name"] == name), None)
    if found is None:
        raise forbidden(kind, pod["metadata"]["name"], f"no PriorityClass with name {name} was found")
    own = {"priorityClassName": name, "priority": found["value"], "preemptionPolicy": found["preemptionPolicy"]}
    for field in ("priority", "preemptionPolicy"):
        if spec.get(field, own[field]) != own[field]:
            text = "the integer value of priority" if field == "priority" else "the string value of PreemptionPolicy"
            cause = f"{text} ({spec[field]}) must not be provided in pod spec; priority admission controller computed"
            raise forbidden(kind, pod["metadata"]["name"], f"{cause} {own[field]} from the given PriorityClass name")
    spec |= own


def _refuse(kind: Kind, name: str, mistakes: Iterable[str]) -> None:
    listed = list(dict.fromkeys(mistakes))
    if listed:
        raise forbidden(kind, name, listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]")
