"""EKS clusters with what moto's lack: the endpoint, the security group, access settings and updates of the version."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.eks.exceptions import EKSError
from moto.eks.models import Cluster, EKSBackend, eks_backends

from fairlane_local.eks.store import (
    EksError,
    Location,
    Record,
    find_cluster,
    in_use,
    invalid_parameter,
    invalid_request,
    new_id,
)
from fairlane_local.kubernetes.access import ClusterLocation, endpoint
from fairlane_local.server.credentials import get_credentials
from fairlane_local.simulation import current_simulation, local_time

VERSIONS: Final = tuple(f"1.{minor}" for minor in range(30, 36))
"""Kubernetes versions of EKS."""
_DEFAULT_VERSION: Final = "1.34"
_SETTINGS: Final = {
    "accessConfig": "access_config",
    "computeConfig": "compute_config",
    "controlPlaneScalingConfig": "control_plane_scaling_config",
    "deletionProtection": "deletion_protection",
    "kubernetesNetworkConfig": "kubernetes_network_config",
    "logging": "logging",
    "remoteNetworkConfig": "remote_network_config",
    "storageConfig": "storage_config",
    "upgradePolicy": "upgrade_policy",
    "zonalShiftConfig": "zonal_shift_config",
}
"""Members of requests that are kept as they are, and moto's attribute of each."""
_DEFAULT_ACCESS: Final = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}


class Clusters:
    """EKS clusters of an account and Region. A cluster is active at once, and its endpoint is the local Kubernetes API.

    Args:
        location: Account and Region.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def create_cluster(self, request: Mapping[str, Any]) -> Record:
        name, network = request["name"], request["resourcesVpcConfig"]
        if name in self._eks.clusters:
            raise in_use(f"Cluster already exists with name: {name}")
        version = request.get("version", _DEFAULT_VERSION)
        if version not in VERSIONS:
            raise invalid_parameter(f"unsupported Kubernetes version {version}")
        try:
            cluster = self._eks.create_cluster(
                name=name,
                role_arn=request["roleArn"],
                resources_vpc_config=network,
                version=version,
                tags=dict(request.get("tags", {})),
                encryption_config=request.get("encryptionConfig"),
            )
        except EKSError as error:
            raise EksError(error.TYPE, json.loads(error.description)["message"]) from None
        cluster.created_at = local_time()
        cluster.access_config = _DEFAULT_ACCESS  # type: ignore[attr-defined]
        group = self._ec2.create_security_group(
            f"eks-cluster-sg-{name}-{new_id(9)}",
            "EKS created security group",
            self._vpc_id(network.get("subnetIds", [])),
        )
        _set_network(cluster, {**network, "vpcId": group.vpc_id, "clusterSecurityGroupId": group.id})
        self._configure(cluster, request)
        port = current_simulation().port
        cluster.endpoint = endpoint(port, get_credentials(port).token, ClusterLocation(*self._location, name))
        return {"cluster": cluster}

    def update_cluster_config(self, request: Mapping[str, Any]) -> Record:
        cluster = find_cluster(self._location, request["name"])
        if mode := request.get("accessConfig", {}).get("authenticationMode"):
            modes = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
            old = cluster.access_config["authenticationMode"]  # type: ignore[attr-defined]
            if modes.index(mode) < modes.index(old):
                raise invalid_request(f"Unsupported authentication mode update from {old} to {mode}")
        if network := request.get("resourcesVpcConfig"):
            _set_network(cluster, {**cluster.resources_vpc_config, **network})
        self._configure(cluster, request)
        return _update("ConfigUpdate")

    def update_cluster_version(self, request: Mapping[str, Any]) -> Record:
        cluster, version = find_cluster(self._location, request["name"]), request["version"]
        if version not in VERSIONS or VERSIONS.index(version) != VERSIONS.index(cluster.version) + 1:
            raise invalid_parameter(f"Unsupported Kubernetes minor version update from {cluster.version} to {version}")
        cluster.version = version
        return _update("VersionUpdate")

    def delete_cluster(self, request: Mapping[str, Any]) -> Record:
        cluster = find_cluster(self._location, request["name"])
        if getattr(cluster, "deletion_protection", False):
            raise invalid_request(f"Cluster {cluster.name} has deletion protection enabled")
        if cluster.nodegroups:
            raise in_use("Cluster has nodegroups attached")
        del self._eks.clusters[cluster.name]
        with suppress(EC2ClientError):  # it has been deleted, or another security group refers to it
            self._ec2.delete_security_group(group_id=cluster.resources_vpc_config.get("clusterSecurityGroupId"))
        return {"cluster": cluster}

    def _configure(self, cluster: Cluster, request: Mapping[str, Any]) -> None:
        for member, attribute in _SETTINGS.items():
            if member in request:
                old, new = getattr(cluster, attribute, None), request[member]
                setattr(cluster, attribute, old | new if isinstance(old, dict) else new)

    def _vpc_id(self, subnet_ids: list[str]) -> str | None:
        """Return the VPC of the first subnet that exists. None, which means the default VPC, if there is none."""
        for subnet_id in subnet_ids:
            with suppress(EC2ClientError):
                return str(self._ec2.get_subnet(subnet_id).vpc_id)
        return None

    @property
    def _eks(self) -> EKSBackend:
        account_id, region = self._location
        return eks_backends[account_id][region]

    @property
    def _ec2(self) -> EC2Backend:
        account_id, region = self._location
        return ec2_backends[account_id][region]


def _set_network(cluster: Cluster, network: Record) -> None:
    cluster.resources_vpc_config = {"endpointPublicAccess": True, "endpointPrivateAccess": False, **network}


def _update(kind: str) -> Record:
    update = {
        "id": new_id(36),
        "status": "Successful",
        "type": kind,
        "params": [],
        "createdAt": local_time(),
        "errors": [],
    }
    return {"update": update}
