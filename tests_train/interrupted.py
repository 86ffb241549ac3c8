"""train.py with a signal after a step: `INTERRUPT="SIGTERM 1 5"` sends SIGTERM after step 5 of the second epoch."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "train"))

import train
from processes import Processes, end

KIND, EPOCH, STEP = os.environ["INTERRUPT"].split()
SCRIPT = Path(__file__)


class TrackedStop(train.Stop):
    """Stop request of train.py, with a reference for `interrupt`."""

    latest: "TrackedStop"

    def __init__(self) -> None:
        super().__init__()
        TrackedStop.latest = self


def interrupt(processes: Processes, epoch: int, step: int) -> None:
    """Send SIGTERM to torchrun, which forwards it to all processes, or SIGKILL to one process."""
    if (epoch, step) != (int(EPOCH), int(STEP)):
        return
    if KIND == "SIGKILL" and processes.rank == processes.count - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if KIND == "SIGTERM" and processes.first:
        os.kill(os.getppid(), signal.SIGTERM)
        while not TrackedStop.latest.requested:
            pass


if __name__ == "__main__":
    train.Stop = TrackedStop  # type: ignore[misc]
    train.after_step = interrupt
    end(train.main(sys.argv[1:]))
