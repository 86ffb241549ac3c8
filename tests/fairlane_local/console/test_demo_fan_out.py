"""Chapter `fan-out` of the demo: its output, and its refusals."""

import re
from pathlib import Path

import pytest

from fairlane.cli import main
from tests.fairlane_local.console.test_demo import run_demo
from tests.support import REPOSITORY, without_network


@pytest.mark.slow
def test_the_output_matches_the_page_without_network(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "fan-out.md").read_text()
    (block,) = re.findall(r"```text\n(campaigns: SQL over.*?)```", page, re.DOTALL)
    settings = {"HOME": str(tmp_path), "HTTP_PROXY": "http://localhost:1", "COLUMNS": "80"}
    output = run_demo(*without_network(), arguments=("--chapter", "fan-out"), **settings)
    shown = output[output.index("campaigns: SQL over") :]
    assert [line.rstrip() for line in shown.splitlines()] == block.splitlines()
    assert output.index("Deployed in eu-west-1") < output.index("\n\nDeployed in us-east-1")
    assert "not delivered" not in output
    assert "No Moto" not in output


def test_the_chapter_is_not_kept(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "--chapter", "fan-out", "--keep"]) == 1
    output = capfd.readouterr()
    assert (output.out, output.err) == (
        "",
        "fairlane: the local AWS of the chapter fan-out cannot be kept: leave out --keep\n",
    )


def test_a_folder_without_the_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "dev.yaml").write_bytes((REPOSITORY / "environments" / "example.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["local", "demo", "--chapter", "fan-out"]) == 1
    assert "got 'fan-out', allowed: dev" in capfd.readouterr().err
