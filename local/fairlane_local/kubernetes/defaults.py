"""Values that the API server fills in, and the canonical form of objects."""

import base64
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final
from uuid import uuid4

from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kinds import Kind
from fairlane_local.kubernetes.patches import Schema, kind_schema, property_schema, resolved

_POD: Final[Object] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER: Final[Object] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_ROLLING: Final[Object] = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"}
_SPECS: Final[Mapping[str, Object]] = {
    "CronJob": {
        "concurrencyPolicy": "Allow",
        "failedJobsHistoryLimit": 1,
        "successfulJobsHistoryLimit": 3,
        "suspend": False,
    },
    "DaemonSet": {
        "revisionHistoryLimit": 10,
        "updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}, "type": "RollingUpdate"},
    },
    "Deployment": {
        "progressDeadlineSeconds": 600,
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "strategy": _ROLLING,
    },
    "Job": {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "manualSelector": False,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": False,
    },
    "Namespace": {"finalizers": ["kubernetes"]},
    "PersistentVolumeClaim": {"volumeMode": "Filesystem"},
    "ReplicaSet": {"replicas": 1},
    "Service": {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP"},
    "StatefulSet": {
        "podManagementPolicy": "OrderedReady",
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "updateStrategy": {"rollingUpdate": {"partition": 0}, "type": "RollingUpdate"},
    },
}
_OBJECTS: Final[Mapping[str, Object]] = {
    "PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "Secret": {"type": "Opaque"},
    "StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
}
_VOLUMES: Final[Mapping[str, Object]] = {
    "configMap": {"defaultMode": 420},
    "downwardAPI": {"defaultMode": 420},
    "hostPath": {"type": ""},
    "projected": {"defaultMode": 420},
    "secret": {"defaultMode": 420},
}
_POD_PATHS: Final = {
    "CronJob": "spec.jobTemplate.spec.template.spec",
    "Pod": "spec",
    "PodTemplate": "template.spec",
}
_RBAC: Final = "rbac.authorization.k8s.io"


def canonical(kind: Kind, item: Mapping[str, Any]) -> Object:
    """Return an object without null values and unknown fields, and with canonical quantities."""
    schema = kind_schema(kind)
    return _canonical(item, schema) if schema else _without_nulls(item)  # type: ignore[no-any-return]


def add_empty_specs(kind: Kind, item: Object) -> None:
    """Add the specifications that an object of a built-in kind leaves out. The API server reads them as empty."""
    has_spec = "spec" in kind_schema(kind).get("properties", {})
    found: Any = None if kind.is_custom else item
    for name in _POD_PATHS.get(kind.kind, "spec.template.spec").split("."):
        if not isinstance(found, dict):
            return
        if name == "spec" and found.get("spec") is None and (has_spec or found is not item):
            found["spec"] = {}
        found = found.get(name)


def set_defaults(kind: Kind, item: Object) -> None:
    """Fill in the values that the API server fills in for a built-in kind. Custom resources get none.

    Args:
        kind: Kind of the object.
        item: Object to change.
    """
    if kind.is_custom:
        return
    _fill(item, _OBJECTS.get(kind.kind, {}))
    if kind.kind in _SPECS:
        _fill(item.setdefault("spec", {}), _SPECS[kind.kind])
    pods = pod_spec(kind, item)
    if pods is not None:
        _set_pod_defaults(pods[1])
    match kind.kind:
        case "Namespace":
            item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = item["metadata"]["name"]
        case "LimitRange":
            for limit in item["spec"]["limits"]:
                _set_limit_defaults(limit)
        case "Job":
            _set_job_defaults(item)
        case "Secret":
            texts = item.pop("stringData", {})
            encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
            item["data"] = item.get("data", {}) | encoded
        case "Service":
            for port in item["spec"].get("ports", ()):
                _fill(port, {"protocol": "TCP", "targetPort": port["port"]})
        case "ClusterRoleBinding" | "RoleBinding":
            for subject in item.get("subjects", ()):
                if subject["kind"] != "ServiceAccount":
                    subject.setdefault("apiGroup", _RBAC)


def pod_spec(kind: Kind, item: Mapping[str, Any]) -> tuple[str, Object] | None:
    """Return the path and the specification of the pods of a built-in kind. None if the object has no pods."""
    path = _POD_PATHS.get(kind.kind, "spec.template.spec")
    found: Any = None if kind.is_custom else item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return (path, found) if isinstance(found, dict) and "containers" in found else None


def containers(spec: Mapping[str, Any]) -> list[tuple[str, Object]]:
    """Return the init containers and containers of a pod, each with `initContainers` or `containers`."""
    return [(name, item) for name in ("initContainers", "containers") for item in spec.get(name) or ()]


def _set_pod_defaults(spec: Object) -> None:
    _fill(spec, _POD)
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for _, container in containers(spec):
        _fill(container, _CONTAINER)
        image = str(container.get("image", ""))
        tag = image.rpartition("/")[2].partition(":")[2]
        fixed = "@" in image or tag not in ("", "latest")
        container.setdefault("imagePullPolicy", "IfNotPresent" if fixed else "Always")
        for port in container.get("ports", ()):
            port.setdefault("protocol", "TCP")
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("fieldRef")
            if reference is not None:
                reference.setdefault("apiVersion", "v1")
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = limits | container["resources"].get("requests", {})
    for volume in spec.get("volumes", ()):
        if len(volume) == 1:
            volume["emptyDir"] = {}
        for name, values in _VOLUMES.items():
            if name in volume:
                _fill(volume[name], values)


def _set_limit_defaults(limit: Object) -> None:
    if limit["type"] != "Container":
        return
    default = limit.get("max", {}) | limit.get("default", {})
    requests = limit.get("min", {}) | default | limit.get("defaultRequest", {})
    limit |= {name: value for name, value in (("default", default), ("defaultRequest", requests)) if value}


def _set_job_defaults(job: Object) -> None:
    """Set the selector of a new job, and its labels on the pods, by a unique ID."""
    spec, name = job["spec"], job["metadata"].get("name", "")
    if spec["parallelism"] == 1:
        spec.setdefault("completions", 1)
    if spec["manualSelector"] or "selector" in spec:
        return
    identifier = job["metadata"].setdefault("uid", str(uuid4()))
    own = {"batch.kubernetes.io/controller-uid": identifier}
    spec["selector"] = {"matchLabels": own}
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels |= own | {"batch.kubernetes.io/job-name": name, "controller-uid": identifier, "job-name": name}


def _fill(item: Object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        item.setdefault(name, deepcopy(value))


def _canonical(value: Any, schema: Schema) -> Any:
    found = resolved(schema)
    if found.get("type") == "quantity":
        return str(amounts.read_one(value))
    match value:
        case Mapping():
            known, others = found.get("properties", {}), found.get("additionalProperties", True)
            return {
                name: _canonical(inner, property_schema(found, name))
                for name, inner in value.items()
                if inner is not None and (others or name in known)
            }
        case list():
            return [_canonical(inner, found.get("items", {})) for inner in value]
        case _:
            return value


def _without_nulls(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
        case list():
            return [_without_nulls(inner) for inner in value]
        case _:
            return value
