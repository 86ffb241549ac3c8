"""Paths of the Kubernetes APIs. The key is in the path, because kubectl sends no token without TLS."""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_PATH: Final = re.compile(
    r"(?P<root>/kubernetes/(?P<key>[0-9a-f]{64})/(?P<account_id>\d{12})/(?P<region>[a-z0-9-]+)/(?P<name>[^/]+))"
    r"(?P<rest>/.*)?"
)


class ClusterLocation(NamedTuple):
    """Account, Region and name of an EKS cluster."""

    account_id: str
    region: str
    name: str


def endpoint(port: int, token: str, location: ClusterLocation) -> str:
    """Return the URL of the Kubernetes API of a cluster.

    Args:
        port: Port that the local AWS listens on.
        token: Token of the local AWS. The URL contains a key that opens its Kubernetes APIs and nothing else.
        location: Cluster.
    """
    return f"http://127.0.0.1:{port}/kubernetes/{_key(token)}/{'/'.join(location)}"


def split_path(path: str) -> tuple[ClusterLocation, str, str] | None:
    """Return the cluster of a path, the path of its API, and the rest. None if the path is not one of such an API."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    location = ClusterLocation(match["account_id"], match["region"], match["name"])
    return location, match["root"], match["rest"] or "/"


def has_access(environ: Mapping[str, Any], token: str) -> bool:
    """Return True if the path of a request has the key of the Kubernetes APIs of a local AWS."""
    match = _PATH.fullmatch(environ["PATH_INFO"])
    return match is not None and hmac.compare_digest(match["key"], _key(token))


def _key(token: str) -> str:
    return hmac.digest(token.encode(), b"kubernetes", "sha256").hex()
