"""Stand-in for `hyperpodrun`: an agent with the same HTTP API that runs the workers of one replica, without PyTorch.

The script runs inside of a replica and uses the standard library only. The operator starts the workers with a rank and
a size, stops them by SIGUSR1 and, after a timeout, by SIGKILL, and starts them again at another size. Options of
`torchrun` that the stand-in does not need are accepted and have no effect: worker output is not written to files.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, RLock, Thread
from typing import Any

_NO_EFFECT = (
    *("log-dir", "max-restarts", "monitor-interval", "nnodes", "post-train-args", "post-train-script"),
    *("pre-train-args", "pre-train-script", "rdzv-backend", "rdzv-conf", "rdzv-endpoint", "redirects", "server-host"),
    *("server-log-level", "server-shutdown-timeout", "shutdown-signal", "shutdown-timeout", "tee"),
)
_REQUIRED: dict[str, Any] = {
    "faultCount": int,
    "master_addr": str,
    "master_port": (int, str),
    "nnodes": int,
    "rank": int,
}
_POLL_SECONDS = 0.02


class Agent:
    """Workers of one replica.

    Args:
        command: Command of each worker.
        processes: Number of workers, 1 or more.

    Attributes:
        status: `ready`, `running`, `stopping`, `completed`, `faulted` or `shutdown`.
        ended: Event that is set when the agent is to exit.
    """

    def __init__(self, command: Sequence[str], processes: int) -> None:
        self.status = "ready"
        self.ended = Event()
        self.rank = -1
        self._command = command
        self._processes = processes
        self._workers: list[subprocess.Popen[bytes]] = []
        self._lock = RLock()
        self._stop_at: float | None = None

    def start(self, request: Mapping[str, Any]) -> None:
        """Start the workers with the ranks and the size of a request."""
        with self._lock:
            self._kill()
            self.rank, size = request["rank"], request["nnodes"]
            shared = {
                "GROUP_RANK": self.rank,
                "LOCAL_WORLD_SIZE": self._processes,
                "MASTER_ADDR": request["master_addr"],
                "MASTER_PORT": request["master_port"],
                "TORCHELASTIC_RESTART_COUNT": request["faultCount"],
                "WORLD_SIZE": size * self._processes,
            }
            for number in range(self._processes):
                own = {"LOCAL_RANK": number, "RANK": self.rank * self._processes + number}
                variables = {name: str(value) for name, value in {**shared, **own}.items()}
                self._workers.append(subprocess.Popen([*self._command], env={**os.environ, **variables}))
            self.status = "running"
            Thread(target=self._watch, args=([*self._workers],), daemon=True).start()

    def stop(self, request: Mapping[str, Any]) -> None:
        """Signal the workers to save and exit, or kill them at once. They are ready again when all have ended."""
        with self._lock:
            if not request.get("is_graceful") or self.status not in ("running", "stopping"):
                self._kill()
                self.status = "ready"
                return
            if self.status == "stopping":
                return
            self.status = "stopping"
            for worker in self._workers:
                worker.send_signal(signal.SIGUSR1)
            Thread(target=self._kill_late, args=([*self._workers], request.get("timeout")), daemon=True).start()

    def shut_down(self) -> None:
        """Kill the workers, and end the agent."""
        with self._lock:
            self._kill()
            self.status = "shutdown"
            self.ended.set()

    def _watch(self, workers: Sequence[subprocess.Popen[bytes]]) -> None:
        """Follow the workers of one start until all have ended or one has failed."""
        pause = Event()
        while any(worker.poll() is None for worker in workers):
            if any(worker.poll() for worker in workers) and self.status == "running":
                break
            pause.wait(_POLL_SECONDS)
        with self._lock:
            if not self._workers or self._workers[0] is not workers[0]:
                return
            has_failed = any(worker.poll() for worker in workers)
            self._kill()
            if self.status == "running":
                self.status = "faulted" if has_failed else "completed"
            elif self.status == "stopping":
                self.status = "ready"

    def _kill_late(self, workers: Sequence[subprocess.Popen[bytes]], timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        for worker in workers:
            try:
                worker.wait(None if deadline is None else max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()

    def _kill(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        self._workers = []


class Handler(BaseHTTPRequestHandler):
    """HTTP API of an agent, which is an attribute of the server."""

    server: "Server"

    def do_GET(self) -> None:
        """Respond to GET /status."""
        if self.path == "/status":
            self._respond(200, self._status())
        else:
            self._respond(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        """Respond to a command."""
        agent = self.server.agent
        try:
            length = int(self.headers.get("Content-Length") or 0)
            request = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            request = None
        wants = _REQUIRED if self.path in ("/start", "/update") else {}
        if not isinstance(request, dict) or not all(
            isinstance(request.get(name), kind) for name, kind in wants.items()
        ):
            self._respond(422, {"detail": f"the body must be an object with {', '.join(wants) or 'options'}"})
            return
        match self.path:
            case "/start":
                agent.start(request)
                self._respond(200, {})
            case "/stop":
                agent.stop(request)
                self._respond(200, {})
            case "/update":
                agent.rank = request["rank"]
                self._respond(200, self._status())
            case "/shutdown":
                self._respond(200, {})
                agent.shut_down()
            case _:
                self._respond(404, {"detail": "Not Found"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write no log: the output is that of the workers."""

    def _status(self) -> dict[str, Any]:
        return {"status": self.server.agent.status, "assigned_rank": str(self.server.agent.rank), "progress": {}}

    def _respond(self, code: int, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """HTTP server of an agent on this computer.

    Args:
        port: Port that the server listens on. 0 selects a free port.
        agent: Agent.
    """

    daemon_threads = True

    def __init__(self, port: int, agent: Agent) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.agent = agent


def main(arguments: Sequence[str]) -> int:
    """Serve the API until the agent is shut down by a request or by SIGTERM."""
    parser = argparse.ArgumentParser("hyperpodrun", allow_abbrev=False)
    parser.add_argument("--server-port", "--server_port", type=int, default=8080)
    parser.add_argument("--nproc-per-node", "--nproc_per_node", default="1")
    parser.add_argument("-m", "--module", action="store_true")
    parser.add_argument("--inprocess-restart", action="store_true")
    for name in _NO_EFFECT:
        parser.add_argument(f"--{name}", f"--{name.replace('-', '_')}")
    parser.add_argument("script")
    parser.add_argument("script_arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    number = given.nproc_per_node
    processes = int(number) if number.isdecimal() else 1
    command = [sys.executable, "-u", *(["-m"] if given.module else []), given.script, *given.script_arguments]
    agent = Agent(command, processes)
    server = Server(given.server_port, agent)
    signal.signal(signal.SIGTERM, lambda number, frame: agent.ended.set())
    Thread(target=server.serve_forever, daemon=True).start()
    while not agent.ended.wait(1):  # Python handles a signal that arrives just before a wait without end only after it
        pass
    agent.shut_down()
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
