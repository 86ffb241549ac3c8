"""Validation of objects: their schema, their names, and the rules of the API server that no schema states."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane.hyperpod.kubernetes_schema import object_mistakes
from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.defaults import containers, pod_spec
from fairlane_local.kubernetes.errors import Object, bad_request, invalid
from fairlane_local.kubernetes.kinds import Kind
from fairlane_local.kubernetes.quotas import INTEGER_KEYS, STANDARD_KEYS, is_extended

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_VALUE: Final = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_NAMES: Final = {
    63: (
        _LABEL,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        f"with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')",
    ),
    253: (
        _SUBDOMAIN,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        f"'{_SUBDOMAIN}')",
    ),
}
"""Form of a name and the text about it, by the largest number of characters."""
_LABEL_KINDS: Final = ("Namespace", "Service")
_FREE_NAMES: Final = "rbac.authorization.k8s.io"
_UNKNOWN: Final = ": unknown field"
_MISSING: Final = ": missing"
_HIGHEST_PRIORITY: Final = 1_000_000_000
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.selector", "spec.template", "spec.completionMode"),
    "PriorityClass": ("preemptionPolicy",),
    "ReplicaSet": ("spec.selector",),
    "Secret": ("type",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy"),
}
"""Fields that no update changes."""


def check_schema(kind: Kind, item: Mapping[str, Any], *, strict: bool) -> list[str]:
    """Return the unknown fields of an object, for warnings.

    Kubernetes refuses a value of a wrong type as a bad request, before it looks for other mistakes. Here it is one of
    the mistakes of an invalid object.

    Args:
        kind: Kind of the object.
        item: Object.
        strict: True to refuse unknown fields.

    Raises:
        KubernetesError: If the object does not fit the schema.
    """
    mistakes = object_mistakes(item)
    fields = [mistake.removesuffix(_UNKNOWN) for mistake in mistakes if mistake.endswith(_UNKNOWN)]
    unknown = [f'unknown field "{field}"' for field in fields]
    if unknown and strict:
        version = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise bad_request(f"{version}: strict decoding error: {', '.join(unknown)}")
    others = [_in_kubernetes_words(mistake) for mistake in mistakes if not mistake.endswith(_UNKNOWN)]
    if others:
        raise invalid(kind, str((item.get("metadata") or {}).get("name", "")), others)
    return unknown


def check_values(kind: Kind, item: Mapping[str, Any]) -> None:
    """Check the names, labels and values of an object with defaults.

    Raises:
        KubernetesError: If the API server would refuse the object.
    """
    mistakes = [*_name_mistakes(kind, item["metadata"]), *(() if kind.is_custom else _value_mistakes(kind, item))]
    if mistakes:
        raise invalid(kind, item["metadata"]["name"], mistakes)


def check_update(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that an update changes no field that is fixed.

    Raises:
        KubernetesError: If it does.
    """
    if kind.is_custom:
        return
    mistakes = [
        f"{path}: Invalid value: {json.dumps(_at(new, path))}: field is immutable"
        for path in _FIXED.get(kind.kind, ())
        if _at(old, path) != _at(new, path)
    ]
    match kind.kind:
        case "Pod" if _without_free_fields(old["spec"]) != _without_free_fields(new["spec"]):
            free = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`"
            rest = "`spec.tolerations` (only additions to existing tolerations)"
            mistakes.append(f"spec: Forbidden: pod updates may not change fields other than {free},{rest}")
        case "ClusterRoleBinding" | "RoleBinding" if old["roleRef"] != new["roleRef"]:
            mistakes.append(f"roleRef: Invalid value: {json.dumps(new['roleRef'])}: cannot change roleRef")
        case "PriorityClass" if old["value"] != new["value"]:
            mistakes.append("value: Forbidden: may not be changed in an update.")
        case "ConfigMap" | "Secret" if old.get("immutable") and old.get("data") != new.get("data"):
            mistakes.append("data: Forbidden: field is immutable when `immutable` is set")
    if mistakes:
        raise invalid(kind, old["metadata"]["name"], mistakes)


def _in_kubernetes_words(mistake: str) -> str:
    field, _, text = mistake.partition(": ")
    if mistake.endswith(_MISSING):
        return f"{field}: Required value"
    return f"{field}: Invalid value: {text.removeprefix('got ').replace(', allowed: ', ': must be ')}"


def _name_mistakes(kind: Kind, metadata: Mapping[str, Any]) -> Iterator[str]:
    name = metadata["name"]
    if kind.group == _FREE_NAMES:
        if "/" in name or "%" in name:
            yield f"metadata.name: Invalid value: \"{name}\": may not contain '/' or '%'"
    else:
        most = 63 if kind.kind in _LABEL_KINDS and not kind.is_custom else 253
        form, text = _NAMES[most]
        if len(name) > most:
            yield f'metadata.name: Invalid value: "{name}": must be no more than {most} characters'
        if not re.fullmatch(form, name):
            yield f'metadata.name: Invalid value: "{name}": {text}'
    for value in (metadata.get("labels") or {}).values():
        if len(value) > 63:
            yield f'metadata.labels: Invalid value: "{value}": must be no more than 63 bytes'
        elif not re.fullmatch(_LABEL_VALUE, value):
            text = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
            rest = "must start and end with an alphanumeric character"
            yield f'metadata.labels: Invalid value: "{value}": {text}{rest}'


def _value_mistakes(kind: Kind, item: Mapping[str, Any]) -> Iterator[str]:
    pods = pod_spec(kind, item)
    if pods is not None:
        yield from _container_mistakes(*pods)
    template = _at(item, "spec.template.metadata.labels") or {}
    selected = _at(item, "spec.selector.matchLabels") if kind.group in ("apps", "batch") else None
    if selected and not selected.items() <= template.items():
        shown = json.dumps(template)
        yield f"spec.template.metadata.labels: Invalid value: {shown}: `selector` does not match template `labels`"
    match kind.kind:
        case "Job" if item["spec"]["template"]["spec"]["restartPolicy"] == "Always":
            supported = 'supported values: "OnFailure", "Never"'
            yield f'spec.template.spec.restartPolicy: Unsupported value: "Always": {supported}'
        case "PriorityClass" if item["value"] > _HIGHEST_PRIORITY and not item["metadata"]["name"].startswith(
            "system-"
        ):
            yield f"value: Forbidden: maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        case "ResourceQuota":
            hard = amounts.read(item.get("spec", {}).get("hard"))
            for key, amount in hard.items():
                is_whole = key in INTEGER_KEYS or (is_extended(key) and not key.startswith("requests."))
                yield from _amount_mistakes(f"spec.hard[{key}]", amount, is_whole=is_whole)
                is_huge_page = key.removeprefix("requests.").startswith("hugepages-")
                if not ("/" in key or key in STANDARD_KEYS or is_huge_page):
                    yield f'spec.hard[{key}]: Invalid value: "{key}": must be a standard resource for quota'


def _container_mistakes(path: str, spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield from _resource_mistakes(f"{path}.{field}[{index}].resources", container.get("resources") or {})


def _resource_mistakes(path: str, resources: Mapping[str, Any]) -> Iterator[str]:
    requests, limits = (amounts.read(resources.get(member)) for member in ("requests", "limits"))
    for member, values in (("limits", limits), ("requests", requests)):
        for name, amount in values.items():
            yield from _amount_mistakes(f"{path}.{member}[{name}]", amount, is_whole=is_extended(name))
            if "/" not in name and name not in ("cpu", "memory", "ephemeral-storage") and "hugepages-" not in name:
                yield f'{path}.{member}[{name}]: Invalid value: "{name}": must be a standard resource for containers'
    for name, request in requests.items():
        text = f'{path}.requests: Invalid value: "{request}": must be'
        if name in limits and request.value > limits[name].value:
            yield f"{text} less than or equal to {name} limit of {limits[name]}"
        elif is_extended(name):
            if name not in limits:
                yield f"{path}.limits: Required value: Limit must be set for non overcommitable resources"
            elif request.value != limits[name].value:
                yield f"{text} equal to {name} limit of {limits[name]}"


def _amount_mistakes(path: str, amount: amounts.Amount, *, is_whole: bool) -> Iterator[str]:
    if amount.value < 0:
        yield f'{path}: Invalid value: "{amount}": must be greater than or equal to 0'
    elif is_whole and amount.value.denominator != 1:
        yield f'{path}: Invalid value: "{amount}": must be an integer'


def _without_free_fields(spec: Mapping[str, Any]) -> Object:
    fixed = {name: value for name, value in spec.items() if name not in ("activeDeadlineSeconds", "tolerations")}
    for field, container in containers(spec):
        fixed[field] = [*(item for item in fixed[field] if item is not container), {**container, "image": ""}]
    return fixed


def _at(item: Mapping[str, Any], path: str) -> Any:
    found: Any = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
