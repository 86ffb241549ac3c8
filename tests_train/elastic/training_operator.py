"""Training operator of the tests: starts and stops real agents through their HTTP API."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

from tests_train.support import free_port

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("script.py")
_DEADLINE = 120  # seconds, so that a hang is a failure


class Agent:
    """Process of `hyperpodrun`, as in one pod of a job."""

    def __init__(self, folder: Path, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        options = [
            "--nproc-per-node=1",
            "--monitor-interval=0.05",
            "--server-host=127.0.0.1",
            f"--server-port={self.port}",
            "--server-log-level=warning",
            "--server-shutdown-timeout=1",
            "--shutdown-signal=SIGTERM",
            f"--rdzv-conf=resource_config_dir={folder / name}",
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("hyperpodrun.py")), *options, *command],
                env=environment | {"NNODES": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def status(self) -> str:
        """Status of the agent: ready, running, completed, faulted, stopping or shutdown. Empty before it listens."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return str(self._request("/status")["status"])
        except (URLError, ConnectionError):
            return ""

    def post(self, path: str, **body: object) -> None:
        """Send a command."""
        self._request(path, body)

    def wait(self, *expected: str) -> None:
        """Wait for one of the statuses."""
        end = time.monotonic() + _DEADLINE
        while (status := self.status) not in expected:
            assert time.monotonic() < end, f"{status}, expected: {expected}\n{self.log.read_text()}"
            Event().wait(0.02)  # the agent notifies nobody

    def kill(self) -> None:
        """Kill the agent and its worker."""
        for worker in psutil.Process(self.process.pid).children() if self.process.poll() is None else ():
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        self.process.kill()
        self.process.wait()

    def _request(self, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=_DEADLINE) as answer:
            return dict(json.loads(answer.read() or "{}"))


class Operator:
    """Job with agents, one process each, of which as many run as the job has replicas.

    Args:
        folder: Folder of the test.
        agents: Number of agents, the largest size of the job.
        options: Options of the script.
        script: Script of the job, which uses the module `points`.
        coordination: Value of the environment variable HYPERPOD_SIGNAL_COORDINATION.
    """

    def __init__(
        self,
        folder: Path,
        agents: int,
        *,
        options: Sequence[str] = (),
        script: Path = SCRIPT,
        coordination: str = "distributed",
    ) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self._reports = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._reports.bind(str(folder / "reports"))
        self._reports.settimeout(_DEADLINE)
        environment = os.environ | {
            "ELASTIC_TEST": str(folder),
            "GLOO_SOCKET_IFNAME": "lo",
            "HYPERPOD_SIGNAL_COORDINATION": coordination,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{REPOSITORY / 'client'}:{REPOSITORY}",
        }
        command = [str(script), f"--checkpoints={self.checkpoints}", "--precision=float64", *options]
        self.agents = [Agent(folder, f"agent-{number}", command, environment) for number in range(agents)]
        self._running: list[Agent] = []
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for agent in self.agents:
            agent.kill()
        self._reports.close()

    def start(self, size: int, points: str = "") -> None:
        """Start the script at a size, with points of `points`."""
        (self.folder / "points").write_text(points)
        port = free_port()
        self._running = self.agents[:size]
        for agent in self._running:
            agent.wait("ready")
        for rank, agent in enumerate(self._running):
            address = {"master_addr": "127.0.0.1", "master_port": port}
            agent.post("/start", rank=rank, nnodes=size, faultCount=self._starts, progress={}, **address)
        self._starts += 1

    def signal(self, timeout: int = _DEADLINE) -> None:
        """Ask all processes to stop gracefully: SIGUSR1, and after the timeout SIGKILL."""
        for agent in (agent for agent in self._running if agent.process.poll() is None):
            agent.post("/stop", restart_mode="plr", is_graceful=True, timeout=timeout)

    def stop(self, timeout: int = _DEADLINE) -> None:
        """Stop the script gracefully, and wait until all agents are ready."""
        self.signal(timeout)
        self.wait("ready")

    def resize(self, size: int, points: str = "") -> None:
        """Stop the script gracefully, and start it at another size."""
        self.stop()
        self.start(size, points)

    def wait(self, *expected: str) -> None:
        """Wait until all running agents have one of the statuses."""
        for agent in (agent for agent in self._running if agent.process.poll() is None):
            agent.wait(*expected)

    def reached(self, kind: str, step: int, processes: int) -> list[int]:
        """Wait until a number of processes have reached a point, and return their process ids by rank."""
        found: dict[int, int] = {}
        while len(found) < processes:
            try:
                words = self._reports.recv(200).decode().split()
            except TimeoutError:
                raise AssertionError(self.output()) from None
            assert words[:2] == [kind, str(step)]
            found[int(words[2])] = int(words[3])
        return [found[rank] for rank in sorted(found)]

    def output(self) -> str:
        """Return the output of all agents and their processes."""
        return "\n".join(f"{agent.log.name}:\n{agent.log.read_text()}" for agent in self.agents)

    def steps(self) -> list[dict[str, Any]]:
        """Return what the first process printed of each step. The last one counts of a step that ran again."""
        lines = self.agents[0].log.read_text().splitlines()
        steps = {line["step"]: line for line in map(json.loads, (line for line in lines if line.startswith('{"step"')))}
        return [steps[step] for step in sorted(steps)]

    def used(self) -> Counter[int]:
        """Return how often each sample was used. The last start counts of a step that ran again."""
        lines = [line for path in self.folder.glob("samples-*") for line in path.read_text().splitlines()]
        records = [json.loads(line) for line in lines]
        last: dict[int, int] = {}
        for record in records:
            last[record["step"]] = max(record["start"], last.get(record["step"], 0))
        return Counter(chain(*(record["samples"] for record in records if record["start"] == last[record["step"]])))
