"""Tables that the API server prints for `kubectl get`: names, ages, and the columns of some kinds."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kinds import Kind

_Column = tuple[str, Callable[[Mapping[str, Any]], object]]

_DAY, _HOUR, _MINUTE = 86_400, 3600, 60


def _quota(prefixes: tuple[str, ...], *, limits: bool) -> Callable[[Mapping[str, Any]], str]:
    def text(quota: Mapping[str, Any]) -> str:
        hard, used = quota["spec"].get("hard", {}), quota.get("status", {}).get("used", {})
        keys = [key for key in sorted(hard) if key.startswith(prefixes) is limits]
        return ", ".join(f"{key}: {used.get(key, '0')}/{hard[key]}" for key in keys)

    return text


def _at(*path: str) -> Callable[[Mapping[str, Any]], object]:
    def text(item: Mapping[str, Any]) -> object:
        found: Any = item
        for name in path:
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return "<none>" if found == {} else found

    return text


def _condition(name: str) -> Callable[[Mapping[str, Any]], str]:
    def text(item: Mapping[str, Any]) -> str:
        conditions = (item.get("status") or {}).get("conditions", ())
        return next((each["status"] for each in conditions if each["type"] == name), "")

    return text


def _state(*names: str) -> Callable[[Mapping[str, Any]], str]:
    def text(item: Mapping[str, Any]) -> str:
        return next((name for name in names if _condition(name)(item) == "True"), "<none>")

    return text


def _replicas(job: Mapping[str, Any]) -> object:
    parts = (job.get("status") or {}).get("elasticScalingStatus", {}).get("targetReplicas")
    return sum(parts.values()) if parts else "<none>"


def _event_object(item: Mapping[str, Any]) -> str:
    return f"{item['involvedObject'].get('kind', '').lower()}/{item['involvedObject'].get('name', '')}"


def _first(members: Mapping[str, Any], *names: str) -> object:
    return next((members[name] for name in names if name in members), "<none>")


_COLUMNS: Final[Mapping[str, tuple[_Column, ...]]] = {
    "ClusterQueue": (("Cohort", lambda queue: _first(queue["spec"], "cohortName", "cohort")),),
    "Event": (
        ("Type", _at("type")),
        ("Reason", _at("reason")),
        ("Object", _event_object),
        ("Message", _at("message")),
    ),
    "HyperPodPyTorchJob": (
        ("Status", _state("Completed", "Failed", "Running", "Suspended", "Created")),
        ("Replicas", _replicas),
    ),
    "LocalQueue": (("ClusterQueue", _at("spec", "clusterQueue")),),
    "Namespace": (("Status", _at("status", "phase")),),
    "Pod": (("Status", _at("status", "phase")), ("Priority", _at("spec", "priorityClassName"))),
    "PriorityClass": (("Value", _at("value")), ("PreemptionPolicy", _at("preemptionPolicy"))),
    "ResourceQuota": (
        ("Request", _quota(("limits.",), limits=False)),
        ("Limit", _quota(("limits.",), limits=True)),
    ),
    "RoleBinding": (("Role", lambda item: f"{item['roleRef']['kind']}/{item['roleRef']['name']}"),),
    "Workload": (
        ("Queue", _at("spec", "queueName")),
        ("Reserved in", _at("status", "admission", "clusterQueue")),
        ("Admitted", _condition("Admitted")),
        ("Finished", _condition("Finished")),
    ),
    "WorkloadPriorityClass": (("Value", _at("value")),),
}
_PARTIAL: Final = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}


def table(kind: Kind, found: Object, now: str, *, whole: bool = False) -> Object:
    """Return an object, or a list of objects, as a Table.

    Args:
        kind: Kind of the objects.
        found: Object or list.
        now: Time as in timestamps, for the ages.
        whole: True to add the whole objects, which kubectl needs to sort. Default: their metadata.
    """
    columns = _COLUMNS.get(kind.kind, ())
    items = found["items"] if "items" in found and found["kind"] == f"{kind.kind}List" else [found]
    names = ("Name", *(name for name, _ in columns), "Age")
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": found["metadata"].get("resourceVersion", "")},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": name.lower() if name == "Name" else "", "priority": 0}
            for name in names
        ],
        "rows": [
            {
                "cells": [item["metadata"]["name"], *(cell(item) for _, cell in columns), _age(item, now)],
                "object": item if whole else _PARTIAL | {"metadata": item["metadata"]},
            }
            for item in items
        ],
    }


def _age(item: Mapping[str, Any], now: str) -> str:
    times = [datetime.fromisoformat(text) for text in (item["metadata"]["creationTimestamp"], now)]
    seconds = max(0, int((times[1] - times[0]).total_seconds()))
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= 2 * unit:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"
