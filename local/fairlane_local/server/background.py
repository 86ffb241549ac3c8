"""Local AWS as a background process.

Its port identifies the process: credentials of a process that has ended are replaced at the next start on the port.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.credentials import find_credentials, new_log
from fairlane_local.server.guard import CONTROL, TOKEN_HEADER
from fairlane_local.server.local_aws import HOST

_TIMEOUT_SECONDS: Final = 30
_CONTROL_TIMEOUT_SECONDS: Final = 600
"""Timeout of a control call. A manual clock that advances by weeks can process many jobs."""


def queue_locations(port: int) -> list[tuple[str, str]] | None:
    """Return the accounts and Regions that contain job queues, or None if no local AWS runs on the port.

    Args:
        port: Port that the local AWS listens on.
    """
    return _locations(port, "queues")


def registry_locations(port: int) -> list[tuple[str, str]]:
    """Return the accounts and Regions that contain image repositories."""
    return _locations(port, "repositories") or []


def cluster_names(port: int) -> list[tuple[str, str, str]]:
    """Return the account, the Region and the name of each HyperPod cluster."""
    response = _request("GET", port) or {"clusters": []}
    return [(account, region, name) for account, region, name in response["clusters"]]


def control(port: int, action: str, **members: Any) -> dict[str, Any]:
    """Run a control call of the local AWS on a port, and return its response.

    Args:
        port: Port that the local AWS listens on.
        action: Name of the call, for example `advance`.
        members: Other members of the request.

    Raises:
        LocalAwsError: If no local AWS runs on the port, or if the call fails.
    """
    response = _request("POST", port, json.dumps({"action": action} | members), timeout=_CONTROL_TIMEOUT_SECONDS)
    if response is None:
        raise LocalAwsError(f"no local AWS is running on port {port}: run fairlane local start --port {port}")
    if "error" in response:
        raise LocalAwsError(response["error"])
    return response


def start(port: int, *, speed: float | None = 1.0, options: JobOptions | None = None) -> bool:
    """Start a local AWS unless one runs on the port, and wait until it responds.

    Args:
        port: Port that the local AWS listens on, 1 to 65,535.
        speed: Seconds of its clock for each real second, above 0. None for a manual clock. Default: 1.
        options: Options of the jobs. Default: `JobOptions()`.

    Returns:
        False if a local AWS already runs on the port. It keeps its resources.

    Raises:
        LocalAwsError: If another program uses the port, or if the local AWS does not respond within 30 seconds.
    """
    if queue_locations(port) is not None:
        return False
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise LocalAwsError(f"port {port} is used by another program: choose another port")
    settings = json.dumps({"speed": speed, "options": asdict(options or JobOptions())})
    log_path = new_log(port)
    with log_path.open("w") as log:
        command = [sys.executable, "-P", "-m", "fairlane_local", str(port), settings]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _wait(lambda: queue_locations(port) is not None or process.poll() is not None)
        if queue_locations(port) is None:
            process.kill()
            raise LocalAwsError(f"the local AWS did not start: {log_path.read_text().strip() or 'it does not respond'}")
    return True


def stop(port: int) -> bool:
    """Stop the local AWS on the port, delete all its resources, and wait until the process ends.

    Args:
        port: Port that the local AWS listens on.

    Returns:
        False if no local AWS runs on the port.
    """
    if _request("DELETE", port) is None:
        return False
    _wait(lambda: queue_locations(port) is None)
    return True


def _locations(port: int, resource: str) -> list[tuple[str, str]] | None:
    response = _request("GET", port)
    return None if response is None else [(account, region) for account, region in response[resource]]


def _request(method: str, port: int, body: str = "", timeout: int = 5) -> dict[str, Any] | None:
    credentials = find_credentials(port)
    if credentials is None:
        return None
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request(method, CONTROL, body, {TOKEN_HEADER: credentials.token})
        match json.loads(connection.getresponse().read()):
            case {"fairlane_local": dict(response)}:
                return response
    return None


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
