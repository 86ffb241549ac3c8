"""SageMaker API calls for HyperPod clusters on Amazon EKS, and their nodes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.sagemaker.exceptions import (
    AWSValidationException,
    ConflictException,
    ResourceInUseException,
    ResourceNotFound,
)

from fairlane_local.eks.store import EksError, find_cluster
from fairlane_local.errors import LocalAwsError
from fairlane_local.hyperpod import nodes
from fairlane_local.hyperpod.cluster_rules import cluster_mistakes, script_failure
from fairlane_local.hyperpod.store import Cluster, HyperPod, Members, page
from fairlane_local.simulation import local_time

_GROUPS: Final = "InstanceGroups"
_NOT_SETTINGS: Final = ("ClusterName", _GROUPS, "InstanceGroupsToDelete", "Tags")
_SAME: Final = (
    *("AutoPatchConfig", "CapacityRequirements", "ExecutionRole", "InstanceGroupName", "InstanceStorageConfigs"),
    *("InstanceType", "LifeCycleConfig", "NetworkInterface", "OnStartDeepHealthChecks", "OverrideVpcConfig"),
    *("ScheduledUpdateConfig", "ThreadsPerCore", "TrainingPlanArn"),
)
_SUMMARY: Final = ("InstanceGroupName", "InstanceId", "NodeLogicalId", "InstanceType", "LaunchTime", "InstanceStatus")


class Clusters:
    """Clusters of an account and Region. All operations end at once, and every instance is available.

    Args:
        hyperpod: Records of the account and Region.
    """

    def __init__(self, hyperpod: HyperPod) -> None:
        self._hyperpod = hyperpod

    def create_cluster(self, request: Mapping[str, Any]) -> Members:
        name = request["ClusterName"]
        if name in self._hyperpod.clusters:
            raise ResourceInUseException(
                f"Resource Already Exists: Cluster with name {name} already exists. Choose a different name."
            )
        settings = {member: value for member, value in request.items() if member not in _NOT_SETTINGS}
        self._check_orchestrator(settings)
        self._check(settings, request.get(_GROUPS, []))
        cluster = Cluster(name=name, arn=self._hyperpod.new_arn("cluster"), created=local_time(), settings=settings)
        cluster.tags = list(request.get("Tags", []))
        cluster.groups = _by_name(request[_GROUPS])
        self._hyperpod.clusters[name] = cluster
        self._start(cluster)
        return {"ClusterArn": cluster.arn}

    def update_cluster(self, request: Mapping[str, Any]) -> Members:
        cluster = self._find(request)
        deleted = request.get("InstanceGroupsToDelete", [])
        if unknown := [name for name in deleted if name not in cluster.groups]:
            raise AWSValidationException(f"Instance groups {', '.join(unknown)} do not exist in the cluster")
        changes = {member: value for member, value in request.items() if member not in _NOT_SETTINGS}
        settings = cluster.settings | changes
        if settings["Orchestrator"] != cluster.settings["Orchestrator"]:
            raise AWSValidationException("The orchestrator of a cluster cannot be changed")
        if len({group["InstanceGroupName"] for group in request.get(_GROUPS, [])}) < len(request.get(_GROUPS, [])):
            raise AWSValidationException("Instance group names must be unique")
        groups = {**cluster.groups, **_by_name(request.get(_GROUPS, []))}
        groups = {name: group for name, group in groups.items() if name not in deleted}
        self._check(settings, list(groups.values()))
        cluster.settings, cluster.groups = settings, groups
        self._start(cluster)
        return {"ClusterArn": cluster.arn}

    def describe_cluster(self, request: Mapping[str, Any]) -> Members:
        cluster = self._find(request)
        counts = Counter(node["InstanceGroupName"] for node in cluster.nodes.values())
        description = {
            **cluster.settings,
            **self._summary(cluster),
            "FailureMessage": cluster.failure,
            _GROUPS: [_group(group, counts[name]) for name, group in cluster.groups.items()],
        }
        if scaling := cluster.settings.get("AutoScaling"):
            description["AutoScaling"] = scaling | {"Status": "InService"}
        return description

    def delete_cluster(self, request: Mapping[str, Any]) -> Members:
        cluster = self._find(request)
        policies = [
            policy for policy in self._hyperpod.policies.values() if policy.current["ClusterArn"] == cluster.arn
        ]
        if policies:
            raise ConflictException(
                f"The cluster has {policies[0].noun} {policies[0].current['Name']}: delete it first"
            )
        nodes.remove_nodes(self._hyperpod.location, cluster)
        del self._hyperpod.clusters[cluster.name]
        return {"ClusterArn": cluster.arn}

    def list_clusters(self, request: Mapping[str, Any]) -> Members:
        part = request.get("NameContains", "")
        found = [self._summary(cluster) for cluster in self._hyperpod.clusters.values() if part in cluster.name]
        return page("ClusterSummaries", found, request, by="ClusterName")

    def describe_cluster_node(self, request: Mapping[str, Any]) -> Members:
        cluster = self._find(request)
        for node in cluster.nodes.values():
            if node["InstanceId"] == request.get("NodeId") or node.get("NodeLogicalId", "") == request.get(
                "NodeLogicalId"
            ):
                return {"NodeDetails": node}
        node_id = request.get("NodeId") or request.get("NodeLogicalId")
        raise ResourceNotFound(f"Node {node_id} does not exist in the cluster {cluster.name}")

    def list_cluster_nodes(self, request: Mapping[str, Any]) -> Members:
        part = request.get("InstanceGroupNameContains", "")
        found: list[Members] = [
            {name: node[name] for name in _SUMMARY if name in node}
            for node in self._find(request).nodes.values()
            if part in node["InstanceGroupName"]
        ]
        return page("ClusterNodeSummaries", found, request, created="LaunchTime", by="InstanceGroupName")

    def list_cluster_events(self, request: Mapping[str, Any]) -> Members:
        self._find(request)
        return {"Events": []}  # all operations end at once: nothing happens that SageMaker would report

    def describe_cluster_event(self, request: Mapping[str, Any]) -> Members:
        cluster = self._find(request)
        raise ResourceNotFound(f"Event {request['EventId']} does not exist in the cluster {cluster.name}")

    def _find(self, request: Mapping[str, Any]) -> Cluster:
        name = request["ClusterName"]
        for cluster in self._hyperpod.clusters.values():
            if name in (cluster.name, cluster.arn):
                return cluster
        raise ResourceNotFound(f"Cluster with name {name} does not exist")

    def _check(self, settings: Members, groups: Sequence[Mapping[str, Any]]) -> None:
        if mistakes := list(cluster_mistakes(settings, groups)):
            raise AWSValidationException("; ".join(mistakes))

    def _check_orchestrator(self, settings: Members) -> None:
        arn = settings.get("Orchestrator", {}).get("Eks", {}).get("ClusterArn")
        if arn is None:
            raise AWSValidationException("the local AWS has HyperPod clusters with the orchestrator Eks only")
        try:
            kubernetes: Any = find_cluster(self._hyperpod.location, arn.rpartition("/")[2])
        except EksError as error:
            raise AWSValidationException(f"EKS cluster {arn}: {error.message}") from None
        if kubernetes.arn != arn:
            raise AWSValidationException(f"EKS cluster {arn} is not in the account and Region of the HyperPod cluster")
        if kubernetes.access_config["authenticationMode"] == "CONFIG_MAP":
            raise AWSValidationException(f"EKS cluster {arn} must have authentication mode API or API_AND_CONFIG_MAP")
        users = [
            each
            for each in self._hyperpod.clusters.values()
            if each.settings["Orchestrator"]["Eks"]["ClusterArn"] == arn
        ]
        if users:
            raise AWSValidationException(f"EKS cluster {arn} is the orchestrator of {users[0].name} already")

    def _start(self, cluster: Cluster) -> None:
        account_id, _ = self._hyperpod.location
        failures = (script_failure(account_id, group) for group in cluster.groups.values() if group["InstanceCount"])
        cluster.failure = "; ".join(filter(None, failures))
        if not cluster.failure:
            try:
                nodes.set_nodes(self._hyperpod.location, cluster)
            except LocalAwsError as error:
                cluster.failure = str(error)

    def _summary(self, cluster: Cluster) -> Members:
        return {
            "ClusterArn": cluster.arn,
            "ClusterName": cluster.name,
            "ClusterStatus": "Failed" if cluster.failure else "InService",
            "CreationTime": cluster.created,
        }


def _by_name(groups: Sequence[Mapping[str, Any]]) -> dict[str, Members]:
    return {group["InstanceGroupName"]: dict(group) for group in groups}


def _group(group: Mapping[str, Any], count: int) -> Members:
    details = {name: group[name] for name in _SAME if name in group}
    details |= {"CurrentCount": count, "TargetCount": group["InstanceCount"], "Status": "InService"}
    if "MinInstanceCount" in group:
        details["MinCount"] = group["MinInstanceCount"]
    if types := group.get("InstanceRequirements", {}).get("InstanceTypes"):
        details["InstanceRequirements"] = {"CurrentInstanceTypes": types, "DesiredInstanceTypes": types}
    if kubernetes := group.get("KubernetesConfig"):
        details["KubernetesConfig"] = nodes.kubernetes_details(kubernetes)
    for name in ("ImageId", "ImageReleaseVersion"):
        details |= {f"{state}{name}": group[name] for state in ("Current", "Desired") if name in group}
    return details
