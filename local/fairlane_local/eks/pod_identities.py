"""Pod identity associations of EKS clusters."""

from collections.abc import Mapping
from typing import Any, Final

from moto.eks.models import Cluster

from fairlane_local.eks.store import Location, Record, find_cluster, in_use, new_id, not_found, page, records
from fairlane_local.simulation import local_time

KIND: Final = "pod_identities"
_SETTINGS: Final = ("roleArn", "disableSessionTags", "targetRoleArn", "policy")
_SUMMARY: Final = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")


class PodIdentities:
    """Associations of the clusters of an account and Region, at most one for a service account.

    Args:
        location: Account and Region.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def create_pod_identity_association(self, request: Mapping[str, Any]) -> Record:
        cluster = self._cluster(request)
        account = {name: request[name] for name in ("namespace", "serviceAccount")}
        if any(account.items() <= other.items() for other in records(cluster, KIND).values()):
            raise in_use("Association already exists: the service account has a pod identity association")
        account_id, region = self._location
        association_id, prefix = f"a-{new_id(17)}", f"arn:aws:eks:{region}:{account_id}:podidentityassociation"
        association = {
            "clusterName": cluster.name,
            **account,
            **{name: request[name] for name in _SETTINGS if name in request},
            "associationId": association_id,
            "associationArn": f"{prefix}/{cluster.name}/{association_id}",
            "createdAt": local_time(),
            "modifiedAt": local_time(),
            "tags": dict(request.get("tags", {})),
        }
        records(cluster, KIND)[association_id] = association
        return {"association": association}

    def describe_pod_identity_association(self, request: Mapping[str, Any]) -> Record:
        return {"association": self._find(request)}

    def list_pod_identity_associations(self, request: Mapping[str, Any]) -> Record:
        filters = {name: request[name] for name in ("namespace", "serviceAccount") if name in request}
        found = [
            {name: association[name] for name in _SUMMARY}
            for association in records(self._cluster(request), KIND).values()
            if filters.items() <= association.items()
        ]
        return page("associations", found, request)

    def update_pod_identity_association(self, request: Mapping[str, Any]) -> Record:
        association = self._find(request)
        association.update({name: request[name] for name in _SETTINGS if name in request}, modifiedAt=local_time())
        return {"association": association}

    def delete_pod_identity_association(self, request: Mapping[str, Any]) -> Record:
        association = self._find(request)
        del records(self._cluster(request), KIND)[association["associationId"]]
        return {"association": association}

    def _cluster(self, request: Mapping[str, Any]) -> Cluster:
        return find_cluster(self._location, request["clusterName"])

    def _find(self, request: Mapping[str, Any]) -> Record:
        association = records(self._cluster(request), KIND).get(request["associationId"])
        if association is None:
            raise not_found(f"Association not found with ID {request['associationId']}")
        return association
