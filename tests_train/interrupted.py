"""Is train.py, with an end to it after a step: `INTERRUPT="SIGTERM 1 5"` is after step 5 of the second epoch."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "train"))

import train
from processes import Processes, end

KIND, EPOCH, STEP = os.environ["INTERRUPT"].split()
SCRIPT = Path(__file__)


class Watched(train.Stop):
    """The one that train.py makes, for `interrupt` to see."""

    made: "Watched"

    def __init__(self) -> None:
        super().__init__()
        Watched.made = self


def interrupt(processes: Processes, epoch: int, step: int) -> None:
    """SIGTERM goes to torchrun, which hands it on to all processes; SIGKILL ends one process of all."""
    if (epoch, step) != (int(EPOCH), int(STEP)):
        return
    if KIND == "SIGKILL" and processes.rank == processes.count - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if KIND == "SIGTERM" and processes.first:
        os.kill(os.getppid(), signal.SIGTERM)
        while not Watched.made.requested:
            pass


if __name__ == "__main__":
    train.Stop = Watched  # type: ignore[misc]
    train.after_step = interrupt
    end(train.main(sys.argv[1:]))
