"""Sample pods with the GPUs of an instance, and the ResourceQuota that AWS publishes for eight such instances."""

from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError
from fairlane_local.kubernetes.kinds import kind_of

GPUS: Final = 8
"""Number of GPUs of a pod, and of an ml.p5.48xlarge."""
PUBLISHED_CAP: Final = {
    "nvidia.com/gpu": "64",
    "vpc.amazonaws.com/efa": "256",
    "requests.cpu": "1536",
    "requests.memory": "5120Gi",
    "limits.cpu": "1536",
    "limits.memory": "5120Gi",
}
"""Amounts of the ResourceQuota for 8 ml.p5.48xlarge with 64 GPUs in the Amazon SageMaker AI Developer Guide."""
_RESOURCES: Final = {"cpu": "160", "memory": "512Gi", "nvidia.com/gpu": str(GPUS), "vpc.amazonaws.com/efa": "32"}


def submit_pods(api: KubernetesApi, namespace: str, number: int) -> tuple[int, str]:
    """Create pods with 8 GPUs each until one is refused.

    Args:
        api: API of the cluster.
        namespace: Namespace of the pods.
        number: Number of pods, at most.

    Returns:
        Number of admitted pods, and the refusal in the words of Kubernetes. Empty if all were admitted.
    """
    for index in range(number):
        try:
            create_object(api, "Pod", namespace, _pod(f"worker-{index}"))
        except KubernetesError as error:
            return index, str(error)
    return number, ""


def create_object(api: KubernetesApi, kind: str, namespace: str, manifest: Mapping[str, Any]) -> None:
    """Create an object of a kind of the core group.

    Args:
        api: API of the cluster.
        kind: Kind, for example Pod.
        namespace: Namespace of the object. Empty for a namespace.
        manifest: Object without its kind.

    Raises:
        KubernetesError: If the object is refused.
    """
    whole = {"apiVersion": "v1", "kind": kind, **manifest}
    found = kind_of(whole)
    assert found is not None
    api.create(found, namespace, whole)


def _pod(name: str) -> dict[str, Any]:
    container = {"name": "train", "image": "train:1", "resources": {"requests": _RESOURCES, "limits": _RESOURCES}}
    return {"metadata": {"name": name}, "spec": {"containers": [container]}}
