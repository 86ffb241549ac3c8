"""Chapter `hyperpod` of the demo: its output, and its refusals."""

import re
from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane.environment import Environment
from fairlane_local import LocalAws, LocalAwsError
from fairlane_local.console.print_hyperpod import print_hyperpod
from fairlane_local.kubernetes.clusters import kubernetes_api
from tests.fairlane_local.console.test_demo import run_demo
from tests.fairlane_local.hyperpod.support import LOCATION, Place, quota
from tests.fairlane_local.kubernetes.support import create, manifest
from tests.support import REPOSITORY, without_network


@pytest.mark.slow
def test_the_output_matches_the_page_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "kubernetes-on-localhost.md").read_text()
    (block,) = re.findall(r"```text\n(HyperPod cluster training.*?)```", page, re.DOTALL)
    settings = {"HOME": str(tmp_path), "HTTP_PROXY": "http://localhost:1", "COLUMNS": "80"}
    output = run_demo(*without_network(), arguments=("--chapter", "hyperpod"), **settings)
    shown, _, elastic = output[output.index(block.partition("\n")[0] + "\nsystem") :].partition("\nAn elastic job on")
    sizes = " ".join(re.findall(r"^ +(\d+) +\d+  \d+ to \d+", elastic, re.MULTILINE))
    assert "8 4" in sizes  # at a low speed of the computer, the first change comes before the first step
    assert "\n150 steps, " in elastic
    assert " 0 steps computed again\n4,800 samples, each seen once\n" in elastic
    assert [line.rstrip() for line in shown.splitlines()] == block.splitlines()
    assert "No Moto" not in output
    monkeypatch.chdir(REPOSITORY)
    assert main(["hyperpod", "quotas", "-c", "environment=hyperpod"]) == 0
    assert capfd.readouterr().out in output


def test_the_chapter_is_not_kept(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "--chapter", "hyperpod", "--keep"]) == 1
    message = "fairlane: the local AWS of the chapter hyperpod cannot be kept: leave out --keep\n"
    assert capfd.readouterr() == ("", message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chapter", "hyperpod"], "--agent: leave out the environment, --chapter and --keep"),
        ([], "{} has no hyperpodrun: install PyTorch and hyperpod-elastic-agent there"),
    ],
)
def test_an_agent_needs_its_virtual_environment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "--agent", str(tmp_path), *arguments]) == 1
    assert capfd.readouterr() == ("", f"fairlane: {message.format(tmp_path)}\n")


def test_an_environment_without_a_cluster_is_refused(aws: LocalAws) -> None:
    environment = Environment.model_validate({"region": "us-east-1"})
    with pytest.raises(LocalAwsError, match="no HyperPod cluster: add one to the key hyperpod"):
        print_hyperpod(aws, environment)


@pytest.mark.slow
def test_caps_and_teams_are_those_of_the_cluster_that_is_named(
    aws: LocalAws, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(aws)
    for name, cluster, team in (("a-kube", "other", "audio"), ("kube", "training", "vision")):
        request = place.request(place.create_kubernetes(name)) | {"ClusterName": cluster}
        arn = place.sagemaker.create_cluster(**request)["ClusterArn"]
        sharing = {"ResourceSharingConfig": {"Strategy": "Lend"}}
        own = quota(arn, team)
        place.sagemaker.create_compute_quota(**own | {"ComputeQuotaConfig": own["ComputeQuotaConfig"] | sharing})
        cap = manifest("ResourceQuota", "cap", spec={"hard": {"requests.nvidia.com/gpu": "8"}})
        create(kubernetes_api(*LOCATION, name), cap, f"hyperpod-ns-{team}")
    group = {"system": {"instance_type": "ml.m5.2xlarge", "instance_count": 2}}
    clusters = {"training": {"kubernetes": {"chart": "oci://example.com/chart:0.1.0"}, "instance_groups": group}}
    environment = Environment.model_validate(
        {"region": "us-east-1", "network": {"nat_gateways": 2}, "hyperpod": clusters}
    )
    print_hyperpod(aws, environment)
    output = capsys.readouterr().out
    assert ("hyperpod-ns-vision" in output, "vision" in output, "audio" in output) == (True, True, False)
