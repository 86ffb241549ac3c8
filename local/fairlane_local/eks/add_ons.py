"""EKS add-ons: records only, because their controllers do not run."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from moto.eks.models import Cluster

from fairlane_local.eks.clusters import VERSIONS
from fairlane_local.eks.store import (
    Location,
    Record,
    find_cluster,
    in_use,
    invalid_parameter,
    new_id,
    not_found,
    page,
    records,
)
from fairlane_local.simulation import local_time

KIND: Final = "add_ons"
TASK_GOVERNANCE: Final = "amazon-sagemaker-hyperpod-taskgovernance"
_OPERATOR: Final = "amazon-sagemaker-hyperpod-training-operator"
_ADD_ON_VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "eks-pod-identity-agent": ("v1.3.10-eksbuild.1",),
    "cert-manager": ("v1.18.2-eksbuild.2",),
    _OPERATOR: ("v1.2.1-eksbuild.1", "1.2.0", "1.1.0", "1.0.0"),
    TASK_GOVERNANCE: ("v1.6.1-eksbuild.2", "v1.6.1-eksbuild.1", "v1.6.0-eksbuild.1"),
    "amazon-sagemaker-hyperpod-observability": ("v1.0.0-eksbuild.1",),
    "vpc-cni": ("v1.20.4-eksbuild.1",),
    "coredns": ("v1.12.3-eksbuild.1",),
    "kube-proxy": ("v1.34.0-eksbuild.2",),
}
"""Versions by add-on, the default first. Those of the training operator and of task governance were reported from live
clusters, the others are examples."""
_ANY_DEFAULT: Final = "v1.0.0-eksbuild.1"
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-eksbuild\.\d+)?")
_SETTINGS: Final = ("addonVersion", "serviceAccountRoleArn", "configurationValues")


class AddOns:
    """Add-ons of the clusters of an account and Region. Any add-on can be installed, and is active at once.

    Args:
        location: Account and Region.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def create_addon(self, request: Mapping[str, Any]) -> Record:
        cluster, name = self._cluster(request), request["addonName"]
        if name in records(cluster, KIND):
            raise in_use("Addon already exists.")
        _check(name, request)
        account_id, region = self._location
        add_on = {
            "addonName": name,
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "addonVersion": _ADD_ON_VERSIONS.get(name, (_ANY_DEFAULT,))[0],
            "health": {"issues": []},
            "addonArn": f"arn:aws:eks:{region}:{account_id}:addon/{cluster.name}/{name}/{new_id(36)}",
            "createdAt": local_time(),
            "modifiedAt": local_time(),
            "tags": dict(request.get("tags", {})),
            **{member: request[member] for member in _SETTINGS if member in request},
        }
        records(cluster, KIND)[name] = add_on
        return {"addon": add_on}

    def describe_addon(self, request: Mapping[str, Any]) -> Record:
        return {"addon": self._find(request)}

    def list_addons(self, request: Mapping[str, Any]) -> Record:
        return page("addons", sorted(records(self._cluster(request), KIND)), request)

    def update_addon(self, request: Mapping[str, Any]) -> Record:
        add_on = self._find(request)
        _check(add_on["addonName"], request)
        add_on.update({member: request[member] for member in _SETTINGS if member in request}, modifiedAt=local_time())
        params = [{"type": "AddonVersion", "value": add_on["addonVersion"]}]
        update = {"id": new_id(36), "status": "Successful", "type": "AddonUpdate", "params": params}
        return {"update": {**update, "createdAt": local_time(), "errors": []}}

    def delete_addon(self, request: Mapping[str, Any]) -> Record:
        add_on = self._find(request)
        del records(self._cluster(request), KIND)[add_on["addonName"]]
        return {"addon": add_on | {"status": "DELETING"}}

    def describe_addon_versions(self, request: Mapping[str, Any]) -> Record:
        clusters = [{"clusterVersion": version} for version in VERSIONS]
        if version := request.get("kubernetesVersion"):
            clusters = [{"clusterVersion": version}]
        found = [
            {
                "addonName": name,
                "owner": "aws",
                "publisher": "eks",
                "addonVersions": [
                    {
                        "addonVersion": version,
                        "compatibilities": [{**each, "defaultVersion": version == versions[0]} for each in clusters],
                    }
                    for version in versions
                ],
            }
            for name, versions in _ADD_ON_VERSIONS.items()
            if name == request.get("addonName", name)
        ]
        return page("addons", found, request)

    def _cluster(self, request: Mapping[str, Any]) -> Cluster:
        return find_cluster(self._location, request["clusterName"])

    def _find(self, request: Mapping[str, Any]) -> Record:
        add_on = records(self._cluster(request), KIND).get(request["addonName"])
        if add_on is None:
            raise not_found(f"No addon: {request['addonName']} found in cluster: {request['clusterName']}")
        return add_on


def _check(name: str, request: Mapping[str, Any]) -> None:
    if not _VERSION.fullmatch(request.get("addonVersion", _ANY_DEFAULT)):
        raise invalid_parameter("Addon version specified is not supported")
    if name == _OPERATOR and request.get("podIdentityAssociations"):
        raise invalid_parameter(f"Addon {name} does not support pod identity associations")
    try:
        configuration = json.loads(request.get("configurationValues") or "{}")
    except ValueError:
        raise invalid_parameter("ConfigurationValue provided in request is not valid JSON") from None
    if name == TASK_GOVERNANCE and configuration:
        raise invalid_parameter(
            f"ConfigurationValue provided in request is not supported: {name} has an empty configuration schema"
        )
