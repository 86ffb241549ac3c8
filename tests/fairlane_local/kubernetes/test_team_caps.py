"""Caps of teams on the local Kubernetes API: those of Fairlane, and the one that AWS publishes."""

from typing import Any

import pytest

from fairlane.hyperpod import Cap, ContainerDefaults, Team
from fairlane.hyperpod.team import QuotaResource
from fairlane.hyperpod.team_objects import team_objects
from fairlane_local.console.sample_pods import PUBLISHED_CAP, submit_pods
from fairlane_local.kubernetes import manifests
from fairlane_local.kubernetes.api import KubernetesApi
from tests.fairlane_local.kubernetes.support import create, get, manifest, new_api, pod, quota, refusal

NAMESPACE = "hyperpod-ns-vision"
FULL_P5 = {"cpu": "192", "memory": "2048Gi", "nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": "32"}
TEAM = Team(
    team_name="vision",
    quota=[QuotaResource(instance_type="ml.p5.48xlarge", count=8)],
    cap=Cap(instances={"ml.p5.48xlarge": 8}),
    container_defaults=ContainerDefaults(requests={"cpu": "1", "memory": "4Gi"}),
    roles=["arn:aws:iam::123456789012:role/vision"],
)


@pytest.fixture
def api() -> KubernetesApi:
    """Return an API with the namespace of a team."""
    api = new_api()
    create(api, manifest("Namespace", NAMESPACE))
    return api


def full_pod(number: int) -> dict[str, Any]:
    return pod(f"worker-{number}", {"requests": FULL_P5, "limits": FULL_P5})


def test_eight_full_instances_are_admitted_and_the_ninth_is_refused(api: KubernetesApi) -> None:
    manifests.apply(api, team_objects(TEAM))
    for number in range(8):
        create(api, full_pod(number), NAMESPACE)
    everything = (
        "requests.cpu={},requests.memory={}Ti,requests.nvidia.com/gpu={},requests.vpc.amazonaws.com/efa={}".format
    )
    assert refusal(api, full_pod(8), NAMESPACE) == (
        'Error from server (Forbidden): pods "worker-8" is forbidden: exceeded quota: fairlane-cap, '
        f"requested: {everything(192, 2, 8, 32)}, "
        f"used: {everything(1536, 16, 64, 256)}, limited: {everything(1536, 16, 64, 256)}"
    )


def test_one_gpu_more_than_the_cap_is_refused(api: KubernetesApi) -> None:
    manifests.apply(api, team_objects(TEAM))
    admitted, words = submit_pods(api, NAMESPACE, 9)
    assert (admitted, "requests.nvidia.com/gpu=8,requests.vpc.amazonaws.com/efa=32, used:" in words) == (8, True)
    create(api, pod("without-gpus"), NAMESPACE)
    assert "requested: requests.nvidia.com/gpu=1, used" in refusal(
        api, pod("one-gpu", {"limits": {"nvidia.com/gpu": 1}}), NAMESPACE
    )


def test_72_gpus_pass_the_published_cap_of_64(api: KubernetesApi) -> None:
    create(api, quota("published", **PUBLISHED_CAP), NAMESPACE)
    assert submit_pods(api, NAMESPACE, 9) == (9, "")
    assert not [key for key in get(api, quota("published"), NAMESPACE)["status"]["used"] if "nvidia" in key]


def test_the_published_cap_refuses_full_instances_and_pods_without_limits(api: KubernetesApi) -> None:
    create(api, quota("published", **PUBLISHED_CAP), NAMESPACE)
    for number in range(2):
        create(api, full_pod(number), NAMESPACE)
    assert "requested: limits.memory=2Ti,requests.memory=2Ti, used" in refusal(api, full_pod(2), NAMESPACE)
    words = refusal(api, pod("one-gpu", {"limits": {"nvidia.com/gpu": 1}}), NAMESPACE)
    assert "failed quota: published: must specify limits.cpu for: train; limits.memory for: train" in words
