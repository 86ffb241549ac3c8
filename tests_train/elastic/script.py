"""examples/elastic/train.py with points at which a test acts, for example `held 10,stuck 20 1`.

A point has a kind, a step, and optionally a rank. The process reads the points from a file in the folder `ELASTIC_TEST`,
reports each one to a socket there, and appends the samples that it uses to a file there.

    held     wait after the step until SIGUSR1 or SIGTERM has arrived
    deaf     wait after the step for ever, as a process does that never looks for the event
    saving   wait during the save after the step until SIGUSR1 or SIGTERM has arrived
    again    wait during the save after the step until another signal arrives
    stuck    wait during the save after the step for ever: the files of this process are written, but not the metadata
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "elastic"))

import torch.distributed as dist
import train
from torch.distributed import checkpoint as dcp

from fairlane_run.elastic import ElasticRun

TEST = Path(os.environ["ELASTIC_TEST"])
POINTS = [[*point.split(), ""][:3] for point in (TEST / "points").read_text().split(",") if point]


def reach(step: int, *kinds: str) -> None:
    """Report a point to the test, and wait there."""
    rank = str(dist.get_rank())
    for kind in (kind for kind, at, of in POINTS if kind in kinds and at == str(step) and of in ("", rank)):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as report:
            report.sendto(f"{kind} {step} {rank} {os.getpid()}".encode(), str(TEST / "reports"))
        if kind == "again":
            ours.recv(1)
        while kind in ("deaf", "stuck") or not train.EVENTS.received:
            ours.recv(1)
        signal.set_wakeup_fd(-1)


def after_step(run: ElasticRun) -> None:
    """Wait after a step."""
    reach(run.step + 1, "held", "deaf")


class RecordedRun(ElasticRun):
    """Run that writes down the samples of each step."""

    def backward(self, model: Any, loss_of: Callable[[list[int]], Any]) -> Any:
        """Write down the samples of each call of `loss_of`."""

        def recorded(samples: list[int]) -> Any:
            start = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
            record = {"step": self.step + 1, "start": start, "samples": samples}
            with (TEST / f"samples-{dist.get_rank()}.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            return loss_of(samples)

        return super().backward(model, recorded)


class HeldWriter(dcp.FileSystemWriter):
    """Writer that waits after the files of this process, before the checkpoint has its metadata."""

    def write_data(self, *arguments: Any) -> Any:
        """Write, then wait."""
        written = super().write_data(*arguments)
        reach(int(Path(self.path).name.rpartition("-")[2]), "saving", "again", "stuck")
        return written


if __name__ == "__main__":
    train.after_step = after_step
    train.ElasticRun = RecordedRun  # type: ignore[misc]
    dcp.FileSystemWriter = HeldWriter  # type: ignore[misc]
    code = train.main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
