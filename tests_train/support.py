"""Runs of the example training in separate processes."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import torch

EXAMPLE = Path(__file__).parents[1] / "examples" / "train"
INTERRUPTED = Path(__file__).with_name("interrupted.py")
SMALL = ["--epochs=2", "--checkpoint-every=3", "--log-every=1"]
_DEADLINE = 60  # seconds, so that a hang is a failure

_LAUNCH_INTERRUPTED = (
    f"import sys, launch; from pathlib import Path; launch.main(sys.argv[1:], Path({str(INTERRUPTED)!r}))"
)


def start(root: Path, *options: str, interrupt: str = "", port: int = 0) -> subprocess.Popen[str]:
    """Start launch.py as the image does."""
    code = ["-c", _LAUNCH_INTERRUPTED] if interrupt else [str(EXAMPLE / "launch.py")]
    own = {"PYTHONPATH": str(EXAMPLE), "INTERRUPT": interrupt, "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.Popen(
        [sys.executable, *code, "train", f"--root={root}", *SMALL, *options],
        env={**os.environ, **own, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and the output."""
    try:
        output, _ = process.communicate(timeout=_DEADLINE)
    finally:
        process.kill()
    return process.returncode, output


def run(root: Path, *options: str, interrupt: str = "") -> tuple[int, str]:
    """Run launch.py with two processes on one host, and return the exit code and the output."""
    return finish(start(root, "--processes=2", *options, interrupt=interrupt))


def write_hyperparameters(root: Path, given: dict[str, str]) -> None:
    _write(root, "hyperparameters", given)


def write_cluster(root: Path, *, current: str, hosts: list[str], network_interface: str) -> None:
    _write(
        root, "resourceconfig", {"current_host": current, "hosts": hosts, "network_interface_name": network_interface}
    )


def _write(root: Path, name: str, content: object) -> None:
    """Write a file as SageMaker does."""
    folder = root / "input" / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content))


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        port: int = any_socket.getsockname()[1]
    return port


def losses(output: str) -> list[str]:
    """Return the output lines of the steps and of the end of the run."""
    return re.findall(r"^(?:epoch=|end ).*", output, flags=re.MULTILINE)


def held_out_loss(output: str) -> float:
    """Return the final loss."""
    (found,) = re.findall(r"^end held_out_loss=(\S+)", output, flags=re.MULTILINE)
    return float(found)


def weights(root: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the trained model."""
    loaded: dict[str, torch.Tensor] = torch.load(root / "model" / "model.pt", weights_only=True)
    return loaded


def same_weights(one: Path, other: Path) -> bool:
    """Return True if two runs trained equal models, bit for bit."""
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
