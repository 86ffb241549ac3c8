"""ResourceQuota admission, by the rules of Kubernetes' evaluators for pods, volume claims and counts of objects."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.amounts import Amount, Amounts
from fairlane_local.kubernetes.defaults import containers
from fairlane_local.kubernetes.kinds import Kind

_ONE: Final = amounts.read_one(1)
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_MUST_BE_STATED: Final = frozenset(
    {"cpu", "memory", *(f"{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory"))}
)
"""Quota keys that force each container to state an amount."""
_POD_KEYS: Final = frozenset(
    {"count/pods", "pods", *_COMPUTE, *(f"{part}.{name}" for part in ("requests", "limits") for name in _COMPUTE)}
)
_COUNTED: Final = frozenset({"configmaps", "persistentvolumeclaims", "resourcequotas", "secrets", "services"})
"""Plural names that are quota keys without `count/`."""
INTEGER_KEYS: Final = _COUNTED | {"pods", "replicationcontrollers", "services.loadbalancers", "services.nodeports"}
"""Quota keys without a domain that count objects."""
STANDARD_KEYS: Final = _POD_KEYS | INTEGER_KEYS | {"requests.storage"}
"""Quota keys without a domain. Kubernetes refuses others, except for huge pages."""
_REQUESTS: Final = "requests."
_ENDED: Final = ("Failed", "Succeeded")


def usage(kind: Kind, item: Mapping[str, Any]) -> Amounts:
    """Return the amounts by quota key that an object uses. A pod that has ended uses only `count/pods`."""
    used = {f"count/{kind.resource}": _ONE}
    if kind.is_custom:
        return used
    if kind.plural in _COUNTED:
        used[kind.plural] = _ONE
    match kind.kind:
        case "Pod" if (item.get("status") or {}).get("phase") not in _ENDED:
            used |= {"pods": _ONE} | _compute(
                amounts.pod_total(item["spec"], "requests"), amounts.pod_total(item["spec"], "limits")
            )
        case "PersistentVolumeClaim":
            requests = amounts.read((item["spec"].get("resources") or {}).get("requests"))
            used |= {f"{_REQUESTS}storage": requests.get("storage", Amount())}
        case "Service":
            if item["spec"]["type"] == "LoadBalancer":
                used["services.loadbalancers"] = _ONE
            if item["spec"]["type"] in ("LoadBalancer", "NodePort"):
                used["services.nodeports"] = amounts.read_one(len(item["spec"].get("ports", ())))
    return used


def counted_keys(kind: Kind, keys: Iterable[str]) -> set[str]:
    """Return those of the keys of a quota that count objects of a kind.

    Extended resources count only under `requests.`: `nvidia.com/gpu` caps nothing.
    """
    if kind.is_custom or kind.kind != "Pod":
        own = {f"count/{kind.resource}"} | (set() if kind.is_custom else {kind.plural} & _COUNTED)
        own |= {"requests.storage"} if kind.kind == "PersistentVolumeClaim" else set()
        own |= {"services.loadbalancers", "services.nodeports"} if kind.kind == "Service" else set()
        return own & set(keys)
    return {
        key
        for key in keys
        if key in _POD_KEYS
        or key.removeprefix(_REQUESTS).startswith("hugepages-")
        or (key.startswith(_REQUESTS) and is_extended(key.removeprefix(_REQUESTS)))
    }


def refusal(kind: Kind, item: Mapping[str, Any], quotas: Iterable[Mapping[str, Any]]) -> str | None:
    """Return why quotas refuse a new object, in Kubernetes' words, or None if they admit it.

    Args:
        kind: Kind of the object.
        item: Object with defaults.
        quotas: Quotas of the namespace, whose status is up to date.
    """
    interested = []
    for quota in quotas:
        keys = counted_keys(kind, quota["spec"].get("hard", {}))
        if not keys or not is_in_scope(kind, item, quota):
            continue
        missing = _missing(item, keys & _MUST_BE_STATED) if kind.kind == "Pod" and not kind.is_custom else ""
        if missing:
            return f"failed quota: {quota['metadata']['name']}: must specify {missing}"
        interested.append((quota, keys))
    requested = {name: amount for name, amount in usage(kind, item).items() if amount.value}
    for quota, keys in interested:
        own = amounts.only(requested, keys)
        used, hard = amounts.read(quota["status"]["used"]), amounts.read(quota["spec"]["hard"])
        exceeded = [name for name, amount in own.items() if (used[name] + amount).value > hard[name].value]
        if exceeded:
            parts = {"requested": own, "used": used, "limited": hard}
            listed = (f"{noun}: {_printed(amounts.only(values, exceeded))}" for noun, values in parts.items())
            return f"exceeded quota: {quota['metadata']['name']}, {', '.join(listed)}"
    return None


def is_in_scope(kind: Kind, item: Mapping[str, Any], quota: Mapping[str, Any]) -> bool:
    """Return True if a quota's scopes select an object. Scopes select pods only."""
    spec = quota["spec"]
    selectors: list[Mapping[str, Any]] = [
        *({"scopeName": name, "operator": "Exists"} for name in spec.get("scopes", ())),
        *(spec.get("scopeSelector") or {}).get("matchExpressions", ()),
    ]
    if not selectors:
        return True
    return kind.kind == "Pod" and all(_SCOPES[selector["scopeName"]](item["spec"], selector) for selector in selectors)


def is_extended(name: str) -> bool:
    """Return True for an extended resource, for example `nvidia.com/gpu`, and for a count such as `count/pods`."""
    return "/" in name and "kubernetes.io/" not in name


def _compute(requests: Mapping[str, Amount], limits: Mapping[str, Amount]) -> Amounts:
    used = {name: requests[name] for name in _COMPUTE if name in requests}
    used |= {f"requests.{name}": requests[name] for name in _COMPUTE if name in requests}
    used |= {f"limits.{name}": limits[name] for name in _COMPUTE if name in limits}
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            used |= {name: amount, f"{_REQUESTS}{name}": amount}
        elif is_extended(name):
            used[f"{_REQUESTS}{name}"] = amount
    return used


def _missing(pod: Mapping[str, Any], required: Collection[str]) -> str:
    without: dict[str, set[str]] = {}
    for _, container in containers(pod["spec"]):
        resources = container.get("resources") or {}
        stated = _compute(amounts.read(resources.get("requests")), amounts.read(resources.get("limits")))
        for key in set(required) - set(stated):
            without.setdefault(key, set()).add(container["name"])
    return "; ".join(f"{key} for: {','.join(sorted(names))}" for key, names in sorted(without.items()))


def _printed(values: Mapping[str, Amount]) -> str:
    return ",".join(f"{name}={text}" for name, text in amounts.written(values).items())


def _is_best_effort(spec: Mapping[str, Any]) -> bool:
    parts = (container.get("resources") or {} for _, container in containers(spec))
    return not any(name in _COMPUTE[:2] for part in parts for values in part.values() for name in values)


def _has_priority_class(spec: Mapping[str, Any], selector: Mapping[str, Any]) -> bool:
    name, values = spec.get("priorityClassName"), selector.get("values", ())
    match selector["operator"]:
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "Exists":
            return name is not None
        case _:
            return name is None


_Scope = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
_SCOPES: Final[Mapping[str, _Scope]] = {
    "BestEffort": lambda spec, selector: _is_best_effort(spec),
    "CrossNamespacePodAffinity": lambda spec, selector: "namespaces" in str(spec.get("affinity", "")),
    "NotBestEffort": lambda spec, selector: not _is_best_effort(spec),
    "NotTerminating": lambda spec, selector: spec.get("activeDeadlineSeconds") is None,
    "PriorityClass": _has_priority_class,
    "Terminating": lambda spec, selector: spec.get("activeDeadlineSeconds") is not None,
}
