"""`fairlane local demo`: its output, and its behavior without a network and after a kill."""

import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane_local import LocalAws, LocalAwsError, demo, queue_locations, stop
from tests.fairlane.cli.test_local import OUTLIVES, free_port
from tests.support import REPOSITORY, without_network

DEMO = [sys.executable, "-m", "fairlane.cli", "local", "demo"]


def run_demo(*prefix: str, arguments: Sequence[str] = (), **changes: str) -> str:
    process = subprocess.run(
        [*prefix, *DEMO, *arguments],
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
    """Return the lines from the first table to the last, without the step of the preemption, which differs."""
    start = text.index("Deployed in")
    lines = text[start:].partition("\nTo keep the first local AWS")[0].rstrip().splitlines()
    return [re.sub(r"(stopped|resumed) step=\d+", r"\1 step=N", line.rstrip()) for line in lines]


def steps(text: str) -> list[str]:
    return re.findall(r"(?:stopped|resumed) step=(\d+)", text)


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
        r"```text\n((?:Deployed in|Image replication|training-demo: |toy-grid: |Simulated jobs|Selected metrics|Alarms in).*?)```",
        (REPOSITORY / "README.md").read_text(),
        re.DOTALL,
    )
    assert len(blocks) == 7
    output = run_demo(*without_network(), **user_settings)
    assert tables(output) == tables("\n".join(blocks))
    stopped, resumed = steps(output)
    assert stopped == resumed
    assert not re.search(r"Warning(:| at)", output)
    assert "No Moto" not in output


@pytest.mark.slow
def test_the_demo_deploys_again_after_a_kill() -> None:
    for text, number in (("start: Building", signal.SIGKILL), ("Deployed in us-east-1", signal.SIGTERM)):
        with subprocess.Popen(
            DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            assert any(text in line for line in process.stdout)
            os.killpg(process.pid, number)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of an app, with a stub of the CDK CLI that deploys nothing, as the working directory."""
    (tmp_path / "environments").mkdir()
    example = (REPOSITORY / "environments" / "example.yaml").read_text()
    (tmp_path / "environments" / "dev.yaml").write_text(example)
    cdk = tmp_path / "node_modules" / ".bin" / "cdk"
    cdk.parent.mkdir(parents=True)
    cdk.write_text("#!/bin/sh\necho deployed nothing\n")
    cdk.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_the_toy_the_training_is_left_out(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["local", "demo"]) == 0
    output = capfd.readouterr().out
    for chapter in ("training", "sweeps"):
        assert f"The chapter {chapter} with examples/toy is left out: this folder does not contain it" in output
    assert output.count("deployed nothing") == 1
    assert output.endswith("fairlane local start\n")


def test_without_namespaces_the_training_is_left_out(
    app: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (app / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert main(["local", "demo", "--chapter", "training"]) == 0
    reason = "jobs cannot run as processes here: Darwin has no namespaces\n"
    output = capfd.readouterr().out
    assert f"The chapter training with examples/toy is left out: {reason}" in output
    assert "Simulated jobs" not in output


@pytest.mark.slow
@OUTLIVES
def test_a_kept_local_aws_has_a_page_until_it_is_stopped(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    keep = ["local", "demo", "--keep", "--port", str(port)]
    try:
        assert main(keep) == 0
        output = capfd.readouterr().out
        assert f"Queues, jobs and alarms in a browser: http://localhost:{port}/fairlane-local/#" in output
        assert output.endswith(f"To stop it: fairlane local stop --port {port}\n")
        assert queue_locations(port) == []
        assert main(keep) == 1
        assert f"a local AWS already runs on port {port}: run fairlane local stop" in capfd.readouterr().err
        assert queue_locations(port) == []
    finally:
        assert stop(port)


@pytest.mark.slow
@OUTLIVES
def test_a_failed_demo_keeps_no_local_aws(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cdk = app / "node_modules" / ".bin" / "cdk"
    cdk.write_text('#!/bin/sh\ncase "$*" in *--app*) echo no more; exit 3; esac\n')
    port = free_port()
    assert main(["local", "demo", "--keep", "--port", str(port)]) == 1
    assert "the deployment failed: the CDK CLI exited with code 3\nno more" in capfd.readouterr().err
    assert queue_locations(port) is None


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


def test_an_unknown_chapter_is_refused_with_the_chapters(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["local", "demo", "--chapter", "sweep"]) == 1
    assert (
        capfd.readouterr().err == "fairlane: chapter: got 'sweep', allowed: training, sweeps, jobs, fan-out, hyperpod\n"
    )


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
