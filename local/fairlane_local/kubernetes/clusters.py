"""Kubernetes APIs of the EKS clusters of the local AWS: one for each cluster, which lives as long as the cluster."""

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

from moto.eks.models import eks_backends

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.access import ClusterLocation, split_path
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.application import KubernetesApplication, json_response
from fairlane_local.kubernetes.errors import KubernetesError, no_such_path
from fairlane_local.kubernetes.pod_logs import pod_log
from fairlane_local.simulation import current_simulation

_MEMBER: Final = "fairlane_kubernetes_api"
_lock: Final = Lock()


def kubernetes_api(account_id: str, region: str, name: str) -> KubernetesApi:
    """Return the Kubernetes API of an EKS cluster.

    Raises:
        LocalAwsError: If the cluster does not exist.
    """
    if (account_id, region, name) not in cluster_locations():
        raise LocalAwsError(f"there is no EKS cluster {name} in the account {account_id} and Region {region}")
    cluster = eks_backends[account_id][region].clusters[name]
    with _lock:
        api: KubernetesApi | None = getattr(cluster, _MEMBER, None)
        if api is None:
            api = KubernetesApi(_now, _wake)
            setattr(cluster, _MEMBER, api)
    return api


def cluster_locations() -> list[ClusterLocation]:
    """Return the EKS clusters of all accounts and Regions."""
    return [
        ClusterLocation(account_id, region, name)
        for account_id, account in list(eks_backends.items())
        for region, backend in list(account.items())
        for name in sorted(backend.clusters)
    ]


def _now() -> float:
    return current_simulation().timeline.clock.now()


def _wake() -> None:
    current_simulation().timeline.wake()


def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Respond to a request to the Kubernetes API of a cluster, as a WSGI application."""
    try:
        parts = split_path(environ["PATH_INFO"])
        if parts is None:
            raise no_such_path()
        location, root, path = parts
        application: Any = KubernetesApplication(kubernetes_api(*location), partial(pod_log, location))
        environ = environ | {"SCRIPT_NAME": root, "PATH_INFO": path}
    except KubernetesError as error:
        application = json_response(error.status, error.code)
    except LocalAwsError as error:
        # kubectl does not print the text of a 404
        missing = KubernetesError(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", str(error))
        application = json_response(missing.status, missing.code)
    return application(environ, start_response)  # type: ignore[no-any-return]
