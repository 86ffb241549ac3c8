"""Stand-in for the agent: its HTTP API, and the ends of its workers."""

import json
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from fairlane_local.hyperpod.training.stand_in_agent import Agent, Server

pytestmark = pytest.mark.slow

_START = {"rank": 1, "nnodes": 3, "faultCount": 2, "master_addr": "127.0.0.1", "master_port": 1234, "progress": {}}
_WAITS = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *a: sys.exit(0)); print('up', flush=True)\nwhile 1: signal.pause()"
_IGNORES = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile 1: signal.pause()"
Serve = Callable[..., "Client"]


class Client:
    """Client of an agent on a port."""

    def __init__(self, agent: Agent, port: int) -> None:
        self.agent, self.port = agent, port

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection.request(method, path, content)
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    def until(self, status: str) -> None:
        """Wait for a status, as an operator does."""
        for _ in range(3000):
            if self.call("GET", "/status")[1]["status"] == status:
                return
            Event().wait(0.01)
        raise AssertionError(self.agent.status)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves an agent whose workers run a program."""
    servers: list[Server] = []

    def start(program: str, processes: int = 1) -> Client:
        agent = Agent([sys.executable, "-c", program], processes)
        server = Server(0, agent)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return Client(agent, server.server_address[1])

    yield start
    for server in servers:
        server.agent.shut_down()
        server.shutdown()
        server.server_close()


def test_workers_get_their_ranks_and_complete(serve: Serve, tmp_path: Path) -> None:
    names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT"]
    program = f"""
import os; from pathlib import Path
Path({str(tmp_path)!r}, os.environ["RANK"]).write_text(" ".join(os.environ[name] for name in {names}))"""
    client = serve(program, 2)
    assert client.call("GET", "/status") == (200, {"status": "ready", "assigned_rank": "-1", "progress": {}})
    assert client.call("POST", "/start", _START) == (200, {})
    client.until("completed")
    assert (tmp_path / "2").read_text() == "2 0 6 127.0.0.1 1234 2"
    assert (tmp_path / "3").read_text() == "3 1 6 127.0.0.1 1234 2"
    assert client.call("POST", "/stop", {}) == (200, {})
    assert client.call("GET", "/status")[1]["status"] == "ready"


def test_a_graceful_stop_is_a_signal(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    client = serve(_WAITS)
    output = ""
    for _ in range(2):
        client.call("POST", "/start", _START)
        while "up" not in output:
            output += capfd.readouterr().out
        client.call("POST", "/stop", {"restart_mode": "plr", "is_graceful": True, "timeout": 30})
        client.until("ready")
        output = ""


def test_workers_that_ignore_the_signal_are_killed_after_the_timeout(serve: Serve) -> None:
    client = serve(_IGNORES)
    client.call("POST", "/start", _START)
    client.call("POST", "/stop", {"is_graceful": True, "timeout": 0})
    client.until("ready")


def test_a_stop_without_grace_kills_at_once(serve: Serve) -> None:
    client = serve(_IGNORES)
    client.call("POST", "/start", _START)
    client.call("POST", "/stop", {"is_graceful": False})
    assert client.call("GET", "/status")[1]["status"] == "ready"


def test_a_second_stop_leaves_no_worker_behind(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    client = serve(_IGNORES.replace("\n", "; print('up', flush=True)\n"), 2)
    client.call("POST", "/start", _START)
    (*workers,) = client.agent._workers
    output = ""
    while output.count("up") < len(workers):
        output += capfd.readouterr().out
    for _ in range(2):
        client.call("POST", "/stop", {"is_graceful": True, "timeout": 600})
        assert client.call("GET", "/status")[1]["status"] == "stopping"
    client.call("POST", "/stop", {"is_graceful": False})
    assert client.call("GET", "/status")[1]["status"] == "ready"
    assert [worker.poll() for worker in workers] == [-9, -9]


def test_the_failure_of_one_worker_ends_all(serve: Serve) -> None:
    client = serve("import os, time\nif os.environ['LOCAL_RANK'] == '1': raise SystemExit(3)\ntime.sleep(600)", 2)
    client.call("POST", "/start", _START)
    client.until("faulted")


def test_an_update_changes_the_rank_and_a_shutdown_ends_the_agent(serve: Serve) -> None:
    client = serve(_IGNORES)
    assert client.call("POST", "/update", {**_START, "rank": 5})[1]["assigned_rank"] == "5"
    client.call("POST", "/start", _START)
    assert client.call("POST", "/shutdown") == (200, {})
    assert client.agent.ended.wait(30)
    assert client.agent.status == "shutdown"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/start", {"rank": 1}, 422),
        ("POST", "/start", {**_START, "rank": "1"}, 422),
        ("POST", "/start", b"{", 422),
        ("POST", "/stop", [], 422),
        ("POST", "/none", {}, 404),
        ("GET", "/none", None, 404),
    ],
)
def test_wrong_requests_are_refused(serve: Serve, method: str, path: str, body: object, code: int) -> None:
    assert serve(_IGNORES).call(method, path, body)[0] == code
