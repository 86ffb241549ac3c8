"""Manifests that a stack applies in process, as the CDK's function for `Custom::AWSCDK-EKS-KubernetesResource` does.

The function runs kubectl. As with kubectl, an object that fails does not stop the others.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.api import KubernetesApi, Write
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.kinds import Kind, kind_of, preferred_kinds
from fairlane_local.kubernetes.patches import kind_schema, three_way_merge

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_DEFAULT_NAMESPACE: Final = "default"
_PRUNED: Final = frozenset(
    {
        *("configmaps", "endpoints", "namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "secrets"),
        *("services", "jobs.batch", "cronjobs.batch"),
        *("daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps"),
    }
)
"""Resources that `kubectl apply --prune` deletes. It skips quotas, limit ranges, permissions and custom resources."""


def apply_resource(api: KubernetesApi, request_type: str, properties: Mapping[str, Any]) -> None:
    """Create, update or delete the objects of a custom resource of the CDK.

    Args:
        api: API of the cluster that the property `ClusterName` names.
        request_type: `Create`, `Update` or `Delete`.
        properties: Properties `Manifest`, `PruneLabel`, `Overwrite` and `SkipValidation`.

    Raises:
        LocalAwsError: If an object is refused, with a line for each. A deletion never fails, as in the CDK.
    """
    manifests = json.loads(properties["Manifest"])
    strict = str(properties.get("SkipValidation", "false")).lower() != "true"
    if request_type == "Delete":
        delete(api, manifests)
    elif request_type == "Update" or str(properties.get("Overwrite", "false")).lower() == "true":
        apply(api, manifests, strict=strict, prune=properties.get("PruneLabel") if request_type == "Update" else None)
    else:
        create(api, manifests, strict=strict)


def create(api: KubernetesApi, manifests: Iterable[Object], *, strict: bool = True) -> None:
    """Create objects as `kubectl create --save-config` does.

    Args:
        api: API of the cluster.
        manifests: Manifests in order.
        strict: True to refuse unknown fields. Default: True.

    Raises:
        LocalAwsError: If an object is refused, with a line for each.
    """
    _for_each(manifests, lambda kind, manifest: _create(api, kind, manifest, strict))


def apply(api: KubernetesApi, manifests: Iterable[Object], *, strict: bool = True, prune: str | None = None) -> None:
    """Create or update objects as `kubectl apply` does: fields that a manifest no longer names are removed.

    Args:
        api: API of the cluster.
        manifests: Manifests in order.
        strict: True to refuse unknown fields. Default: True.
        prune: Label selector of objects to delete if they were applied and are in no manifest. Default: none.

    Raises:
        LocalAwsError: If an object is refused, with a line for each.
    """
    listed = list(manifests)
    _for_each(listed, lambda kind, manifest: _apply(api, kind, manifest, strict))
    if prune is not None:
        _prune(api, listed, prune)


def delete(api: KubernetesApi, manifests: Iterable[Object]) -> None:
    """Delete the objects of manifests. An object that does not exist, or that cannot be deleted, is no error."""
    for manifest in manifests:
        kind = kind_of(manifest)
        if kind is not None and (manifest.get("metadata") or {}).get("name"):
            with suppress(KubernetesError):
                api.delete(kind, _namespace(kind, manifest), manifest["metadata"]["name"])


def _for_each(manifests: Iterable[Object], change: Callable[[Kind, Object], None]) -> None:
    errors = []
    for manifest in manifests:
        kind = kind_of(manifest)
        if kind is None:
            version = f'kind "{manifest.get("kind")}" in version "{manifest.get("apiVersion")}"'
            errors.append(f"error: the local Kubernetes API does not serve the {version}")
            continue
        if not (manifest.get("metadata") or {}).get("name"):
            errors.append("error: resource name may not be empty")
            continue
        try:
            change(kind, manifest)
        except KubernetesError as error:
            errors.append(str(error))
    if errors:
        raise LocalAwsError("\n".join(errors))


def _create(api: KubernetesApi, kind: Kind, manifest: Object, strict: bool) -> None:
    api.create(kind, _namespace(kind, manifest), _saved(kind, manifest), Write(strict=strict))


def _apply(api: KubernetesApi, kind: Kind, manifest: Object, strict: bool) -> None:
    namespace, name = _namespace(kind, manifest), manifest["metadata"]["name"]
    modified = _saved(kind, manifest)
    with api.store.lock:
        current = api.store.find(kind, namespace, name)
        if current is None:
            api.create(kind, namespace, modified, Write(strict=strict))
            return
        original = json.loads(current["metadata"].get("annotations", {}).get(_LAST_APPLIED, "{}"))
        merged = three_way_merge(original, modified, current, kind_schema(kind))
        api.update(kind, namespace, name, merged, Write(strict=strict))


def _prune(api: KubernetesApi, manifests: Iterable[Object], selector: str) -> None:
    """Delete applied objects with a label that are in no manifest, in the namespaces of the manifests."""
    kinds = [(kind, manifest) for manifest in manifests if (kind := kind_of(manifest)) is not None]
    applied = {(kind.resource, _namespace(kind, manifest), manifest["metadata"]["name"]) for kind, manifest in kinds}
    for kind in preferred_kinds():
        if kind.resource in _PRUNED:
            for item in api.list(kind, labels=selector)["items"]:
                metadata = item["metadata"]
                key = (kind.resource, metadata.get("namespace", ""), metadata["name"])
                is_visited = not kind.namespaced or any(namespace == key[1] for _, namespace, _ in applied)
                if is_visited and key not in applied and _LAST_APPLIED in metadata.get("annotations", {}):
                    api.delete(kind, key[1], key[2])


def _saved(kind: Kind, manifest: Object) -> Object:
    """Return a manifest with itself in an annotation, in the form of kubectl."""
    metadata = {**manifest["metadata"], "annotations": dict(manifest["metadata"].get("annotations") or {})}
    if kind.namespaced:
        metadata["namespace"] = _namespace(kind, manifest)
    whole = {**manifest, "metadata": metadata}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n"
    return whole | {"metadata": metadata | {"annotations": metadata["annotations"] | {_LAST_APPLIED: text}}}


def _namespace(kind: Kind, manifest: Object) -> str:
    return str(manifest["metadata"].get("namespace") or _DEFAULT_NAMESPACE) if kind.namespaced else ""
