"""Records of HyperPod of an account and Region, and pages of lists."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.utils import parse_timestamp
from moto.moto_api._internal import mock_random
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import sagemaker_backends

from fairlane_local.eks.store import Location

Members = dict[str, Any]
"""Members of a request or response of the SageMaker API."""

_STATE = "fairlane_hyperpod"
_PAGE = 100


@dataclass(slots=True, kw_only=True)
class Cluster:
    """HyperPod cluster.

    Attributes:
        name: Name of the cluster.
        arn: ARN of the cluster.
        created: Time of the creation.
        settings: Members of the requests, except groups and tags.
        groups: Specifications of the instance groups by name.
        nodes: Nodes as DescribeClusterNode returns them, by ID.
        tags: Tags.
        failure: Failure of the last operation. Empty if it succeeded.
    """

    name: str
    arn: str
    created: datetime
    settings: Members
    groups: dict[str, Members] = field(default_factory=dict)
    nodes: dict[str, Members] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    failure: str = ""

    @property
    def kubernetes_name(self) -> str:
        """Name of the EKS cluster."""
        return str(self.settings["Orchestrator"]["Eks"]["ClusterArn"]).rpartition("/")[2]


@dataclass(slots=True, kw_only=True)
class Policy:
    """Quota or scheduler configuration.

    Attributes:
        noun: Name of the kind in the API, `ComputeQuota` or `ClusterSchedulerConfig`.
        id: ID of the policy.
        arn: ARN of the policy.
        versions: Descriptions by version, the last of which is valid.
        tags: Tags.
    """

    noun: str
    id: str
    arn: str
    versions: list[Members]
    tags: list[dict[str, str]] = field(default_factory=list)

    @property
    def current(self) -> Members:
        """Description of the valid version."""
        return self.versions[-1]


@dataclass(slots=True)
class HyperPod:
    """Records of an account and Region.

    Attributes:
        location: Account and Region.
        clusters: Clusters by name.
        policies: Quotas and scheduler configurations by ID.
    """

    location: Location
    clusters: dict[str, Cluster] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)

    def new_arn(self, kind: str) -> str:
        """Return an ARN with a new ID."""
        account_id, region = self.location
        new_id = mock_random.get_random_string(length=12, lower_case=True)
        return f"arn:aws:sagemaker:{region}:{account_id}:{kind}/{new_id}"

    def tagged(self, arn: str) -> Cluster | Policy | None:
        """Return the resource with an ARN."""
        resources: list[Cluster | Policy] = [*self.clusters.values(), *self.policies.values()]
        return next((resource for resource in resources if resource.arn == arn), None)


def hyperpod(location: Location) -> HyperPod:
    """Return the records of an account and Region. A reset of moto deletes them."""
    account_id, region = location
    records: HyperPod = sagemaker_backends[account_id][region].__dict__.setdefault(_STATE, HyperPod(location))
    return records


def cluster_names() -> list[tuple[str, str, str]]:
    """Return the account, the Region and the name of each cluster."""
    return [
        (account_id, region, name)
        for account_id, backends in sagemaker_backends.items()
        for region, backend in backends.items()
        if (records := backend.__dict__.get(_STATE)) is not None
        for name in records.clusters
    ]


def page(
    name: str, items: Iterable[Members], request: Mapping[str, Any], *, created: str = "CreationTime", by: str = "Name"
) -> Members:
    """Return a page of a sorted list.

    Args:
        name: Member of the response that has the items.
        items: All items.
        request: Request with filters by time, `SortBy`, `SortOrder`, `MaxResults` and `NextToken`.
        created: Member of the items that has the time of their creation. Default: CreationTime.
        by: Member of the items that has their name. Default: Name.
    """
    listed = [item for item in items if _is_in_time(item[created], request)]
    keys: Mapping[str, Callable[[Members], Any]] = {
        "NAME": lambda item: item[by],
        "STATUS": lambda item: item["Status"],
    }
    listed.sort(key=keys.get(str(request.get("SortBy")).upper(), lambda item: item[created]))
    if request.get("SortOrder") == "Descending":
        listed.reverse()
    token, size = request.get("NextToken") or "0", request.get("MaxResults", _PAGE)
    if not token.isdecimal():
        raise AWSValidationException("The pagination token is invalid")
    start = int(token)
    following = {"NextToken": str(start + size)} if start + size < len(listed) else {}
    return {name: listed[start : start + size], **following}


def _is_in_time(created: datetime, request: Mapping[str, Any]) -> bool:
    after = request.get("CreationTimeAfter", request.get("CreatedAfter"))
    before = request.get("CreationTimeBefore", request.get("CreatedBefore"))
    return (after is None or created >= parse_timestamp(after)) and (
        before is None or created <= parse_timestamp(before)
    )
