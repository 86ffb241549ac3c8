"""Helm releases, recorded as Helm does it: a Secret for each revision, so that `helm list` shows them.

The chart is not rendered: none of its objects exist in the cluster.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.admission import NAMESPACE
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.kinds import Kind, kind_at
from fairlane_local.simulation import local_time

_OWNER: Final = "owner=helm"
_DEFAULT_NAMESPACE: Final = "default"
_ANY_VERSION: Final = "0.0.0"


def install_release(api: KubernetesApi, properties: Mapping[str, Any]) -> None:
    """Record a release, or a new revision of it, as `helm upgrade --install` does.

    Args:
        api: API of the cluster.
        properties: Properties `Release`, `Chart` or `ChartAssetURL`, `Version`, `Values`, `Namespace` and
            `CreateNamespace` of `Custom::AWSCDK-EKS-HelmChart`.

    Raises:
        LocalAwsError: If the namespace does not exist or the values are no JSON object.
    """
    name, namespace = properties["Release"], properties.get("Namespace") or _DEFAULT_NAMESPACE
    values = json.loads(properties.get("Values") or "{}")
    if not isinstance(values, dict):
        raise LocalAwsError("Error: the values of a Helm chart must be an object")
    with api.store.lock:
        if str(properties.get("CreateNamespace", "false")).lower() == "true":
            _create_namespace(api, namespace)
        old = _secrets(api, namespace, name)
        revision = max((int(secret["metadata"]["labels"]["version"]) for secret in old), default=0) + 1
        chart = str(properties.get("Chart") or name).rpartition("/")[2]
        time = local_time().isoformat()
        release = {
            "name": name,
            "namespace": namespace,
            "version": revision,
            "info": {
                "first_deployed": _decoded(old[0])["info"]["first_deployed"] if old else time,
                "last_deployed": time,
                "description": "Upgrade complete" if old else "Install complete",
                "status": "deployed",
            },
            "chart": {
                "metadata": {"apiVersion": "v2", "name": chart, "version": properties.get("Version") or _ANY_VERSION},
                "templates": [],
                "values": {},
            },
            "config": values,
            "manifest": "",
        }
        for secret in old:
            if secret["metadata"]["labels"]["status"] == "deployed":
                before = _decoded(secret)
                before["info"]["status"] = "superseded"
                _write(api, before, secret)
        _write(api, release)


def uninstall_release(api: KubernetesApi, properties: Mapping[str, Any]) -> None:
    """Delete all revisions of a release. A release that does not exist is no error."""
    namespace = properties.get("Namespace") or _DEFAULT_NAMESPACE
    with api.store.lock:
        for secret in _secrets(api, namespace, properties["Release"]):
            api.delete(_secret(), namespace, secret["metadata"]["name"])


def _write(api: KubernetesApi, release: Object, old: Object | None = None) -> None:
    revision, status = str(release["version"]), release["info"]["status"]
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"sh.helm.release.v1.{release['name']}.v{revision}",
            "labels": {"name": release["name"], "owner": "helm", "status": status, "version": revision},
        },
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed).decode()},
    }
    if old is None:
        api.create(_secret(), release["namespace"], secret)
    else:
        api.update(_secret(), release["namespace"], secret["metadata"]["name"], secret)  # type: ignore[index]


def _decoded(secret: Object) -> Object:
    packed = base64.b64decode(secret["data"]["release"])
    return json.loads(gzip.decompress(base64.b64decode(packed)))  # type: ignore[no-any-return]


def _secrets(api: KubernetesApi, namespace: str, name: str) -> list[Object]:
    found: list[Object] = api.list(_secret(), namespace, labels=f"{_OWNER},name={name}")["items"]
    return found


def _create_namespace(api: KubernetesApi, name: str) -> None:
    try:
        api.create(NAMESPACE, "", {"metadata": {"name": name}})
    except KubernetesError as error:
        if error.code != HTTPStatus.CONFLICT:
            raise


def _secret() -> Kind:
    kind = kind_at("v1", "secrets")
    assert kind is not None
    return kind
