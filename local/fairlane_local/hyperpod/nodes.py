"""Nodes of HyperPod clusters: their IDs, and the Node objects of the local Kubernetes API."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane_local.eks.store import Location
from fairlane_local.errors import LocalAwsError
from fairlane_local.hyperpod.store import Cluster, Members
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.kubernetes.kinds import Kind, kind_at
from fairlane_local.simulation import local_time

_COPIED: Final = (
    "LifeCycleConfig",
    "OverrideVpcConfig",
    "ThreadsPerCore",
    "InstanceStorageConfigs",
    "NetworkInterface",
)
_PREFIX: Final = "sagemaker.amazonaws.com/"
_POD_LIMIT: Final = 110


def set_nodes(location: Location, cluster: Cluster) -> None:
    """Start and stop nodes until each group has its number, and describe the rest by their group.

    Nodes of a group that changed its instance type are replaced. The newest nodes are stopped first. Nodes run at once.
    """
    for name, group in cluster.groups.items():
        instance_type = group.get("InstanceType") or group["InstanceRequirements"]["InstanceTypes"][0]
        own = [node for node in cluster.nodes.values() if node["InstanceGroupName"] == name]
        fitting = [node for node in own if node["InstanceType"] == instance_type][: group["InstanceCount"]]
        _stop(location, cluster, [node for node in own if node not in fitting])
        for _ in range(group["InstanceCount"] - len(fitting)):
            node = _new_node(location, cluster, name, instance_type)
            cluster.nodes[node["InstanceId"]] = node
            fitting.append(node)
        for node in fitting:
            _describe(node, group)
            _put_object(location, cluster, node)
    _stop(
        location, cluster, [node for node in cluster.nodes.values() if node["InstanceGroupName"] not in cluster.groups]
    )


def remove_nodes(location: Location, cluster: Cluster) -> None:
    """Stop all nodes of a cluster."""
    _stop(location, cluster, list(cluster.nodes.values()))


def _new_node(location: Location, cluster: Cluster, group_name: str, instance_type: str) -> Members:
    is_continuous = cluster.settings.get("NodeProvisioningMode") == "Continuous"
    logical_id = {"NodeLogicalId": mock_random.get_random_string(length=17, lower_case=True)} if is_continuous else {}
    network = cluster.groups[group_name].get("OverrideVpcConfig") or cluster.settings["VpcConfig"]
    return {
        "InstanceGroupName": group_name,
        "InstanceId": f"i-{mock_random.get_random_hex(17)}",
        **logical_id,
        "InstanceType": instance_type,
        "InstanceStatus": {"Status": "Running"},
        "LaunchTime": local_time(),
        **_placement(location, network["Subnets"][0]),
    }


def _placement(location: Location, subnet_id: str) -> Members:
    account_id, region = location
    try:
        subnet = ec2_backends[account_id][region].get_subnet(subnet_id)
    except EC2ClientError:
        return {}
    zone = {"AvailabilityZone": subnet.availability_zone, "AvailabilityZoneId": subnet.availability_zone_id}
    return {"Placement": zone}


def _describe(node: Members, group: Mapping[str, Any]) -> None:
    node |= {name: group[name] for name in _COPIED if name in group}
    if kubernetes := group.get("KubernetesConfig"):
        node["KubernetesConfig"] = kubernetes_details(kubernetes)
    node["CapacityType"] = "Spot" if "Spot" in group.get("CapacityRequirements", {}) else "OnDemand"


def kubernetes_details(given: Mapping[str, Any]) -> Members:
    """Return labels and taints as SageMaker describes them."""
    return {
        f"{state}{name}": given[name]
        for name in ("Labels", "Taints")
        if name in given
        for state in ("Current", "Desired")
    }


def _stop(location: Location, cluster: Cluster, nodes: list[Members]) -> None:
    for node in nodes:
        del cluster.nodes[node["InstanceId"]]
        with suppress(LocalAwsError):  # the EKS cluster or the object is gone
            _api(location, cluster).delete(_kind(), "", _name(node))


def _put_object(location: Location, cluster: Cluster, node: Members) -> None:
    settings = node.get("KubernetesConfig", {})
    labels = {
        "kubernetes.io/hostname": _name(node),
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": node["InstanceType"],
        f"{_PREFIX}compute-type": "hyperpod",
        f"{_PREFIX}instance-group-name": node["InstanceGroupName"],
        f"{_PREFIX}node-health-status": "Schedulable",
        **settings.get("CurrentLabels", {}),
    }
    if "Placement" in node:
        labels["topology.kubernetes.io/zone"] = node["Placement"]["AvailabilityZone"]
    taints = [{name.lower(): value for name, value in taint.items()} for taint in settings.get("CurrentTaints", [])]
    api = _api(location, cluster)
    with api.store.lock:
        old = api.store.find(_kind(), "", _name(node))
        if old is None:
            api.create(_kind(), "", {"metadata": {"name": _name(node), "labels": labels}, "spec": {"taints": taints}})
            api.update(
                _kind(), "", _name(node), {"metadata": {"name": _name(node)}, "status": _status(node)}, None, "status"
            )
        else:
            old["metadata"]["labels"], old["spec"] = labels, old.get("spec", {}) | {"taints": taints}
            api.update(_kind(), "", _name(node), old)


def _status(node: Mapping[str, Any]) -> Members:
    amounts = {"pods": str(_POD_LIMIT)}
    if known := hyperpod_instance_types().get(node["InstanceType"]):
        amounts |= {"cpu": str(known.vcpus), "memory": f"{known.memory_gib:g}Gi"}
        if known.resource:
            amounts[known.resource] = str(known.accelerators)
        if known.efa:
            amounts["vpc.amazonaws.com/efa"] = str(known.efa)
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}


def _api(location: Location, cluster: Cluster) -> KubernetesApi:
    return kubernetes_api(*location, cluster.kubernetes_name)


def _name(node: Mapping[str, Any]) -> str:
    return f"hyperpod-{node['InstanceId']}"


def _kind() -> Kind:
    kind = kind_at("v1", "nodes")
    assert kind is not None
    return kind
