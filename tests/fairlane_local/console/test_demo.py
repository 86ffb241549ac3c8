"""`fairlane local demo`: its output, and its behavior without a network and after a kill."""

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
    process = subprocess.run(
        [*prefix, *DEMO],
        cwd=REPOSITORY,
        env=os.environ | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def tables(text: str) -> list[str]:
    start = text.index("Deployed in")
    return [line.rstrip() for line in text[start:].partition("\nTo start a local AWS")[0].rstrip().splitlines()]


@pytest.mark.slow
def test_the_output_matches_the_readme_without_network_and_credentials(tmp_path: Path) -> None:
    user_settings = {
        "AWS_PROFILE": "missing",
        "AWS_CA_BUNDLE": "/missing.pem",
        "AWS_ENDPOINT_URL_CLOUDFORMATION": "http://localhost:1",
        "HTTP_PROXY": "http://localhost:1",
        "HOME": str(tmp_path),
        "COLUMNS": "80",
    }
    blocks = re.findall(
        r"```text\n((?:Deployed in|Image replication|training-p4: |Selected metrics).*?)```",
        (REPOSITORY / "README.md").read_text(),
        re.DOTALL,
    )
    assert len(blocks) == 4
    output = run_demo(*without_network(), **user_settings)
    assert tables(output) == tables("\n".join(blocks))
    assert "Warning" not in output
    assert "No Moto" not in output


@pytest.mark.slow
def test_the_demo_runs_again_after_a_kill() -> None:
    with subprocess.Popen(
        DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert any("start: Building" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGKILL)
    assert "training-p4" in run_demo()


def test_each_local_aws_selects_a_free_port() -> None:
    with LocalAws() as first, LocalAws() as second:
        assert first.port != second.port


def test_an_unknown_environment_is_refused_before_the_deployment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "prod"]) == 1
    output = capfd.readouterr()
    assert output.out == ""
    assert "got 'prod', allowed: example" in output.err
    assert "Traceback" not in output.err


def test_a_missing_cdk_cli_is_an_error_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
