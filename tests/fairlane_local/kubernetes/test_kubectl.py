"""A real kubectl against the local Kubernetes API."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.kubernetes import manifests
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.kubernetes.errors import Object
from fairlane_local.kubernetes.kubeconfig import find_cluster, kubeconfig, write_kubeconfig
from tests.fairlane_local.kubernetes.support import gpus, manifest, pod, quota
from tests.fairlane_local.kubernetes.test_patches import container, deployment
from tests.fairlane_local.kubernetes.test_server import LOCATION, create_cluster

pytestmark = pytest.mark.slow

_DIFFERENT = 1
"""Exit status of `kubectl diff` if objects differ."""
Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with LocalAws() as aws:
        create_cluster(aws.port)
        yield aws.port


@pytest.fixture
def kubectl(port: int, kubectl_path: Path, tmp_path: Path) -> Kubectl:
    """Return a function that runs kubectl in a namespace of its own, with objects as its standard input."""
    file, namespace = tmp_path / "kubeconfig", f"t{os.urandom(4).hex()}"
    write_kubeconfig(kubeconfig(port, find_cluster(port, "training")), file)
    environment = {"KUBECONFIG": str(file), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def run(*arguments: str, objects: Any = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(kubectl_path), "--namespace", namespace, *arguments]
        text = None if objects is None else json.dumps(objects)
        result = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == code, (result.stdout, result.stderr)
        return result

    run("apply", "-f", "-", objects=manifest("Namespace", namespace))
    return run


def value(kubectl: Kubectl, *arguments: str) -> Any:
    return json.loads(kubectl("get", *arguments, "--output", "json").stdout)


def test_objects_are_applied_listed_and_deleted(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", objects=quota("cap", pods="3")).stdout == "resourcequota/cap created\n"
    assert kubectl("apply", "-f", "-", objects=quota("cap", pods="3")).stdout == "resourcequota/cap unchanged\n"
    assert kubectl("apply", "-f", "-", objects=quota("cap", pods="4")).stdout == "resourcequota/cap configured\n"
    header, row = kubectl("get", "quota").stdout.splitlines()
    assert header.split() == ["NAME", "REQUEST", "LIMIT", "AGE"]
    assert row.split()[:3] == ["cap", "pods:", "0/4"]
    text = kubectl("get", "resourcequota", "cap", "-o", "yaml").stdout
    assert text.startswith("apiVersion: v1\nkind: ResourceQuota\n")
    assert 'status:\n  hard:\n    pods: "4"\n  used:\n    pods: "0"\n' in text
    assert kubectl("delete", "quota", "cap").stdout.startswith('resourcequota "cap" deleted')
    error = kubectl("get", "quota", "cap", code=1).stderr
    assert error == 'Error from server (NotFound): resourcequotas "cap" not found\n'


def test_kinds_are_discovered(kubectl: Kubectl) -> None:
    kinds = [line.split()[-1] for line in kubectl("api-resources", "--no-headers").stdout.splitlines()]
    assert {"HyperPodPyTorchJob", "LocalQueue", "NodePool", "Pod", "PriorityClass", "ResourceQuota"} <= set(kinds)
    assert "Server Version: v1.34" in kubectl("version").stdout
    assert kubectl("get", "all").stderr.startswith("No resources found")


def test_differences_are_shown_and_dry_runs_change_nothing(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", objects=quota("cap", pods="3"))
    kubectl("diff", "-f", "-", objects=quota("cap", pods="3"))
    difference = kubectl("diff", "-f", "-", objects=quota("cap", pods="4"), code=_DIFFERENT).stdout.splitlines()
    changed = [line for line in difference if line[0] in "+-" and line[1] not in "+-"]
    assert changed == ["-  generation: 1", "+  generation: 2", '-    pods: "3"', '+    pods: "4"']
    dry = kubectl("apply", "--dry-run=server", "-f", "-", objects=quota("cap", pods="4")).stdout
    assert dry == "resourcequota/cap configured (server dry run)\n"
    assert kubectl("apply", "--dry-run=server", "-f", "-", objects=quota("b", pods="4")).stdout.startswith(
        "resourcequota/b created"
    )
    assert [item["spec"]["hard"]["pods"] for item in value(kubectl, "quota")["items"]] == ["3"]


def test_three_kinds_of_patches(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", objects=deployment(container("a", X="1"), container("b")))

    def patch(kind: str, change: Any) -> Any:
        kubectl("patch", "deployment", "d", "--type", kind, "--patch", json.dumps(change))
        return value(kubectl, "deployment", "d")["spec"]

    strategic = {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}}
    images = [item["image"] for item in patch("strategic", {"spec": strategic})["template"]["spec"]["containers"]]
    assert images == ["a:2", "b:1"]
    assert patch("merge", {"spec": {"replicas": 3}})["replicas"] == 3
    removed = patch("json", [{"op": "remove", "path": "/spec/template/spec/containers/1"}])
    assert [item["name"] for item in removed["template"]["spec"]["containers"]] == ["a"]


def test_refusals_are_printed(kubectl: Kubectl) -> None:
    misspelt = manifest("ResourceQuota", "cap", spec={"hards": {"pods": "3"}})
    error = kubectl("apply", "-f", "-", objects=misspelt, code=1).stderr
    assert 'Error from server (BadRequest): error when creating "STDIN"' in error
    assert 'strict decoding error: unknown field "spec.hards"' in error
    warned = kubectl("apply", "--validate=warn", "-f", "-", objects=misspelt).stderr
    assert warned == 'Warning: unknown field "spec.hards"\n'
    kubectl("delete", "quota", "cap")
    kubectl("apply", "-f", "-", objects=quota("cap", **{"requests.nvidia.com/gpu": "8"}))
    kubectl("apply", "-f", "-", objects=pod("a", gpus(8)))
    error = kubectl("create", "-f", "-", objects=pod("b", gpus(1)), code=1).stderr
    assert error == (
        'Error from server (Forbidden): error when creating "STDIN": pods "b" is forbidden: exceeded quota: cap, '
        "requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=8, limited: requests.nvidia.com/gpu=8\n"
    )
    error = kubectl("create", "-f", "-", objects=pod("a", gpus(1)), code=1).stderr
    assert error == 'Error from server (AlreadyExists): error when creating "STDIN": pods "a" already exists\n'
    error = kubectl("apply", "-f", "-", objects=manifest("Certificate", "c", "cert-manager.io/v1"), code=1).stderr
    assert 'no matches for kind "Certificate" in version "cert-manager.io/v1"' in error


def test_what_is_left_out_is_refused_in_plain_words(kubectl: Kubectl) -> None:
    assert (
        "use apply -f without --server-side"
        in kubectl("apply", "--server-side", "-f", "-", objects=quota("a"), code=1).stderr
    )
    assert "does not read protobuf: use apply -f" in kubectl("create", "namespace", "x", code=1).stderr
    assert "watch is not supported" in kubectl("get", "pods", "--watch", code=1).stderr


def test_a_namespace_is_deleted_with_what_is_in_it(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", objects=manifest("Namespace", "team"))
    kubectl("apply", "-n", "team", "-f", "-", objects=pod("p"))
    assert kubectl("delete", "namespace", "team").stdout == 'namespace "team" deleted\n'
    assert kubectl("get", "pods", "-n", "team").stderr == "No resources found in team namespace.\n"


def test_custom_resources_are_applied(kubectl: Kubectl) -> None:
    queue = manifest("LocalQueue", "q", "kueue.x-k8s.io/v1beta1", spec={"clusterQueue": "c"})
    kubectl("apply", "-f", "-", objects=queue)
    changed = kubectl("apply", "-f", "-", objects=queue | {"spec": {"clusterQueue": "c", "stopPolicy": "Hold"}})
    assert changed.stdout == "localqueue.kueue.x-k8s.io/q configured\n"
    assert value(kubectl, "queue", "q")["spec"]["stopPolicy"] == "Hold"


_HISTORY: list[Object] = [
    deployment(container("a", X="1", Y="2"), container("b"), volumes=[{"name": "v", "emptyDir": {}}]),
    deployment(container("b", Z="1"), container("a", Y="3"), volumes=[{"name": "v", "configMap": {"name": "m"}}]),
    deployment(container("b"), container("c", X="1"), tolerations=[{"key": "gpu", "operator": "Exists"}]),
    deployment(container("c", X="1"), nodeSelector={"a": "b"}, tolerations=[{"key": "efa", "operator": "Exists"}]),
    deployment(container("a")),
]


def test_stacks_apply_manifests_as_kubectl_does(kubectl: Kubectl) -> None:
    """Each step of a history ends in the same specification, and each can go on where the other ended."""
    api = kubernetes_api(*LOCATION)
    for index, item in enumerate(_HISTORY):
        kubectl("apply", "-f", "-", objects=item)
        manifests.apply(api, [item])
        expected = value(kubectl, "deployment", "d", "-n", "default")["spec"]
        assert value(kubectl, "deployment", "d")["spec"] == expected, index
    for index, item in enumerate(reversed(_HISTORY)):
        if index % 2:
            manifests.apply(api, [item])
        else:
            kubectl("apply", "-n", "default", "-f", "-", objects=item)
        kubectl("apply", "-f", "-", objects=item)
        expected = value(kubectl, "deployment", "d", "-n", "default")["spec"]
        assert value(kubectl, "deployment", "d")["spec"] == expected, index
