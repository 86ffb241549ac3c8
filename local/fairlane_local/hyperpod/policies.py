"""SageMaker API calls for quotas and scheduler configurations of HyperPod clusters."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.sagemaker.exceptions import AWSValidationException, ConflictException, ResourceNotFound

from fairlane_local.eks import add_ons
from fairlane_local.eks.store import find_cluster, records
from fairlane_local.errors import LocalAwsError
from fairlane_local.hyperpod.queues import class_objects, quota_objects, replace, team_namespace
from fairlane_local.hyperpod.store import Cluster, HyperPod, Members, Policy, page
from fairlane_local.kubernetes.admission import NAMESPACE
from fairlane_local.kubernetes.clusters import cluster_locations, kubernetes_api
from fairlane_local.kubernetes.errors import Object
from fairlane_local.simulation import local_time

QUOTA: Final = "ComputeQuota"
SCHEDULE: Final = "ClusterSchedulerConfig"
_ARN_KINDS: Final = {QUOTA: "compute-quota", SCHEDULE: "cluster-scheduler-config"}
_OBJECTS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[Object]]]] = {
    QUOTA: quota_objects,
    SCHEDULE: class_objects,
}
_CONTENT: Final = (
    *("ActivationState", "ComputeQuotaConfig", "ComputeQuotaTarget", "SchedulerConfig"),
    *("ClusterArn", "Description", "Name"),
)
_NOT_CREATED: Final = "CreateFailed"


class Policies:
    """Quotas and scheduler configurations of an account and Region. All operations end at once.

    As in SageMaker, an operation whose objects Kubernetes refuses fails by its status, and an update needs the current
    version. An operation fails without the EKS add-on of task governance; how SageMaker fails then is not public.

    Args:
        hyperpod: Records of the account and Region.
    """

    def __init__(self, hyperpod: HyperPod) -> None:
        self._hyperpod = hyperpod

    def create_compute_quota(self, request: Mapping[str, Any]) -> Members:
        team = request["ComputeQuotaTarget"]["TeamName"]
        for policy in self._policies(QUOTA, request["ClusterArn"]):
            if policy.current["ComputeQuotaTarget"]["TeamName"] == team:
                raise ConflictException(f"The team {team} has a ComputeQuota in the cluster already")
        return self._create(QUOTA, {"ActivationState": "Enabled", **request})

    def update_compute_quota(self, request: Mapping[str, Any]) -> Members:
        policy = self._find(QUOTA, request)
        team = policy.current["ComputeQuotaTarget"]["TeamName"]
        if request.get("ComputeQuotaTarget", {}).get("TeamName", team) != team:
            raise AWSValidationException("The team of a ComputeQuota cannot be changed")
        return self._update(policy, request)

    def describe_compute_quota(self, request: Mapping[str, Any]) -> Members:
        return self._describe(self._find(QUOTA, request), request)

    def list_compute_quotas(self, request: Mapping[str, Any]) -> Members:
        return self._list(QUOTA, request)

    def delete_compute_quota(self, request: Mapping[str, Any]) -> Members:
        return self._delete(self._find(QUOTA, request))

    def create_cluster_scheduler_config(self, request: Mapping[str, Any]) -> Members:
        if any(self._policies(SCHEDULE, request["ClusterArn"])):
            raise ConflictException("The cluster has a ClusterSchedulerConfig already")
        return self._create(SCHEDULE, request)

    def update_cluster_scheduler_config(self, request: Mapping[str, Any]) -> Members:
        return self._update(self._find(SCHEDULE, request), request)

    def describe_cluster_scheduler_config(self, request: Mapping[str, Any]) -> Members:
        return self._describe(self._find(SCHEDULE, request), request)

    def list_cluster_scheduler_configs(self, request: Mapping[str, Any]) -> Members:
        return self._list(SCHEDULE, request)

    def delete_cluster_scheduler_config(self, request: Mapping[str, Any]) -> Members:
        return self._delete(self._find(SCHEDULE, request))

    def _create(self, noun: str, request: Mapping[str, Any]) -> Members:
        if self._cluster(request["ClusterArn"]) is None:
            raise AWSValidationException(f"Cluster {request['ClusterArn']} does not exist")
        if any(policy.current["Name"] == request["Name"] for policy in self._policies(noun, request["ClusterArn"])):
            raise ConflictException(f"{noun} with name {request['Name']} already exists in the cluster")
        _check_classes(request)
        content = {name: request[name] for name in _CONTENT if name in request}
        description = {**content, "CreationTime": local_time(), "LastModifiedTime": local_time()}
        arn = self._hyperpod.new_arn(_ARN_KINDS[noun])
        policy = Policy(noun=noun, id=arn.rpartition("/")[2], arn=arn, versions=[description])
        policy.tags = list(request.get("Tags", []))
        self._hyperpod.policies[policy.id] = policy
        self._put(policy, None, "Create")
        return {f"{noun}Arn": policy.arn, f"{noun}Id": policy.id}

    def _update(self, policy: Policy, request: Mapping[str, Any]) -> Members:
        if request["TargetVersion"] != len(policy.versions):
            given, version = request["TargetVersion"], len(policy.versions)
            raise ConflictException(f"TargetVersion is {given}, but the version of the {policy.noun} is {version}")
        _check_classes(request)
        old = policy.current
        changes = {name: request[name] for name in _CONTENT if name in request}
        policy.versions.append({**old, **changes, "LastModifiedTime": local_time()})
        self._put(policy, None if old["Status"] == _NOT_CREATED else old, "Update")
        return {f"{policy.noun}Arn": policy.arn, f"{policy.noun}Version": len(policy.versions)}

    def _delete(self, policy: Policy) -> Members:
        cluster = self._cluster(policy.current["ClusterArn"])
        if cluster is not None and self._has_kubernetes(cluster) and policy.current["Status"] != _NOT_CREATED:
            try:
                replace(self._api(cluster), self._objects(policy.current, policy.noun), [])
            except LocalAwsError as error:
                policy.current.update(Status="DeleteFailed", FailureReason=str(error))
                return {}
        del self._hyperpod.policies[policy.id]
        return {}

    def _put(self, policy: Policy, old: Members | None, verb: str) -> None:
        """Bring the objects of a policy to its current version, and set its status."""
        new = policy.current
        new.pop("FailureReason", None)
        try:
            self._check_kubernetes(policy, old)
            cluster = self._cluster(new["ClusterArn"])
            assert cluster is not None
            replace(self._api(cluster), self._objects(old, policy.noun), self._objects(new, policy.noun))
            new["Status"] = f"{verb}d"
        except LocalAwsError as error:
            new["Status"] = f"{verb}Failed" if old or verb == "Create" else _NOT_CREATED
            new["FailureReason"] = str(error)

    def _check_kubernetes(self, policy: Policy, old: Members | None) -> None:
        cluster = self._cluster(policy.current["ClusterArn"])
        assert cluster is not None
        name = cluster.kubernetes_name
        if not self._has_kubernetes(cluster):
            raise LocalAwsError(f"there is no EKS cluster {name}")
        if add_ons.TASK_GOVERNANCE not in records(find_cluster(self._hyperpod.location, name), add_ons.KIND):
            raise LocalAwsError(f"the EKS cluster {name} lacks the add-on {add_ons.TASK_GOVERNANCE}")
        if policy.noun == QUOTA and old is None:
            namespace = team_namespace(policy.current["ComputeQuotaTarget"]["TeamName"])
            if self._api(cluster).store.find(NAMESPACE, "", namespace):
                raise LocalAwsError(f"the namespace {namespace} already exists")

    def _objects(self, description: Members | None, noun: str) -> list[Object]:
        return [] if description is None else _OBJECTS[noun](description)

    def _has_kubernetes(self, cluster: Cluster) -> bool:
        return (*self._hyperpod.location, cluster.kubernetes_name) in cluster_locations()

    def _api(self, cluster: Cluster) -> Any:
        return kubernetes_api(*self._hyperpod.location, cluster.kubernetes_name)

    def _cluster(self, arn: str) -> Cluster | None:
        return next((cluster for cluster in self._hyperpod.clusters.values() if cluster.arn == arn), None)

    def _policies(self, noun: str, cluster_arn: str | None = None) -> list[Policy]:
        policies = [policy for policy in self._hyperpod.policies.values() if policy.noun == noun]
        return [policy for policy in policies if cluster_arn in (None, policy.current["ClusterArn"])]

    def _find(self, noun: str, request: Mapping[str, Any]) -> Policy:
        policy = self._hyperpod.policies.get(request[f"{noun}Id"])
        if policy is None or policy.noun != noun:
            raise ResourceNotFound(f"{noun} with ID {request[f'{noun}Id']} does not exist")
        return policy

    def _describe(self, policy: Policy, request: Mapping[str, Any]) -> Members:
        noun = policy.noun
        version = request.get(f"{noun}Version", len(policy.versions))
        if not 0 < version <= len(policy.versions):
            raise ResourceNotFound(f"{noun} {policy.id} has no version {version}")
        names = {f"{noun}Arn": policy.arn, f"{noun}Id": policy.id, f"{noun}Version": version}
        return {**names, **policy.versions[version - 1]}

    def _list(self, noun: str, request: Mapping[str, Any]) -> Members:
        described = [self._describe(policy, {}) for policy in self._policies(noun, request.get("ClusterArn"))]
        found = [
            item
            for item in described
            if request.get("NameContains", "") in item["Name"] and request.get("Status") in (None, item["Status"])
        ]
        return page(f"{noun}Summaries", found, request)


def _check_classes(request: Mapping[str, Any]) -> None:
    classes = request.get("SchedulerConfig", {}).get("PriorityClasses", [])
    names = [name for name, count in Counter(each["Name"] for each in classes).items() if count > 1]
    if names:
        raise AWSValidationException(f"Priority class names must be unique: {', '.join(names)}")
