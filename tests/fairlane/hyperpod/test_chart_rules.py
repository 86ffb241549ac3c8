import tarfile
from pathlib import Path

import pytest
from aws_cdk import Fn

from fairlane.hyperpod.chart_rules import chart_problems

CHART = """\
apiVersion: v2
name: hyperpod-helm-chart
version: 0.1.0
dependencies:
  - name: cert-manager
    version: v1.18.2
    repository: oci://quay.io/jetstack/charts
    condition: cert-manager.enabled
  - name: hyperpod-inference-operator
    version: 2.2.2
    repository: file://charts/inference-operator
"""


def problems(chart: object) -> list[str]:
    return [str(problem) for problem in chart_problems(chart)]


def add_chart(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "Chart.yaml").write_text(CHART)
    add_chart(tmp_path / "charts" / "inference-operator", "hyperpod-inference-operator")
    return tmp_path


def test_a_chart_without_its_remote_dependencies_is_refused(chart: Path) -> None:
    assert problems(str(chart)) == [
        f"chart: the folder charts lacks the dependencies cert-manager: run helm dependency build {chart} before synth"
    ]


def test_dependencies_are_found_as_archives_and_folders_by_the_name_inside(chart: Path) -> None:
    add_chart(chart / "build" / "cert-manager", "cert-manager")
    with tarfile.open(chart / "charts" / "other-name.tgz", "w:gz") as archive:
        archive.add(chart / "build" / "cert-manager", "cert-manager")
    assert problems(str(chart)) == []


def test_the_lock_file_counts_too(chart: Path) -> None:
    add_chart(chart / "charts" / "cert-manager", "cert-manager")
    (chart / "Chart.lock").write_text("dependencies:\n- name: nvidia-device-plugin\n  version: 0.16.1\n")
    assert problems(str(chart)) == [
        "chart: the folder charts lacks the dependencies nvidia-device-plugin: "
        f"run helm dependency build {chart} before synth"
    ]


def test_a_chart_without_dependencies_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: small\n")
    assert problems(str(tmp_path)) == []


@pytest.mark.parametrize("content", ["a: [", "\tname: x"])
def test_a_broken_chart_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "Chart.yaml").write_text(content)
    (problem,) = problems(str(tmp_path))
    assert problem.startswith(f"chart: {tmp_path} is not a Helm chart: ")


def test_a_broken_archive_is_refused(chart: Path) -> None:
    (chart / "charts" / "cert-manager-v1.18.2.tgz").write_bytes(b"no archive")
    (problem,) = problems(str(chart))
    assert problem.startswith(f"chart: {chart} is not a Helm chart: ")


@pytest.mark.parametrize("location", ["oci://quay.io/jetstack/charts/a:v1.0", "https://a.example/b/c-1.0.tgz"])
def test_locations_are_accepted(location: str) -> None:
    assert problems(location) == []


def test_a_token_is_accepted() -> None:
    assert problems(Fn.ref("Chart")) == []


@pytest.mark.parametrize(
    "chart", ["", None, 3, "oci://quay.io/charts/a", "http://a.example/c.tgz", "https://a.example/", "git://a/b"]
)
def test_other_locations_are_refused(chart: object) -> None:
    (problem,) = problems(chart)
    assert "the directory of the HyperPod Helm chart, oci://REGISTRY/CHART:VERSION" in problem


def test_a_directory_without_a_chart_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(str(tmp_path))
    assert problem.startswith(f"chart: {tmp_path} has no file Chart.yaml: use the directory")
