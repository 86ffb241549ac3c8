"""Points of a script at which a test or a benchmark acts, for example `held 10,stuck 20 1`.

A point has a kind, a step, and optionally a rank. The process reads the points from a file in the folder `ELASTIC_TEST`,
and reports each one to a socket there.

    step     go on
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
from collections.abc import Callable, Sequence
from pathlib import Path

TEST = Path(os.environ["ELASTIC_TEST"])
POINTS = [[*point.split(), ""][:3] for point in (TEST / "points").read_text().split(",") if point]


def reach(step: int, kinds: Sequence[str], received: Callable[[], bool]) -> None:
    """Report a point, and wait there.

    Args:
        step: Number of completed steps.
        kinds: Kinds of points at this place of the script.
        received: Function that returns True after a signal.
    """
    rank = os.environ["RANK"]
    for kind in (kind for kind, at, of in POINTS if kind in kinds and at == str(step) and of in ("", rank)):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as report:
            report.sendto(f"{kind} {step} {rank} {os.getpid()}".encode(), str(TEST / "reports"))
        if kind == "again":
            ours.recv(1)
        while kind in ("deaf", "stuck") or (kind != "step" and not received()):
            ours.recv(1)
        signal.set_wakeup_fd(-1)


def record(step: int, samples: Sequence[int]) -> None:
    """Append the samples that this process uses in a step to a file of the test."""
    start = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    with (TEST / f"samples-{os.environ['RANK']}.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "start": start, "samples": [*samples]}) + "\n")
