"""`make demo` as people run it: what it shows, and that neither a lost network nor a kill gets in its way."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane_local import LocalAws, LocalAwsError, demo
from tests.support import REPOSITORY, without_network

DEMO = [sys.executable, "-m", "fairlane.cli", "local", "demo"]


def run_demo(*prefix: str, **changes: str) -> str:
    done = subprocess.run(
        [*prefix, *DEMO],
        cwd=REPOSITORY,
        env=os.environ | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tables(text: str) -> list[str]:
    start = text.index("What stands in")
    return [line.rstrip() for line in text[start:].partition("\nTo keep one")[0].rstrip().splitlines()]


def test_it_shows_what_the_readme_shows_without_a_network_or_credentials(tmp_path: Path) -> None:
    elsewhere = {
        "AWS_PROFILE": "missing",
        "AWS_CA_BUNDLE": "/missing.pem",
        "AWS_ENDPOINT_URL_CLOUDFORMATION": "http://localhost:1",
        "HTTP_PROXY": "http://localhost:1",
        "HOME": str(tmp_path),
        "COLUMNS": "80",
    }
    shown = re.findall(
        r"```text\n((?:What stands in|Images replicated|Exported in).*?)```",
        (REPOSITORY / "README.md").read_text(),
        re.DOTALL,
    )
    assert len(shown) == 3
    said = run_demo(*without_network(), **elsewhere)
    assert tables(said) == tables("\n".join(shown))
    assert "Warning" not in said
    assert "No Moto" not in said


@pytest.mark.slow
def test_killed_half_way_it_can_be_started_again() -> None:
    with subprocess.Popen(
        DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as killed:
        assert killed.stdout is not None
        assert any("start: Building" in line for line in killed.stdout)
        os.killpg(killed.pid, signal.SIGKILL)
    assert "training-p4" in run_demo()


def test_its_port_is_one_that_is_free() -> None:
    with LocalAws() as one, LocalAws() as other:
        assert one.port != other.port


def test_an_environment_that_does_not_exist_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "prod"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "got 'prod', allowed: example" in said.err
    assert "Traceback" not in said.err


def test_without_a_cdk_cli_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "environments").mkdir()
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (tmp_path / "environments" / "example.yaml").write_text(example)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalAwsError, match="npm ci"):
        demo("example", directory=tmp_path)


def test_a_failed_deployment_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (tmp_path / "environments" / "example.yaml").write_text(example)
    (tmp_path / "node_modules").symlink_to(REPOSITORY / "node_modules")
    (tmp_path / "cdk.json").write_text('{"app": "exit 3"}')
    with pytest.raises(LocalAwsError, match="the deployment failed"):
        demo("example", directory=tmp_path)
