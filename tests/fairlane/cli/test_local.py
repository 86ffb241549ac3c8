"""`fairlane local`: start, status and stop of a local AWS."""

import random
import socket
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from fairlane.cli import main
from fairlane_local import client


def free_port() -> int:
    """Return a free port below 32768, where the operating system starts to assign ports."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    yield port
    main(["local", "stop", "--port", str(port)])


def run(capfd: pytest.CaptureFixture[str], *arguments: str, port: int) -> tuple[int, str, str]:
    code = main(["local", *arguments, "--port", str(port)])
    output = capfd.readouterr()
    return code, output.out, output.err


@pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning"
)  # the process outlives the test by design
def test_start_status_stop(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "status", port=port) == (1, f"No local AWS is running on port {port}.\n", "")
    code, out, _ = run(capfd, "start", port=port)
    assert code == 0
    assert f"export AWS_ENDPOINT_URL=http://localhost:{port}" in out
    assert "The local AWS has no job queues." in run(capfd, "status", port=port)[1]

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
