"""Replicas of jobs as processes of this computer: an agent for each pod, which the operator reaches by HTTP."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from moto.logs.models import logs_backends

from fairlane_local.hyperpod.training.agent_work import AgentWork
from fairlane_local.hyperpod.training.replicas import Status
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.processes.runner import Run, Runner
from fairlane_local.processes.volumes import Volumes
from fairlane_local.processes.work import End

_HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.1
_REQUEST_SECONDS: Final = 5
_WORKING: Final = (Status.RUNNING, Status.COMPLETED)
_STATUSES: Final = {
    **{status.value: status for status in Status},
    "shutdown": Status.STOPPING,
}


class _Agent:
    """Agent of one pod, with a thread that sends requests to it and asks for its status.

    Args:
        port: Port of the agent.
        on_change: Function that is called when the status has changed.
    """

    def __init__(self, port: int, on_change: Callable[[], None]) -> None:
        self.port = port
        self.status = Status.STARTING
        self.message = ""
        self.run: Run | None = None
        self._on_change = on_change
        self._requests: SimpleQueue[tuple[str, dict[str, Any]] | None] = SimpleQueue()
        self._is_removed = False
        self._lock = Lock()
        Thread(target=self._follow, name="agent", daemon=True).start()

    def send(self, path: str, body: dict[str, Any], status: Status) -> None:
        """Send a request, after which the agent has a status until it reports another one."""
        with self._lock:
            self.status = status
            self._requests.put((path, body))

    def remove(self) -> None:
        """Stop the process of the agent. Its status is not followed any more."""
        self._is_removed = True
        self._requests.put(None)
        if self.run is not None:
            self.run.stop()

    def begun(self) -> bool:
        """Handle the start of the process. Return False if the agent was removed meanwhile."""
        return not self._is_removed

    def ended(self, end: End) -> None:
        """Handle the end of the process."""
        self.message = end.reason or f"the agent has exited with {end.exit_code}"
        self._set(Status.COMPLETED if end.exit_code == 0 and self.status in _WORKING else Status.ENDED)

    def _follow(self) -> None:
        while not self._is_removed and self.status is not Status.ENDED:
            try:
                request = self._requests.get(timeout=_POLL_SECONDS)
            except Empty:
                if (found := self._ask()) is not None:
                    self._set(found, reported=True)
                continue
            if request is not None and self._call("POST", request[0], request[1]) is None:
                self.message = self.message or f"the agent does not respond to {request[0]}"
                self._set(Status.ENDED)

    def _ask(self) -> Status | None:
        """Return the status that the agent reports. None if it does not respond, or in words that are not known."""
        response = self._call("GET", "/status")
        return None if response is None else _STATUSES.get(str(response.get("status")).lower())

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        connection = HTTPConnection(_HOST, self.port, timeout=_REQUEST_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            return (json.loads(text) if text else {}) if response.status == 200 else None
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def _set(self, status: Status, *, reported: bool = False) -> None:
        """Set the status. One that the agent reported before its latest request is out of date."""
        with self._lock:
            is_old = reported and not self._requests.empty()
            if is_old or self._is_removed or self.status in (status, Status.ENDED):
                return
            self.status = status
        self._on_change()


class ProcessReplicas:
    """Agents of the pods of a cluster, as processes.

    Args:
        runner: Runner of the local AWS.
        location: Cluster.
        on_change: Function that is called when the status of an agent has changed.
    """

    def __init__(self, runner: Runner, location: ClusterLocation, on_change: Callable[[], None]) -> None:
        self._runner = runner
        self._location = location
        self._on_change = on_change
        self._agents: dict[str, _Agent] = {}
        self._volumes = Volumes()

    def launch(self, pod: Mapping[str, Any]) -> None:
        """Start the agent of a new pod."""
        agent = self._agents[pod["metadata"]["uid"]] = _Agent(_free_port(), self._on_change)
        work = AgentWork(pod, agent.port, self._location, self._runner, self._volumes)
        agent.run = self._runner.start(work, self._logs, agent)

    def pods(self) -> set[str]:
        """Return the pods with an agent."""
        return set(self._agents)

    def status(self, pod: str) -> Status:
        """Return the latest status of an agent."""
        return self._agents[pod].status

    def message(self, pod: str) -> str:
        """Return the reason of the status `ended`."""
        return self._agents[pod].message

    def start(self, pods: Sequence[str], faults: int) -> None:
        """Start the processes of pods, whose ranks are their order."""
        master = {"master_addr": _HOST, "master_port": _free_port()}
        ranks = [{"ip": _HOST, "rank": rank} for rank in range(len(pods))]
        for rank, pod in enumerate(pods):
            body = {"rank": rank, "nnodes": len(pods), "faultCount": faults, "progress": {}, "rankIps": ranks}
            self._agents[pod].send("/start", {**body, **master}, Status.RUNNING)

    def stop(self, pods: Sequence[str], *, graceful_seconds: float | None) -> None:
        """Let processes save and end, or kill them at once."""
        for pod in pods:
            timeout = None if graceful_seconds is None else int(graceful_seconds)
            body = {"restart_mode": "plr", "is_graceful": timeout is not None, "timeout": timeout}
            self._agents[pod].send("/stop", body, Status.STOPPING)

    def remove(self, pod: str) -> None:
        """End the agent of a pod that is deleted."""
        self._agents.pop(pod).remove()

    def next_moment(self) -> int | None:
        """Return None: agents report their changes."""
        return None

    def advance(self, now: int) -> None:
        """Do nothing: agents report their changes."""

    def close(self) -> None:
        """End all agents, and delete the volumes."""
        for pod in list(self._agents):
            self.remove(pod)
        self._volumes.close()

    @property
    def _logs(self) -> Any:
        return logs_backends[self._location.account_id][self._location.region]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
