"""Command `fairlane hyperpod quotas`, with settings of clusters as values."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fairlane import environment
from fairlane.cli import main
from fairlane.hyperpod import Cap, Governance, Sharing
from tests.fairlane.hyperpod.governance import P5, group, pool, quota, team
from tests.support import REPOSITORY

SETTINGS = SimpleNamespace(
    governance=Governance(),
    teams=[
        team("research", count=8, borrow_limit=200, cap=Cap(requests={"nvidia.com/gpu": 128})),
        team("inference", quota(accelerators=96), sharing=Sharing.LEND),
        team("batch", count=4),
    ],
    instance_groups=[group(32)],
    node_pools=[],
)
POOLED = SimpleNamespace(
    governance=Governance(),
    teams=[team("only", quota(P5, vcpus=96))],
    instance_groups=[group(0)],
    node_pools=[pool("gpu")],
)


@pytest.fixture
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "lab.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {"gpu": SETTINGS}
    regions = {"us-east-1": SimpleNamespace(hyperpod=settings)}
    loaded = SimpleNamespace(region="us-east-1", by_region=lambda: regions)
    monkeypatch.setattr(environment, "load_environment", lambda path: loaded)
    return settings


def test_the_table_has_a_line_for_each_team_and_resource(
    clusters: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hyperpod", "quotas", "-c", "environment=lab"]) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0] == "gpu:"
    assert lines[1].split() == [
        "team",
        "instance",
        "type",
        "resource",
        "guaranteed",
        "may",
        "borrow",
        "ceiling",
        "cap",
        "lent",
        "refused",
    ]
    research, inference = (line for line in lines if "nvidia.com/gpu" in line and not line.startswith("batch"))
    assert research.split()[3:8] == ["64", "128", "128", "128", "64"]
    assert research.endswith("above 128: the cap of the team")
    assert inference.split()[3:8] == ["96", "0", "96", "-", "96"]
    assert inference.endswith("above 96: sharing Lend does not borrow")
    assert len(lines) == 2 + 9
    assert len({line.index(line.split()[1]) for line in lines[2:]}) == 1
    assert "gpu: a RayCluster holds the quota" in output.err


def test_clusters_are_separate_and_can_be_chosen(clusters: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    clusters["small"] = POOLED
    clusters["empty"] = SimpleNamespace(governance=Governance(), teams=[], instance_groups=[], node_pools=[])
    assert main(["hyperpod", "quotas", "-c", "environment=lab"]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith(("gpu:", "small:", "empty:"))] == [
        "gpu:",
        "small:",
        "empty: no team has a quota",
    ]
    assert main(["hyperpod", "quotas", "-c", "environment=lab", "--cluster", "small"]) == 0
    assert "research" not in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "words"), [((), "no cluster"), (("--cluster", "x"), "no cluster x")])
def test_an_environment_without_the_cluster_is_a_mistake(
    clusters: dict[str, Any], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    clusters.clear()
    assert main(["hyperpod", "quotas", "-c", "environment=lab", *arguments]) == 1
    assert f"hyperpod: the environment has {words}: add one to the key hyperpod" in capsys.readouterr().err


@pytest.mark.parametrize("context", ["lab", "environment=", "other=lab"])
def test_the_context_must_name_an_environment(capsys: pytest.CaptureFixture[str], context: str) -> None:
    with pytest.raises(SystemExit):
        main(["hyperpod", "quotas", "-c", context])
    assert "allowed: environment=NAME" in capsys.readouterr().err


def test_the_clusters_are_those_of_the_environment_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["hyperpod", "quotas", "-c", "environment=hyperpod"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "nvidia.com/gpu" in line]
    assert [(line[0], *line[3:8]) for line in lines] == [
        ("inference", "128", "0", "128", "128", "128"),
        ("pretraining", "96", "96", "192", "192", "96"),
        ("research", "32", "96", "128", "128", "32"),
    ]


def test_clusters_of_other_regions_have_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = (
        "{kubernetes: {chart: 'oci://registry.example.com/chart:1.0.0'}, instance_groups: {p5: {instance_type: "
        "ml.p5.48xlarge, instance_count: 2}}, teams: {a: {quota: {ml.p5.48xlarge: 1}}}}"
    )
    part = f"network: {{}}, hyperpod: {{train: {cluster}}}"
    (tmp_path / "environments").mkdir()
    file = tmp_path / "environments" / "lab.yaml"
    file.write_text(f"{{region: us-east-1, {part}, regions: {{us-west-2: {{{part}}}}}}}")
    monkeypatch.chdir(tmp_path)
    assert main(["hyperpod", "quotas", "-c", "environment=lab", "--cluster", "train"]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if line.endswith(":")]
    assert titles == ["train:", "train (us-west-2):"]
