"""Kill of the server at random moments: it leaves no process, mount or file."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from fairlane_local import client, queue_locations
from tests.fairlane.cli.test_local import free_port
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.support import ACCOUNT
from tests.fairlane_local.processes.support import DEADLINE
from tests.fairlane_local.processes.test_bad_inputs import processes_with

FORKS = "for i in 1 2; do (setsid sleep {mark} &) ; done; echo x > /tmp/x; exec sleep {mark}"


def start(port: int, directory: Path, image: Path) -> subprocess.Popen[bytes]:
    """Start a server with its temporary files in a directory, and wait until it responds."""
    options = {"throttle": False, "processes": {"images": {"train": str(image)}, "processes": 4}}
    command = [sys.executable, "-P", "-m", "fairlane_local", str(port), json.dumps({"speed": 1.0, "options": options})]
    server = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(directory)})
    eventually(lambda: queue_locations(port) is not None)
    return server


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        Event().wait(0.02)  # nothing here can notify


def run_and_kill(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    choices = random.Random(seed)
    temporary, image = tmp_path / "temporary", tmp_path / "image"
    temporary.mkdir()
    image.mkdir()
    mark = f"7{seed:04}{os.getpid()}"
    mounts = Path("/proc/self/mounts").read_text()
    port = free_port()
    server = start(port, temporary, image)
    batch = client("batch", port, ACCOUNT, "us-east-1")
    requirements = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    command = ["bash", "-c", FORKS.format(mark=mark)]
    container = {"image": "train", "command": command, "resourceRequirements": requirements}
    queue = containers.fifo_queue(batch, 4, containerProperties=container)
    for _ in range(3):
        containers.submit(batch, queue, run=None)
    if choices.random() < 0.7:
        eventually(lambda: processes_with(mark))
    for _ in range(choices.randrange(100)):  # a moment while processes start, or while they run
        batch.describe_job_queues(jobQueues=["fifo"])

    server.send_signal(signal.SIGKILL)
    server.wait()

    eventually(lambda: not processes_with(mark) and not processes_with(f"launcher {server.pid}"))
    assert Path("/proc/self/mounts").read_text() == mounts
    assert [*temporary.iterdir()] == []
    assert [*image.iterdir()] == []
    server = start(port, temporary, image)
    assert queue_locations(port) == []
    server.kill()
    server.wait()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_leaves_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_and_kill(seed, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_twenty_kills_leave_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_and_kill(seed, tmp_path, monkeypatch)
