"""Custom resources of the CDK, applied as its function applies them."""

import json
from typing import Any

import pytest

from fairlane.hyperpod.team import Cap, ContainerDefaults, QuotaResource, Team
from fairlane.hyperpod.team_objects import cluster_objects, team_objects
from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import KubernetesError, Object
from fairlane_local.kubernetes.manifests import apply_resource
from tests.fairlane_local.kubernetes.support import create, get, gpus, manifest, new_api, pod, quota, refusal

LABEL = "aws.cdk.eks/prune-1"


@pytest.fixture
def api() -> KubernetesApi:
    return new_api()


def properties(*items: Object, **others: Any) -> Object:
    return {"ClusterName": "c", "Manifest": json.dumps(items), **others}


def labelled(kind: str, name: str, **members: Any) -> Object:
    return manifest(kind, name, **members) | {"metadata": {"name": name, "labels": {LABEL: ""}}}


def exists(api: KubernetesApi, item: Object) -> bool:
    try:
        get(api, item)
    except KubernetesError:
        return False
    return True


def test_objects_are_created_updated_and_deleted(api: KubernetesApi) -> None:
    item = quota("q", pods=1)
    apply_resource(api, "Create", properties(item))
    applied = get(api, item)["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert json.loads(applied)["spec"] == {"hard": {"pods": 1}}
    apply_resource(api, "Update", properties(quota("q", services=1)))
    assert get(api, item)["spec"] == {"hard": {"services": "1"}}
    apply_resource(api, "Delete", properties(item))
    assert not exists(api, item)
    apply_resource(api, "Delete", properties(item, manifest("Unknown", "x")))


def test_an_object_that_exists_fails_the_creation_unless_it_may_be_overwritten(api: KubernetesApi) -> None:
    apply_resource(api, "Create", properties(quota("q", pods=1)))
    with pytest.raises(LocalAwsError, match=r'\(AlreadyExists\): resourcequotas "q" already exists'):
        apply_resource(api, "Create", properties(quota("q", pods=2)))
    apply_resource(api, "Create", properties(quota("q", pods=2), Overwrite="true"))
    assert get(api, quota("q"))["spec"] == {"hard": {"pods": "2"}}


def test_validation_can_be_skipped(api: KubernetesApi) -> None:
    item = quota("q", pods=1) | {"colour": "red"}
    with pytest.raises(LocalAwsError, match='unknown field "colour"'):
        apply_resource(api, "Create", properties(item))
    apply_resource(api, "Create", properties(item, SkipValidation="true"))
    assert "colour" not in get(api, item)


def test_an_update_prunes_only_the_kinds_that_kubectl_prunes(api: KubernetesApi) -> None:
    maps = [labelled("ConfigMap", name) for name in "ab"]
    cap = labelled("ResourceQuota", "q", spec={"hard": {"pods": 1}})
    apply_resource(api, "Create", properties(*maps, cap, PruneLabel=LABEL))
    other = labelled("ConfigMap", "c")
    create(api, other)
    apply_resource(api, "Update", properties(maps[0], PruneLabel=LABEL))
    assert [exists(api, item) for item in (*maps, cap, other)] == [True, False, True, True]


def test_the_objects_of_a_team_are_applied_and_cap_its_pods(api: KubernetesApi) -> None:
    quotas = [QuotaResource(instance_type="ml.p5.48xlarge", count=8)]
    defaults = ContainerDefaults(requests={"cpu": "1", "memory": "1Gi"})
    cap = Cap(instances={"ml.p5.48xlarge": 8})
    team = Team(team_name="vision", quota=quotas, cap=cap, container_defaults=defaults)
    create(api, manifest("Namespace", "hyperpod-ns-vision"))
    for request_type in ("Create", "Update"):
        for item in [*cluster_objects(), *team_objects(team)]:
            apply_resource(api, request_type, properties(item))
    create(api, pod("a", gpus(8)), "hyperpod-ns-vision")
    words = (
        "requested: requests.nvidia.com/gpu=57, used: requests.nvidia.com/gpu=8, limited: requests.nvidia.com/gpu=64"
    )
    assert words in refusal(api, pod("b", gpus(57)), "hyperpod-ns-vision")
