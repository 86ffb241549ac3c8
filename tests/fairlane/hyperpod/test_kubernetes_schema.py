"""Strict check of Kubernetes objects: good objects pass, and each kind of mistake is found with its path."""

import copy
import subprocess
import sys
from typing import Any

import pytest

from fairlane.hyperpod.kubernetes_schema import definitions, known_kinds, object_mistakes

POD_TEMPLATE = {
    "metadata": {"labels": {"app": "train"}, "annotations": None},
    "spec": {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 900,
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "trainer",
                "image": "image",
                "ports": [{"name": "agent", "containerPort": 8080}],
                "resources": {"requests": {"cpu": 176, "memory": "1800Gi", "nvidia.com/gpu": "8"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "agent"}},
            }
        ],
    },
}
GOOD: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": POD_TEMPLATE["spec"]},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"key": "dmFsdWU="}},
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "creationTimestamp": "2026-11-28T10:00:00Z"},
        "spec": {"suspend": True, "template": POD_TEMPLATE},
    },
    {
        "apiVersion": "sagemaker.amazonaws.com/v1",
        "kind": "HyperPodPyTorchJob",
        "metadata": {"name": "a"},
        "spec": {
            "nprocPerNode": "8",
            "replicaSpecs": [{"name": "worker", "replicas": 1, "maxReplicas": 8, "template": POD_TEMPLATE}],
            "elasticPolicy": {"minReplicas": 1, "maxReplicas": 8, "replicaDiscreteValues": [1, 2, 4, 8]},
            "runPolicy": {
                "cleanPodPolicy": "OnlyComplete",
                "ttlSecondsAfterFinished": -1,
                "restartPolicy": {"evalPeriodSeconds": 21600},
                "logMonitoringConfiguration": [{"name": "Start", "logPattern": ".*", "faultOnMatch": True}],
            },
        },
    },
    {
        "apiVersion": "karpenter.sagemaker.amazonaws.com/v1",
        "kind": "HyperpodNodeClass",
        "metadata": {"name": "gpu"},
        "spec": {"instanceGroups": ["p5"]},
    },
    {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {
            "limits": {"nvidia.com/gpu": 64},
            "disruption": {"consolidateAfter": "5m", "budgets": [{"nodes": "10%"}]},
            "template": {
                "spec": {
                    "nodeClassRef": {
                        "group": "karpenter.sagemaker.amazonaws.com",
                        "kind": "HyperpodNodeClass",
                        "name": "gpu",
                    },
                    "requirements": [{"key": "node.kubernetes.io/instance-type", "operator": "Exists"}],
                }
            },
        },
    },
    {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "LocalQueue",
        "metadata": {"name": "hyperpod-ns-vision-localqueue", "namespace": "hyperpod-ns-vision"},
        "spec": {"clusterQueue": "hyperpod-ns-vision-clusterqueue"},
    },
    {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "WorkloadPriorityClass",
        "metadata": {"name": "elastic-priority"},
        "value": 10,
    },
    {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": "a"},
        "spec": {"queueName": "q", "podSets": [{"name": "main", "count": 2, "template": POD_TEMPLATE}]},
    },
]
JOB = GOOD[4]


@pytest.mark.parametrize("document", GOOD, ids=lambda document: document["kind"])
def test_good_objects(document: dict[str, Any]) -> None:
    assert object_mistakes(document) == []


@pytest.mark.parametrize("document", GOOD, ids=lambda document: document["kind"])
def test_each_object_refuses_an_unknown_field_at_every_depth(document: dict[str, Any]) -> None:
    free = {"labels", "annotations", "requests", "limits", "data", "nodeSelector"}  # maps of any keys
    for path in _objects(document):
        if path and path[-1] in free:
            continue
        wrong = copy.deepcopy(document)
        _at(wrong, path)["fairlaneUnknown"] = 1
        (mistake,) = object_mistakes(wrong)
        assert mistake.endswith("fairlaneUnknown: unknown field")


@pytest.mark.parametrize("document", GOOD, ids=lambda document: document["kind"])
def test_each_object_refuses_another_type_at_every_field(document: dict[str, Any]) -> None:
    for path in _fields(document):
        wrong = copy.deepcopy(document)
        parent = _at(wrong, path[:-1])
        parent[path[-1]] = {} if not isinstance(parent[path[-1]], dict) else "text"
        assert object_mistakes(wrong), path


@pytest.mark.parametrize(
    ("path", "value", "mistake"),
    [
        (("spec", "runPolicy", "restartPolicy"), {}, "spec.runPolicy.restartPolicy.evalPeriodSeconds: missing"),
        (
            ("spec", "runPolicy", "cleanPodPolicy"),
            "Some",
            "spec.runPolicy.cleanPodPolicy: got 'Some', allowed: All, OnlyComplete, None",
        ),
        (
            ("spec", "nprocPerNode"),
            "many",
            "spec.nprocPerNode: got 'many', allowed: a text of the form ^(auto|cpu|gpu|[1-9][0-9]*)$",
        ),
        (("spec", "nprocPerNode"), 8, "spec.nprocPerNode: got 8, allowed: a text"),
        (("spec", "elasticPolicy", "minReplicas"), -1, "spec.elasticPolicy.minReplicas: got -1, allowed: 0 or more"),
        (("spec", "elasticPolicy", "minReplicas"), True, "spec.elasticPolicy.minReplicas: got True, allowed: a whole number"),
        (("spec", "replicaSpecs"), {}, "spec.replicaSpecs: got {}, allowed: a list"),
        (
            ("spec", "replicaSpecs", 0, "template", "spec", "containers", 0, "resources", "requests", "memory"),
            "1800GB",
            "spec.replicaSpecs[0].template.spec.containers[0].resources.requests.memory: got '1800GB', allowed: a "
            "quantity such as 64, 500m or 16384Gi",
        ),
        (("metadata",), None, "metadata: missing"),
    ],
)  # fmt: skip
def test_mistakes_name_the_field(path: tuple[str | int, ...], value: object, mistake: str) -> None:
    wrong = copy.deepcopy(JOB)
    _at(wrong, path[:-1])[path[-1]] = value
    assert object_mistakes(wrong) == [mistake]


def test_formats_and_counts() -> None:
    secret = GOOD[2] | {"data": {"key": "not base64"}}
    assert object_mistakes(secret) == ["data.key: got 'not base64', allowed: a text of the format byte"]
    node_class = GOOD[5] | {"spec": {"instanceGroups": [f"group-{number}" for number in range(11)]}}
    assert object_mistakes(node_class) == ["spec.instanceGroups: got 11 items, allowed: 1 to 10"]
    job = GOOD[3] | {"metadata": {"creationTimestamp": "yesterday"}}
    assert object_mistakes(job) == [
        "metadata.creationTimestamp: got 'yesterday', allowed: a text of the format date-time"
    ]


def test_all_mistakes_at_once() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "meta": {}, "spec": {"containers": [{"image": 1}]}}
    assert object_mistakes(pod) == [
        "meta: unknown field",
        "spec.containers[0].name: missing",
        "spec.containers[0].image: got 1, allowed: a text",
    ]


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ({"kind": "Pod"}, "apiVersion: missing; use a text"),
        ({"apiVersion": "v1"}, "kind: missing; use a text"),
        ({"apiVersion": "v2", "kind": "Pod"}, "kind: Pod of v2 has no schema"),
    ],
)
def test_objects_without_a_schema(document: dict[str, Any], mistake: str) -> None:
    assert object_mistakes(document) == [mistake]


def test_each_kind_has_a_schema_and_each_reference_a_definition() -> None:
    assert all(kind.definition in definitions() for kind in known_kinds().values())
    assert all(reference in definitions() for reference in _references(dict(definitions())))
    assert known_kinds()["v1", "ResourceQuota"].short_names == ("quota",)
    assert not known_kinds()["karpenter.sh/v1", "NodePool"].namespaced


def test_the_check_needs_no_aws_cdk() -> None:
    code = "import sys, fairlane.hyperpod.kubernetes_schema; sys.exit('aws_cdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _objects(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path, *(found for key, inner in value.items() for found in _objects(inner, (*path, key)))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in _objects(inner, (*path, index))]
    return []


def _fields(value: Any) -> list[tuple[Any, ...]]:
    return [(*path, key) for path in _objects(value) for key, inner in _at(value, path).items() if inner is not None]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in _references(inner)]
    return []
