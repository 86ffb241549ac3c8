"""Generator of `builtin.json.gz` from schemas of Kubernetes, Kueue and Karpenter, all under the Apache License 2.0.

Sources: the strict definitions of Kubernetes 1.34 in the PyPI package kubernetes-validate 1.37.0, the custom resources
of Kueue v0.19.2 (the version in task governance 1.6) and the NodePool of Karpenter v1.9.1. Call:

    python -m fairlane.hyperpod.kubernetes_schemas.generate DEFINITIONS.json CRD.yaml ... > builtin.json.gz
"""

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_POD_TEMPLATE: Final = "io.k8s.api.core.v1.PodTemplateSpec"
_OWN_TYPES: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
}
_KEPT: Final = (
    *("type", "format", "enum", "pattern", "required", "minimum", "maximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "x-kubernetes-list-map-keys", "x-kubernetes-list-type"),
    *("x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy"),
)
_BUILT_IN: Final = """
v1 io.k8s.api.core.v1
  Namespace namespaces cluster ns
  Node nodes cluster no
  PersistentVolume persistentvolumes cluster pv
  ConfigMap configmaps namespaced cm
  Endpoints endpoints namespaced ep
  Event events namespaced ev
  LimitRange limitranges namespaced limits
  PersistentVolumeClaim persistentvolumeclaims namespaced pvc
  Pod pods namespaced po
  PodTemplate podtemplates namespaced
  ResourceQuota resourcequotas namespaced quota
  Secret secrets namespaced
  Service services namespaced svc
  ServiceAccount serviceaccounts namespaced sa
apps/v1 io.k8s.api.apps.v1
  DaemonSet daemonsets namespaced ds
  Deployment deployments namespaced deploy
  ReplicaSet replicasets namespaced rs
  StatefulSet statefulsets namespaced sts
batch/v1 io.k8s.api.batch.v1
  CronJob cronjobs namespaced cj
  Job jobs namespaced
rbac.authorization.k8s.io/v1 io.k8s.api.rbac.v1
  ClusterRole clusterroles cluster
  ClusterRoleBinding clusterrolebindings cluster
  Role roles namespaced
  RoleBinding rolebindings namespaced
scheduling.k8s.io/v1 io.k8s.api.scheduling.v1
  PriorityClass priorityclasses cluster pc
policy/v1 io.k8s.api.policy.v1
  PodDisruptionBudget poddisruptionbudgets namespaced pdb
networking.k8s.io/v1 io.k8s.api.networking.v1
  NetworkPolicy networkpolicies namespaced netpol
storage.k8s.io/v1 io.k8s.api.storage.v1
  StorageClass storageclasses cluster sc
"""


def builtin_schemas(definitions: Mapping[str, Any], custom_resources: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the kinds, and the definitions that they need.

    Args:
        definitions: Schemas of Kubernetes by name.
        custom_resources: Objects of kind CustomResourceDefinition.
    """
    kinds = dict(_builtin_kinds())
    found: dict[str, Any] = {}
    for crd in custom_resources:
        spec = crd["spec"]
        for version in (version for version in spec["versions"] if version["served"]):
            name = f"{spec['group']}.{version['name']}.{spec['names']['kind']}"
            found[name] = _custom(version["schema"]["openAPIV3Schema"])
            found[name]["properties"]["metadata"] = {"$ref": _META}
            found[name].setdefault("required", []).append("metadata")
            kinds[f"{spec['group']}/{version['name']} {spec['names']['kind']}"] = {
                "definition": name,
                "plural": spec["names"]["plural"],
                "namespaced": spec["scope"] == "Namespaced",
                "short_names": spec["names"].get("shortNames", []),
            }
    open_names = [_META, _POD_TEMPLATE, *(kind["definition"] for kind in kinds.values())]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found[name] = _reduced(definitions[name], name)
            open_names.extend(_references(found[name]))
    return {"kinds": kinds, "definitions": dict(sorted(found.items()))}


def _builtin_kinds() -> Iterator[tuple[str, dict[str, Any]]]:
    for line in _BUILT_IN.strip().splitlines():
        if not line.startswith(" "):
            api_version, package = line.split()
            continue
        kind, plural, scope, *short_names = line.split()
        yield (
            f"{api_version} {kind}",
            {
                "definition": f"{package}.{kind}",
                "plural": plural,
                "namespaced": scope == "namespaced",
                "short_names": short_names,
            },
        )


def _reduced(schema: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    if name in _OWN_TYPES:
        return {"type": _OWN_TYPES[name]}
    reduced = {key: schema[key] for key in _KEPT if key in schema}
    if isinstance(reduced.get("type"), list):
        (reduced["type"],) = (word for word in reduced["type"] if word != "null")
    if "$ref" in schema:
        reduced["$ref"] = schema["$ref"].removeprefix("#/$defs/")
    if "properties" in schema:
        reduced["properties"] = {key: _reduced(inner) for key, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            reduced[key] = _reduced(schema[key]) if isinstance(schema[key], Mapping) else schema[key]
    return reduced


def _custom(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if set(properties) == {"metadata", "spec"} and "containers" in properties["spec"].get("properties", {}):
        return {"$ref": _POD_TEMPLATE}
    custom = _reduced({key: value for key, value in schema.items() if key not in ("properties", "items")})
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": "quantity" if "pattern" in schema else "int-or-string"}
    if "items" in schema:
        custom["items"] = _custom(schema["items"])
    if isinstance(schema.get("additionalProperties"), Mapping):
        custom["additionalProperties"] = _custom(schema["additionalProperties"])
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        custom["additionalProperties"] = False
    if properties:
        custom["properties"] = {key: _custom(inner) for key, inner in properties.items()}
    return custom


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for inner in schema.values():
            yield from _references(inner)


if __name__ == "__main__":
    first, *others = sys.argv[1:]
    yaml = YAML(typ="safe", pure=True)
    schemas = builtin_schemas(
        json.loads(Path(first).read_text())["$defs"],
        [document for path in others for document in yaml.load_all(Path(path).read_text()) if document],
    )
    sys.stdout.buffer.write(gzip.compress(json.dumps(schemas, separators=(",", ":")).encode(), mtime=0))
