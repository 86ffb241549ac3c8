"""Command `fairlane hyperpod check`, with files of manifests."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from fairlane import environment
from fairlane.cli import main
from fairlane.hyperpod import Governance, job_manifest
from tests.fairlane.hyperpod.elastic_jobs import job
from tests.fairlane.hyperpod.governance import group, team

MANIFEST = job_manifest(job())


def write(path: Path, *manifests: Any) -> str:
    with path.open("w") as file:
        YAML(typ="safe").dump_all(manifests, file)
    return str(path)


def test_a_rendered_manifest_has_no_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hyperpod", "check", write(tmp_path / "job.yaml", MANIFEST)]) == 0
    assert capsys.readouterr() == ("", "")


def test_each_mistake_has_the_file_the_object_and_the_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = copy.deepcopy(MANIFEST)
    wrong["spec"]["elasticPolicy"]["maxReplicas"] = 9
    wrong["metadata"].pop("labels")
    wrong["metadata"].pop("namespace")
    one, two = write(tmp_path / "one.yaml", wrong), write(tmp_path / "two.yaml", MANIFEST, wrong)
    assert main(["hyperpod", "check", one, two]) == 1
    output = capsys.readouterr()
    texts = [
        "spec.elasticPolicy.maxReplicas: steps of 2 from 2 do not reach 9: use 8 or 10",
        "spec.replicaSpecs[0].maxReplicas: 8, and the maximum of the policy is 9: use the same number",
    ]
    assert output.out.splitlines() == [f"{name}: {text}" for name in (one, f"{two}, object 2") for text in texts]
    assert [line.partition(": the job has no label")[0] for line in output.err.splitlines()] == [
        one,
        f"{two}, object 2",
    ]


def test_a_checkpoint_is_compared_with_the_graceful_shutdown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "job.yaml", MANIFEST)
    assert main(["hyperpod", "check", file, "--checkpoint-gib", "1200", "--write-gib-per-second", "2"]) == 0
    assert main(["hyperpod", "check", file, "--checkpoint-gib", "1200"]) == 1
    assert "gracefulShutdownTimeoutInSeconds: 600 seconds are too short" in capsys.readouterr().out
    for text in ("0", "many", "inf"):
        with pytest.raises(SystemExit):
            main(["hyperpod", "check", file, "--checkpoint-gib", text])
        assert f"got {text!r}, allowed: a number of GiB above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file has no object: add a HyperPodPyTorchJob"),
        ("a: [1", "line 1, invalid YAML: "),
        ("a: 1\na: 2", "line 2, invalid YAML: while constructing a mapping, found duplicate key"),
        ("- 1", "[0]: got [1], allowed: an object of Kubernetes"),
        ("a: \x00", "line 1, the file has the character"),
    ],
)
def test_a_file_that_is_no_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text)
    assert main(["hyperpod", "check", str(file)]) == 1
    assert sentence in capsys.readouterr().err
    assert main(["hyperpod", "check", str(tmp_path / "none.yaml")]) == 1
    assert "the file cannot be read" in capsys.readouterr().err


def test_jobs_are_compared_with_the_cluster_of_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "lab.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    settings = {"governance": Governance(), "instance_groups": [group(32)], "node_pools": []}
    small = SimpleNamespace(teams=[team()], **settings)
    large = SimpleNamespace(teams=[team(count=8)], **settings)
    clusters: dict[str, Any] = {"small": small, "large": large}
    regions = {"us-east-1": SimpleNamespace(hyperpod=clusters)}
    loaded = SimpleNamespace(region="us-east-1", by_region=lambda: regions)
    monkeypatch.setattr(environment, "load_environment", lambda path: loaded)
    command = ["hyperpod", "check", write(tmp_path / "job.yaml", MANIFEST), "-c", "environment=lab"]
    assert main([*command, "--cluster", "large"]) == 0
    assert main([*command, "--cluster", "small"]) == 1
    assert (
        "spec.elasticPolicy.maxReplicas: 8 replicas need 64 nvidia.com/gpu, and team research"
        in capsys.readouterr().out
    )
    assert main(command) == 1
    assert "hyperpod: choose one of the clusters with --cluster or --region: small, large" in capsys.readouterr().err
    regions["us-west-2"] = SimpleNamespace(hyperpod={"large": small})
    assert main([*command, "--cluster", "large"]) == 1
    assert "with --cluster or --region: small, large, large (us-west-2)" in capsys.readouterr().err
    assert main([*command, "--cluster", "large", "--region", "us-east-1"]) == 0
    assert main([*command[:3], "--cluster", "large"]) == 1
    assert "choose a cluster of an environment: add -c environment=NAME" in capsys.readouterr().err
    del regions["us-west-2"]
    clusters.clear()
    assert main(command) == 1
    assert "hyperpod: the environment has no cluster" in capsys.readouterr().err
