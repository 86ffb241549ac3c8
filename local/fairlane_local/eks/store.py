"""Records of Amazon EKS on moto's clusters, so that a cluster takes them with it, and errors of the EKS API."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from moto.core.exceptions import ServiceException
from moto.eks.models import Cluster, eks_backends
from moto.moto_api._internal import mock_random

Record = dict[str, Any]
Location = tuple[str, str]
"""Account and Region."""

_PAGE: Final = 100


class EksError(ServiceException):
    """Refusal of the EKS API, with its code and message."""


def not_found(message: str) -> EksError:
    """Return the error of a resource that does not exist."""
    return EksError("ResourceNotFoundException", message)


def in_use(message: str) -> EksError:
    """Return the error of a resource that exists."""
    return EksError("ResourceInUseException", message)


def invalid_parameter(message: str) -> EksError:
    """Return the error of a wrong value."""
    return EksError("InvalidParameterException", message)


def invalid_request(message: str) -> EksError:
    """Return the error of a call that the state of the cluster does not permit."""
    return EksError("InvalidRequestException", message)


def find_cluster(location: Location, name: str) -> Cluster:
    """Return a cluster.

    Raises:
        EksError: If it does not exist.
    """
    account_id, region = location
    cluster = eks_backends[account_id][region].clusters.get(name)
    if cluster is None:
        raise not_found(f"No cluster found for name: {name}.")
    return cluster


def records(cluster: Cluster, kind: str) -> dict[str, Record]:
    """Return the records of a kind by their key in a cluster."""
    found: dict[str, Record] = cluster.__dict__.setdefault(f"fairlane_{kind}", {})
    return found


def new_id(length: int) -> str:
    """Return a random ID of lower-case letters and digits."""
    return mock_random.get_random_string(length=length, lower_case=True)


def page(name: str, items: Iterable[Any], request: Mapping[str, Any]) -> Record:
    """Return a page of a list.

    Args:
        name: Member of the response that has the items.
        items: All items.
        request: Request with `maxResults` and `nextToken`.
    """
    listed, size = list(items), request.get("maxResults", _PAGE)
    token = request.get("nextToken") or "0"
    if not token.isdecimal():
        raise invalid_parameter("Invalid nextToken")
    start = int(token)
    following = {"nextToken": str(start + size)} if start + size < len(listed) else {}
    return {name: listed[start : start + size], **following}
