"""Discovery documents of the Kubernetes API: its groups, versions, kinds and parameters.

OpenAPI documents list the parameters that kubectl looks up, `dryRun` and `fieldValidation`, and no schemas: the API
validates objects itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.kubernetes.errors import Object, no_such_path
from fairlane_local.kubernetes.kinds import Kind, kinds, preferred_kinds

_VERBS: Final = ["create", "delete", "deletecollection", "get", "list", "patch", "update"]
_STATUS_VERBS: Final = ["get", "patch", "update"]
_ALL: Final = ("pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "cronjobs", "jobs")
"""Plural names of the kinds in the category `all`."""
_VERSION: Final = {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
_PARAMETERS: Final = [
    {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")
]


def discovery_document(path: str) -> Object | None:
    """Return the discovery document at a path, or None if the path is not one of discovery.

    Args:
        path: Path with a leading slash, for example /apis/batch/v1.

    Raises:
        KubernetesError: If the path is one of discovery, and the API has no such group or version.
    """
    match path.strip("/").split("/"):
        case ["version"]:
            return dict(_VERSION)
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            names = sorted({kind.group for kind in kinds()} - {""})
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in names]}
        case ["apis", group]:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["api", version]:
            return _resources(version)
        case ["apis", group, version]:
            return _resources(f"{group}/{version}")
        case ["openapi", "v3"]:
            versions = sorted({kind.api_version for kind in kinds()})
            return {
                "paths": {
                    _path(version): {"serverRelativeURL": f"/openapi/v3/{_path(version)}"} for version in versions
                }
            }
        case ["openapi", "v3", *parts]:
            return _openapi("/".join(parts))
    return None


def _group(name: str) -> Object:
    own = [kind.version for kind in kinds() if kind.group == name]
    if not own:
        raise no_such_path()
    preferred = next(kind.version for kind in preferred_kinds() if kind.group == name)
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in sorted(set(own), reverse=True)]
    return {
        "name": name,
        "versions": versions,
        "preferredVersion": next(item for item in versions if item["version"] == preferred),
    }


def _resources(api_version: str) -> Object:
    resources: list[Mapping[str, Any]] = []
    for kind in _kinds_of(api_version):
        own = {"name": kind.plural, "singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind}
        categories = {"categories": ["all"]} if kind.plural in _ALL else {}
        resources.append(own | {"verbs": _VERBS, "shortNames": list(kind.short_names), **categories})
        resources.append(own | {"name": f"{kind.plural}/status", "singularName": "", "verbs": _STATUS_VERBS})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def _openapi(path: str) -> Object:
    own = _kinds_of(path.removeprefix("apis/").removeprefix("api/"))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": _VERSION["gitVersion"]},
        "paths": {f"/{path}/{_place(kind)}": {"patch": _operation(kind)} for kind in own},
        "components": {"schemas": {}},
    }


def _place(kind: Kind) -> str:
    return f"{'namespaces/{namespace}/' if kind.namespaced else ''}{kind.plural}/{{name}}"


def _operation(kind: Kind) -> Object:
    name = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {"parameters": _PARAMETERS, "responses": {}, "x-kubernetes-group-version-kind": name}


def _kinds_of(api_version: str) -> list[Kind]:
    found = [kind for kind in kinds() if kind.api_version == api_version]
    if not found:
        raise no_such_path()
    return found


def _path(api_version: str) -> str:
    return f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
