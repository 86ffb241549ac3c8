"""One AWS on localhost that stays: a process of its own, known by its port alone, so that no file can be stale."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

from fairlane_local.server.access import LocalAwsError
from fairlane_local.server.local_aws import CONTROL, HOST

_PATIENCE_SECONDS: Final = 30


def places(port: int) -> list[tuple[str, str]] | None:
    """The accounts and Regions in which there are queues; None if no AWS of ours answers on the port."""
    return _standing(port, "places")


def registries(port: int) -> list[tuple[str, str]]:
    """The accounts and Regions in which there are repositories of images."""
    return _standing(port, "registries") or []


def start(port: int) -> bool:
    """Starts one, if none runs, and waits until it answers.

    Args:
        port: where it shall listen, 1 to 65535.

    Returns:
        False if one runs there already: it stays as it is.

    Raises:
        LocalAwsError: if another program listens on the port, or if the process does not answer within 30 seconds.
    """
    if places(port) is not None:
        return False
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise LocalAwsError(f"port {port} is taken by another program")
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "fairlane_local", str(port)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        _wait(lambda: places(port) is not None or process.poll() is not None)
        if places(port) is None:
            process.kill()
            said.seek(0)
            raise LocalAwsError(f"the AWS on localhost did not start: {said.read().strip() or 'it does not answer'}")
    return True


def stop(port: int) -> bool:
    """Stops the one on the port, and waits until it is gone; all that it holds is lost.

    Returns:
        False if none was there.
    """
    if _ask("DELETE", port) is None:
        return False
    _wait(lambda: places(port) is None)
    return True


def _standing(port: int, what: str) -> list[tuple[str, str]] | None:
    answer = _ask("GET", port)
    return None if answer is None else [(account, region) for account, region in answer[what]]


def _ask(method: str, port: int) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request(method, CONTROL)
        match json.loads(connection.getresponse().read()):
            case {"fairlane_local": dict(answer)}:
                return answer
    return None


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not until() and time.monotonic() < deadline:
        time.sleep(0.05)
