"""Access entries of EKS clusters and their access policies. The local Kubernetes API does not enforce them."""

from collections.abc import Mapping
from typing import Any, Final

from moto.eks.models import Cluster

from fairlane_local.eks.store import (
    Location,
    Record,
    find_cluster,
    in_use,
    invalid_parameter,
    invalid_request,
    new_id,
    not_found,
    page,
    records,
)
from fairlane_local.simulation import local_time

KIND: Final = "access_entries"
_POLICIES: Final = "fairlane_policies"
_STANDARD: Final = "STANDARD"
_TYPES: Final = (_STANDARD, "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "EC2", "HYPERPOD_LINUX")
_POLICY_ARN: Final = "arn:aws:eks::aws:cluster-access-policy/"


class AccessEntries:
    """Access entries of the clusters of an account and Region, at most one for a principal.

    Args:
        location: Account and Region.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def create_access_entry(self, request: Mapping[str, Any]) -> Record:
        cluster, principal = self._cluster(request), request["principalArn"]
        if cluster.access_config["authenticationMode"] == "CONFIG_MAP":  # type: ignore[attr-defined]
            modes = "[API, API_AND_CONFIG_MAP]"
            raise invalid_request(
                f"The cluster's authentication mode must be set to one of {modes} to perform this operation."
            )
        if principal in records(cluster, KIND):
            raise in_use("The specified access entry resource is already in use on this cluster.")
        kind, groups = request.get("type", _STANDARD), request.get("kubernetesGroups", [])
        if kind not in _TYPES:
            raise invalid_parameter(f"The specified type {kind} is not supported")
        if kind != _STANDARD and groups:
            raise invalid_parameter("The kubernetesGroups can only be set for access entries of type STANDARD")
        _check_groups(groups)
        account_id, region = self._location
        kind_of_principal, _, name = principal.rpartition(":")[2].partition("/")
        entry = {
            "clusterName": cluster.name,
            "principalArn": principal,
            "kubernetesGroups": groups,
            "accessEntryArn": f"arn:aws:eks:{region}:{account_id}:access-entry/{cluster.name}/{kind_of_principal}/"
            f"{account_id}/{name}/{new_id(36)}",
            "createdAt": local_time(),
            "modifiedAt": local_time(),
            "tags": dict(request.get("tags", {})),
            "username": request.get("username", principal),
            "type": kind,
            _POLICIES: {},
        }
        records(cluster, KIND)[principal] = entry
        return {"accessEntry": entry}

    def describe_access_entry(self, request: Mapping[str, Any]) -> Record:
        return {"accessEntry": self._find(request)}

    def list_access_entries(self, request: Mapping[str, Any]) -> Record:
        policy = request.get("associatedPolicyArn")
        entries = records(self._cluster(request), KIND)
        found = [arn for arn, entry in entries.items() if policy is None or policy in entry[_POLICIES]]
        return page("accessEntries", sorted(found), request)

    def update_access_entry(self, request: Mapping[str, Any]) -> Record:
        entry = self._find(request)
        _check_groups(request.get("kubernetesGroups", []))
        changes = {name: request[name] for name in ("kubernetesGroups", "username") if name in request}
        entry.update(changes, modifiedAt=local_time())
        return {"accessEntry": entry}

    def delete_access_entry(self, request: Mapping[str, Any]) -> Record:
        del records(self._cluster(request), KIND)[self._find(request)["principalArn"]]
        return {}

    def associate_access_policy(self, request: Mapping[str, Any]) -> Record:
        entry, arn, scope = self._find(request), request["policyArn"], request["accessScope"]
        if entry["type"] != _STANDARD:
            raise invalid_request(f"Access policies cannot be associated with entries of type {entry['type']}")
        if not arn.startswith(_POLICY_ARN):
            raise invalid_parameter(f"The specified policyArn is invalid: {arn}")
        if bool(scope.get("namespaces")) != (scope.get("type") == "namespace"):
            raise invalid_parameter("namespaces must be set if, and only if, the access scope is of type namespace")
        policy = {"policyArn": arn, "accessScope": scope, "associatedAt": local_time(), "modifiedAt": local_time()}
        entry[_POLICIES][arn] = policy
        names = {name: entry[name] for name in ("clusterName", "principalArn")}
        return {**names, "associatedAccessPolicy": policy}

    def disassociate_access_policy(self, request: Mapping[str, Any]) -> Record:
        if self._find(request)[_POLICIES].pop(request["policyArn"], None) is None:
            raise not_found(f"The specified policy {request['policyArn']} is not associated with the access entry")
        return {}

    def list_associated_access_policies(self, request: Mapping[str, Any]) -> Record:
        entry = self._find(request)
        names = {name: entry[name] for name in ("clusterName", "principalArn")}
        return names | page("associatedAccessPolicies", entry[_POLICIES].values(), request)

    def _cluster(self, request: Mapping[str, Any]) -> Cluster:
        return find_cluster(self._location, request["clusterName"])

    def _find(self, request: Mapping[str, Any]) -> Record:
        entry = records(self._cluster(request), KIND).get(request["principalArn"])
        if entry is None:
            raise not_found(
                "The specified principalArn could not be found. You can view your available access entries "
                "with 'list-access-entries'."
            )
        return entry


def _check_groups(groups: list[str]) -> None:
    for group in groups:
        if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")):
            raise invalid_parameter(
                f"The kubernetes group name {group} is invalid, it cannot start with "
                "aws:, eks:, amazon:, iam: or system:"
            )
