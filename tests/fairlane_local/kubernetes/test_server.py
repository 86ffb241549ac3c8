"""Kubernetes API over HTTP: access, paths, media types, tables, and its life with the EKS cluster."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fairlane.cli import main
from fairlane_local import LocalAws, LocalAwsError, client
from fairlane_local.kubernetes.access import ClusterLocation, endpoint
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.kubernetes.support import create, manifest, quota

ACCOUNT = "123456789012"
LOCATION = ClusterLocation(ACCOUNT, "us-east-1", "training")


def create_cluster(port: int, name: str = "training", region: str = "us-east-1") -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/eks"
    eks = client("eks", port, ACCOUNT, region)
    eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with LocalAws() as aws:
        create_cluster(aws.port)
        yield aws.port


def send(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, root: str = ""
) -> tuple[int, Any]:
    own = root or urlsplit(endpoint(port, get_credentials(port).token, LOCATION)).path
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
    connection.request(method, own + path, content, {"Content-Type": "application/json"} | (headers or {}))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    is_json = response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(text) if is_json else text


def test_an_object_is_created_read_changed_and_deleted(port: int) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    status, item = send(port, "POST", path, manifest("ConfigMap", "a", data={"x": "1"}))
    assert (status, item["metadata"]["namespace"]) == (201, "default")
    assert send(port, "GET", f"{path}/a") == (200, item)
    assert send(port, "PUT", f"{path}/a", item | {"data": {"x": "2"}})[1]["data"] == {"x": "2"}
    merge = {"Content-Type": "application/merge-patch+json"}
    assert send(port, "PATCH", f"{path}/a?dryRun=All", {"data": {"x": "3"}}, merge)[1]["data"] == {"x": "3"}
    status, deleted = send(
        port, "DELETE", f"{path}/a", {"kind": "DeleteOptions", "preconditions": {"uid": item["metadata"]["uid"]}}
    )
    assert (status, deleted["status"]) == (200, "Success")
    send(port, "POST", path, manifest("ConfigMap", "b", data={}))
    assert send(port, "DELETE", f"{path}?labelSelector=none")[1]["items"] == []
    assert len(send(port, "DELETE", path)[1]["items"]) == 1
    assert send(port, "GET", "/api/v1/configmaps")[1] | {"metadata": {}} == {
        "apiVersion": "v1",
        "kind": "ConfigMapList",
        "metadata": {},
        "items": [],
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "code", "message"),
    [
        ("GET", "/api/v1/namespaces/team", None, {}, 404, 'namespaces "team" not found'),
        ("GET", "/api/v1/things", None, {}, 404, "the server could not find the requested resource"),
        ("GET", "/apis/none/v1", None, {}, 404, "the server could not find the requested resource"),
        ("GET", "/api/v1/pods/p", None, {}, 404, "the server could not find the requested resource"),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps/c/log",
            None,
            {},
            404,
            "the server could not find the requested resource",
        ),
        ("GET", "/api/v1/namespaces/default/pods/p/log", None, {}, 404, 'pods "p" not found'),
        ("PUT", "/api/v1/namespaces/default/pods/p/log", {}, {}, 405, "the server does not allow this method"),
        ("DELETE", "/api/v1/namespaces/default/pods/p/log", None, {}, 405, "the server does not allow this method"),
        ("GET", "/api/v1/namespaces/default/nodes", None, {}, 404, "the server could not find the requested resource"),
        ("GET", "/", None, {}, 404, "the server could not find the requested resource"),
        ("GET", "/api/v1/pods?watch=true", None, {}, 405, "watch is not supported by the local Kubernetes API"),
        ("PUT", "/api/v1/namespaces", {}, {}, 405, "the server does not allow this method on the requested resource"),
        (
            "POST",
            "/api/v1/namespaces/a",
            {},
            {},
            405,
            "the server does not allow this method on the requested resource",
        ),
        (
            "TRACE",
            "/api/v1/namespaces",
            None,
            {},
            405,
            "the server does not allow this method on the requested resource",
        ),
        ("POST", "/api/v1/namespaces", b"{", {}, 400, "json parse error"),
        ("POST", "/api/v1/namespaces", b'{"a":' * 5000 + b"1" + b"}" * 5000, {}, 400, "nested too deeply"),
        ("POST", "/api/v1/namespaces", b'{"a":' * 900 + b"1" + b"}" * 900, {}, 400, "nested too deeply"),
        ("POST", "/api/v1/namespaces", [], {}, 400, "the object provided is unrecognized"),
        ("POST", "/api/v1/namespaces", {"metadata": []}, {}, 400, "the object provided is unrecognized"),
        ("POST", "/api/v1/namespaces", manifest("Pod", "a"), {}, 400, "does not match the expected API version"),
        ("POST", "/api/v1/namespaces", b" " * 3_145_729, {}, 413, "Request entity too large: limit is 3145728"),
        (
            "POST",
            "/api/v1/namespaces",
            {},
            {"Content-Type": "application/vnd.kubernetes.protobuf"},
            415,
            "the local Kubernetes API does not read protobuf: use apply -f",
        ),
        (
            "POST",
            "/api/v1/namespaces?fieldValidation=Strict",
            manifest("Namespace", "a", colour="red"),
            {},
            400,
            'strict decoding error: unknown field "colour"',
        ),
    ],
)
def test_a_wrong_request_is_a_status(
    port: int, method: str, path: str, body: object, headers: dict[str, str], code: int, message: str
) -> None:
    status, content = send(port, method, path, body, headers)
    assert (status, content["kind"], content["code"]) == (code, "Status", code)
    assert message in content["message"]


def test_kubectl_gets_tables(port: int) -> None:
    path = "/api/v1/namespaces/default/resourcequotas"
    send(port, "POST", path, quota("cap", **{"requests.cpu": 8, "limits.memory": "1Gi"}))
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    table = send(port, "GET", path, headers=accept)[1]
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Request", "Limit", "Age"]
    assert table["rows"][0]["cells"][:3] == ["cap", "requests.cpu: 0/8", "limits.memory: 0/1Gi"]
    assert send(port, "GET", f"{path}/cap", headers=accept)[1]["rows"][0]["object"]["metadata"]["name"] == "cap"
    whole = send(port, "GET", f"{path}?includeObject=Object", headers=accept)[1]
    assert whole["rows"][0]["object"]["spec"]["hard"]["requests.cpu"] == "8"


@pytest.mark.parametrize(("version", "member"), [("v1beta1", "cohort"), ("v1beta2", "cohortName")])
def test_the_table_of_cluster_queues_has_their_cohort(port: int, version: str, member: str) -> None:
    path = f"/apis/kueue.x-k8s.io/{version}/clusterqueues"
    send(port, "POST", path, manifest("ClusterQueue", version, f"kueue.x-k8s.io/{version}", spec={member: "hyperpod"}))
    table = send(port, "GET", f"{path}/{version}", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})[
        1
    ]
    assert table["rows"][0]["cells"][:2] == [version, "hyperpod"]


def test_the_path_needs_the_key_of_this_start(port: int) -> None:
    root = urlsplit(endpoint(port, "another token", LOCATION)).path
    status, content = send(port, "GET", "/api/v1/namespaces", root=root)
    assert (status, content["kind"], content["reason"]) == (403, "Status", "Forbidden")
    assert content["message"].endswith("run fairlane local kubeconfig")
    status, content = send(port, "GET", "/api/v1/namespaces", headers={"Origin": "http://example.com"})
    assert (status, content["message"]) == (403, "web pages of other origins must not use the local AWS")


def test_the_api_lives_as_long_as_its_cluster(port: int) -> None:
    location = LOCATION._replace(name="short")
    root = urlsplit(endpoint(port, get_credentials(port).token, location)).path
    create_cluster(port, "short")
    create(kubernetes_api(*location), manifest("Namespace", "team"))
    assert send(port, "GET", "/api/v1/namespaces/team", root=root)[0] == 200
    client("eks", port, ACCOUNT, "us-east-1").delete_cluster(name="short")
    status, content = send(port, "GET", "/api/v1/namespaces/team", root=root)
    assert (status, content["message"]) == (
        503,
        f"there is no EKS cluster short in the account {ACCOUNT} and Region us-east-1",
    )
    with pytest.raises(LocalAwsError, match="there is no EKS cluster short"):
        kubernetes_api(*location)
    create_cluster(port, "short")
    assert send(port, "GET", "/api/v1/namespaces/team", root=root)[0] == 404
    client("eks", port, ACCOUNT, "us-east-1").delete_cluster(name="short")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, port: int) -> tuple[int, str, str]:
    code = main(["local", "kubeconfig", *arguments, "--port", str(port)])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_kubeconfig_is_printed_or_written(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, port=port)
    url = endpoint(port, get_credentials(port).token, LOCATION)
    assert (code, f"server: {url}" in printed, "current-context: fairlane-local/training" in printed) == (0, True, True)
    file = tmp_path / "my config"
    for _ in range(2):
        code, output, _ = run(capsys, "training", "--output", str(file), port=port)
        assert (code, file.read_text(), file.stat().st_mode & 0o777) == (0, printed, 0o600)
        assert f"  export KUBECONFIG='{file}'" in output


def test_a_file_of_others_is_not_replaced(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", "contexts: [{name: production}]", "a: b: c", "contexts: [{name: fairlane-local/x}, {name: mine}]"):
        (tmp_path / "config").write_text(text)
        code, _, error = run(capsys, "--output", str(tmp_path / "config"), port=port)
        assert code == 1
        assert error.endswith("config is not a configuration of a local AWS: choose another file\n")
        assert (tmp_path / "config").read_text() == text
    code, _, error = run(capsys, "--output", str(tmp_path), port=port)
    assert (code, error) == (1, f"fairlane: {tmp_path} cannot be written: Is a directory\n")


def test_a_cluster_is_found_by_name_or_arn(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "other", port=port) == (
        1,
        "",
        "fairlane: the local AWS has no EKS cluster other; its clusters: training\n",
    )
    create_cluster(port, region="eu-west-1")
    arns = [f"arn:aws:eks:{region}:{ACCOUNT}:cluster/training" for region in ("eu-west-1", "us-east-1")]
    code, _, error = run(capsys, "training", port=port)
    assert code == 1
    assert error.startswith("fairlane: the local AWS has several such EKS clusters; name one of:\n")
    assert all(f"  {arn}\n" in error for arn in arns)
    assert "/eu-west-1/training" in run(capsys, arns[0], port=port)[1]
    client("eks", port, ACCOUNT, "eu-west-1").delete_cluster(name="training")


def test_kubeconfig_needs_a_local_aws_with_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, port=1)[2] == "fairlane: no local AWS is running on port 1: run fairlane local start --port 1\n"
