"""`fairlane local`: start, status and stop of a local AWS."""

import random
import re
import shlex
import socket
import sys
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError

import boto3
import pytest

from fairlane.cli import main
from fairlane_local import client
from tests.fairlane_local.marker_stack import template

OUTLIVES = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
"""The process of the local AWS outlives the test by design."""


def free_port() -> int:
    """Return a free port below 32768, where the operating system starts to assign ports."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    yield port
    main(["local", "stop", "--port", str(port)])


def run(capfd: pytest.CaptureFixture[str], *arguments: str, port: int) -> tuple[int, str, str]:
    code = main(["local", *arguments, "--port", str(port)])
    output = capfd.readouterr()
    return code, output.out, output.err


@OUTLIVES
def test_start_status_stop(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "status", port=port) == (1, f"No local AWS is running on port {port}.\n", "")
    code, out, _ = run(capfd, "start", port=port)
    assert code == 0
    assert f"export AWS_ENDPOINT_URL=http://localhost:{port}" in out
    assert run(capfd, "start", port=port)[1] == out.replace("is running", "is already running")
    assert "The local AWS has no job queues and no HyperPod clusters." in run(capfd, "status", port=port)[1]

    batch = client("batch", port, "111122223333", "eu-west-1")
    limits = [{"maxCapacity": 7, "capacityUnit": "NUM_INSTANCES"}]
    kind = "SAGEMAKER_TRAINING"
    batch.create_service_environment(serviceEnvironmentName="e", serviceEnvironmentType=kind, capacityLimits=limits)
    order = [{"order": 1, "serviceEnvironment": "e"}]
    batch.create_job_queue(jobQueueName="training", jobQueueType=kind, priority=1, serviceEnvironmentOrder=order)
    assert "already running" in run(capfd, "start", port=port)[1]
    output = run(capfd, "status", port=port)[1]
    assert "eu-west-1" in output
    assert "training" in output

    assert run(capfd, "stop", port=port) == (0, "Stopped.\n", "")
    assert run(capfd, "stop", port=port) == (0, f"No local AWS is running on port {port}.\n", "")
    assert run(capfd, "status", port=port)[0] == 1


@OUTLIVES
def test_the_printed_credentials_and_no_others_open_the_local_aws(
    port: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(capfd, "start", port=port)[1]
    for name, value in re.findall(r"export (\w+)=(.+)", out):
        monkeypatch.setenv(name, "".join(shlex.split(value)))
    session = boto3.Session()
    sts = session.client("sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    through_proxy = session.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
    assert through_proxy.get_caller_identity()["Arn"] == sts.get_caller_identity()["Arn"]
    (page,) = re.findall(r"http://\S+\?token=\S+", out)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(page) as response:
        assert b"queues" in response.read()
    for url in (f"http://localhost:{port}/", page[:-1]):
        with pytest.raises(HTTPError, match="403") as raised:
            opener.open(url)
        raised.value.close()


ANY_ACCOUNT = "region: us-east-1\nqueues: {research: {capacity: 1, scheduling: {policy: fifo}}}\n"


@pytest.mark.slow
@OUTLIVES
def test_the_printed_credentials_are_of_the_given_account(
    port: int, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = tmp_path / "environments"
    environments.mkdir()
    (environments / "prod.yaml").write_text('account: "111122223333"\n' + ANY_ACCOUNT)
    (environments / "any.yaml").write_text(ANY_ACCOUNT)
    (environments / "wrong.yaml").write_text("account: 1\n")
    monkeypatch.chdir(tmp_path)
    hint = "For the account of the environment prod: fairlane local start --account 111122223333\n"
    assert run(capfd, "start", port=port)[1].endswith(hint)
    out = run(capfd, "start", "--account", "111122223333", port=port)[1]
    assert "For the account of the environment" not in out
    for name, value in re.findall(r"export (\w+)=(.+)", out):
        monkeypatch.setenv(name, "".join(shlex.split(value)))
    assert boto3.Session().client("sts").get_caller_identity()["Account"] == "111122223333"


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", "12345678901x", "\uff11" * 12])
def test_an_invalid_account_is_refused(account: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["local", "start", f"--account={account}"])
    assert exit_info.value.code == 2
    assert f"got '{account}', allowed: 12 digits" in capfd.readouterr().err


@pytest.mark.slow
@OUTLIVES
def test_another_user_can_neither_read_the_files_nor_use_the_local_aws(
    port: int, capfd: pytest.CaptureFixture[str], state_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capfd, "start", port=port)
    marker = state_directory / "marker"
    client("cloudformation", port, "123456789012", "us-east-1").create_stack(
        StackName="s", TemplateBody=template(marker)
    )
    files = [path for path in state_directory.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {f"{port}.json", f"{port}.log", f"{port}.pem", marker.name}
    assert not [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
    for path in [state_directory, *state_directory.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    with monkeypatch.context() as other_user:
        other_user.setenv("XDG_STATE_HOME", str(state_directory / "other"))
        assert run(capfd, "stop", port=port)[1] == f"No local AWS is running on port {port}.\n"
        message = f"fairlane: port {port} is used by another program: choose another port\n"
        assert run(capfd, "start", port=port) == (1, "", message)
    assert run(capfd, "stop", port=port)[1] == "Stopped.\n"


@pytest.mark.slow
@OUTLIVES
def test_logs_prints_the_log_of_the_latest_start(
    port: int, capfd: pytest.CaptureFixture[str], state_directory: Path
) -> None:
    assert run(capfd, "logs", port=port) == (1, f"No local AWS was started on port {port}.\n", "")
    run(capfd, "start", port=port)
    assert run(capfd, "logs", port=port) == (0, "", "")
    cloudformation = client("cloudformation", port, "123456789012", "us-east-1")
    body = '{"Resources": {"R": {"Type": "AWS::Unknown::Thing"}}}'
    cloudformation.create_stack(StackName="s", TemplateBody=body)
    log = run(capfd, "logs", port=port)[1]
    assert "AWS::Unknown::Thing" in log
    run(capfd, "stop", port=port)
    assert run(capfd, "logs", port=port)[1] == log
    assert (state_directory / "fairlane" / "local" / f"{port}.log").stat().st_mode & 0o777 == 0o600
    run(capfd, "start", port=port)
    assert run(capfd, "logs", port=port) == (0, "", "")


@pytest.mark.slow
@OUTLIVES
def test_the_local_aws_loads_no_modules_of_the_current_directory(
    port: int, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moto.py").write_text("raise SystemExit('a module of the current directory')")
    monkeypatch.chdir(tmp_path)
    assert run(capfd, "start", port=port)[0] == 0


class AnotherProgram(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_port_of_another_program_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), AnotherProgram) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        message = f"fairlane: port {port} is used by another program: choose another port\n"
        assert run(capfd, "start", port=port) == (1, "", message)
        assert run(capfd, "status", port=port)[0] == 1
        assert run(capfd, "stop", port=port)[1] == f"No local AWS is running on port {port}.\n"
        other.shutdown()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_an_invalid_port_is_refused(port: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["local", "start", f"--port={port}"])
    assert exit_info.value.code == 2
    assert f"got '{port}', allowed: 1 to 65535" in capfd.readouterr().err


def test_a_missing_extra_is_an_error_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fairlane_local", None)
    assert main(["local", "status"]) == 1
    assert 'pip install "fairlane[local]"' in capfd.readouterr().err
