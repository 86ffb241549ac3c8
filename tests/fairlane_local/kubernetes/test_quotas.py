"""ResourceQuota and LimitRange admission of the local Kubernetes API."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fairlane_local.kubernetes.api import MERGE_PATCH, KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object
from tests.fairlane_local.kubernetes.support import create, get, gpus, kind, manifest, new_api, pod, quota, refusal


@pytest.fixture
def api() -> KubernetesApi:
    return new_api()


def used(api: KubernetesApi, name: str = "cap") -> dict[str, str]:
    return dict(get(api, quota(name))["status"]["used"])


def set_phase(api: KubernetesApi, name: str, phase: str) -> None:
    api.patch(kind(pod(name)), "default", name, {"status": {"phase": phase}}, MERGE_PATCH, subresource="status")


def limit_range(*limits: Object) -> Object:
    return manifest("LimitRange", "limits", spec={"limits": list(limits)})


def test_a_quota_is_never_exceeded(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"requests.nvidia.com/gpu": 64, "pods": 3}))
    create(api, pod("a", gpus(32)))
    create(api, pod("b", gpus(24)))
    words = (
        'Error from server (Forbidden): pods "c" is forbidden: exceeded quota: cap, requested: requests.nvidia.com/gpu=16'
        ", used: requests.nvidia.com/gpu=56, limited: requests.nvidia.com/gpu=64"
    )
    assert refusal(api, pod("c", gpus(16))) == words
    create(api, pod("c", gpus(8)))
    assert used(api) == {"pods": "3", "requests.nvidia.com/gpu": "64"}
    words = (
        "exceeded quota: cap, requested: pods=1,requests.nvidia.com/gpu=1, used: pods=3,requests.nvidia.com/gpu=64, "
    )
    assert words + "limited: pods=3,requests.nvidia.com/gpu=64" in refusal(api, pod("d", gpus(1)))


def test_every_quota_of_a_namespace_must_admit_a_pod(api: KubernetesApi) -> None:
    create(api, quota("loose", pods=9))
    create(api, quota("tight", pods=0))
    assert "exceeded quota: tight" in refusal(api, pod("a"))
    create(api, manifest("Namespace", "team"))
    create(api, pod("a"), "team")


def test_a_key_without_requests_caps_no_accelerators(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"nvidia.com/gpu": 1, "vpc.amazonaws.com/efa": 1}))
    create(api, pod("a", gpus(8)))
    assert used(api) == {}


def test_pods_that_ended_or_were_deleted_free_their_quota(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"requests.nvidia.com/gpu": 16, "count/pods": 9}))
    create(api, pod("a", gpus(8)))
    create(api, pod("b", gpus(8)))
    set_phase(api, "a", "Running")
    assert used(api)["requests.nvidia.com/gpu"] == "16"
    set_phase(api, "a", "Succeeded")
    assert used(api) == {"count/pods": "2", "requests.nvidia.com/gpu": "8"}
    api.delete(kind(pod("b")), "default", "b")
    assert used(api) == {"count/pods": "1", "requests.nvidia.com/gpu": "0"}


def test_containers_must_state_what_a_quota_counts(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"requests.cpu": 8, "limits.memory": "1Ti"}))
    item = pod("a", {"requests": {"cpu": 1}})
    item["spec"]["containers"].append({"name": "log", "image": "log:1"})
    expected = "failed quota: cap: must specify limits.memory for: log,train; requests.cpu for: log"
    assert refusal(api, item) == f'Error from server (Forbidden): pods "a" is forbidden: {expected}'
    create(api, pod("b", {"limits": {"cpu": 1, "memory": "512Gi"}}))
    assert used(api) == {"limits.memory": "512Gi", "requests.cpu": "1"}


def test_a_pod_counts_its_largest_phase(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"requests.cpu": 99}))
    item = pod("a", {"requests": {"cpu": 2}}, overhead={"cpu": "500m"})
    item["spec"]["initContainers"] = [
        {"name": "sidecar", "image": "x:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": 1}}},
        {"name": "setup", "image": "x:1", "resources": {"requests": {"cpu": 4}}},
    ]
    create(api, item)
    assert used(api) == {"requests.cpu": "5500m"}
    del item["spec"]["initContainers"][1]
    create(api, item | {"metadata": {"name": "b"}})
    assert used(api) == {"requests.cpu": "9"}


def test_counts_of_other_objects(api: KubernetesApi) -> None:
    hard = {"configmaps": 1, "count/jobs.batch": 1, "count/localqueues.kueue.x-k8s.io": 0, "requests.storage": "10Gi"}
    create(api, quota("cap", **hard))
    create(api, manifest("ConfigMap", "a"))
    assert "exceeded quota: cap, requested: configmaps=1, used: configmaps=1" in refusal(
        api, manifest("ConfigMap", "b")
    )
    job = {"template": {"spec": pod("p", restartPolicy="Never")["spec"]}}
    create(api, manifest("Job", "a", "batch/v1", spec=job))
    assert "requested: count/jobs.batch=1" in refusal(api, manifest("Job", "b", "batch/v1", spec=job))
    queue = manifest("LocalQueue", "l", "kueue.x-k8s.io/v1beta1", spec={"clusterQueue": "c"})
    assert "count/localqueues.kueue.x-k8s.io=1" in refusal(api, queue)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "11Gi"}}}
    assert "requested: requests.storage=11Gi, used: requests.storage=0" in refusal(
        api, manifest("PersistentVolumeClaim", "c", spec=claim)
    )


@pytest.mark.parametrize(
    ("scope", "counted", "free"),
    [
        ({"scopes": ["BestEffort"]}, pod("a"), pod("b", {"requests": {"cpu": 1}})),
        ({"scopes": ["NotBestEffort"]}, pod("a", {"requests": {"cpu": 1}}), pod("b")),
        ({"scopes": ["Terminating"]}, pod("a", activeDeadlineSeconds=60), pod("b")),
        ({"scopes": ["NotTerminating"]}, pod("a"), pod("b", activeDeadlineSeconds=60)),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["base"]}]
                }
            },
            pod("a", priorityClassName="base"),
            pod("b"),
        ),
    ],
)
def test_scopes_select_pods(api: KubernetesApi, scope: Object, counted: Object, free: Object) -> None:
    create(api, manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=1))
    create(api, manifest("ResourceQuota", "cap", spec={"hard": {"pods": 0}} | scope))
    create(api, free)
    assert "exceeded quota: cap" in refusal(api, counted)


def give_way() -> float:
    """Let other threads run between the admission of an object and its storage, when the API looks at its clock."""
    for _ in range(20):
        time.sleep(0)
    return 1_800_000_000.0


def test_concurrent_creates_never_exceed_a_quota() -> None:
    api = KubernetesApi(give_way)
    create(api, quota("cap", **{"requests.nvidia.com/gpu": 40}))

    def submit(number: int) -> bool:
        try:
            create(api, pod(f"p{number}", gpus(8)))
        except KubernetesError as error:
            assert "exceeded quota: cap" in str(error)
            return False
        return True

    with ThreadPoolExecutor(16) as executor:
        admitted = sum(executor.map(submit, range(60)))
    assert (admitted, used(api)) == (5, {"requests.nvidia.com/gpu": "40"})


def test_defaults_of_a_limit_range_come_before_quotas(api: KubernetesApi) -> None:
    create(api, quota("cap", **{"requests.cpu": 8, "limits.memory": "4Gi"}))
    create(api, limit_range({"type": "Container", "defaultRequest": {"cpu": 2}, "default": {"memory": "1Gi"}}))
    item = create(api, pod("a"))
    resources = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    assert item["spec"]["containers"][0]["resources"] == resources
    text = "LimitRanger plugin set: cpu, memory request for container train; memory limit for container train"
    assert item["metadata"]["annotations"] == {"kubernetes.io/limit-ranger": text}
    assert used(api) == {"limits.memory": "1Gi", "requests.cpu": "2"}


def test_the_largest_amount_of_a_limit_range_is_its_default(api: KubernetesApi) -> None:
    limits: Any = create(api, limit_range({"type": "Container", "max": {"cpu": 4}, "min": {"memory": "1Gi"}}))
    filled = {"default": {"cpu": "4"}, "defaultRequest": {"cpu": "4", "memory": "1Gi"}}
    assert limits["spec"]["limits"][0].items() >= filled.items()


@pytest.mark.parametrize(
    ("limit", "resources", "words"),
    [
        ({"max": {"cpu": 4}}, {"limits": {"cpu": 8}}, "maximum cpu usage per Container is 4, but limit is 8"),
        (
            {"type": "Pod", "max": {"memory": "1Gi"}},
            {},
            "maximum memory usage per Pod is 1Gi.  No limit is specified",
        ),
        ({"min": {"cpu": 2}}, {"requests": {"cpu": 1}}, "minimum cpu usage per Container is 2, but request is 1"),
        (
            {"type": "Pod", "min": {"nvidia.com/gpu": 1}},
            {},
            "minimum nvidia.com/gpu usage per Pod is 1.  No request is specified",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": 2}},
            {"requests": {"cpu": 1}, "limits": {"cpu": 3}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": 2}},
            {},
            "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
        ),
        (
            {"max": {"cpu": 4, "memory": "1Gi"}},
            {"limits": {"cpu": 8, "memory": "2Gi"}},
            "[maximum cpu usage per Container is 4, but limit is 8, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
        ),
    ],
)
def test_amounts_outside_a_limit_range_are_refused(
    api: KubernetesApi, limit: Object, resources: Object, words: str
) -> None:
    create(api, limit_range({"type": "Container"} | limit))
    assert refusal(api, pod("a", resources)) == f'Error from server (Forbidden): pods "a" is forbidden: {words}'


def test_a_limit_range_bounds_volume_claims(api: KubernetesApi) -> None:
    create(api, limit_range({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}))
    for size, words in (
        ("3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"),
        ("1Mi", "minimum storage"),
    ):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        assert words in refusal(api, manifest("PersistentVolumeClaim", "c", spec=spec))


def test_a_deleted_owner_without_a_namespace_frees_the_quota_of_its_pods(api: KubernetesApi) -> None:
    create(api, quota("cap", pods=1))
    owner = create(api, manifest("PriorityClass", "base", "scheduling.k8s.io/v1", value=1))
    item = pod("a")
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": "PriorityClass",
        "name": "base",
        "uid": owner["metadata"]["uid"],
    }
    item["metadata"]["ownerReferences"] = [reference]
    create(api, item)
    assert used(api) == {"pods": "1"}
    api.delete(kind(owner), "", "base")
    assert used(api) == {"pods": "0"}
