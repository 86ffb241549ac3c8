"""examples/elastic/train.py with the points of `points`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "elastic"))

import train
from torch.distributed import checkpoint as dcp

from fairlane_run.elastic import ElasticRun
from tests_train.elastic.points import reach, record


def is_signaled() -> bool:
    """Return True if this process has received a signal."""
    return bool(train.EVENTS.received)


def after_step(run: ElasticRun) -> None:
    """Wait after a step."""
    reach(run.step + 1, ("step", "held", "deaf"), is_signaled)


class RecordedRun(ElasticRun):
    """Run that writes down the samples of each step."""

    def backward(self, model: Any, loss_of: Callable[[list[int]], Any]) -> Any:
        """Write down the samples of each call of `loss_of`."""

        def recorded(samples: list[int]) -> Any:
            record(self.step + 1, samples)
            return loss_of(samples)

        return super().backward(model, recorded)


class HeldWriter(dcp.FileSystemWriter):
    """Writer that waits after the files of this process, before the checkpoint has its metadata."""

    def write_data(self, *arguments: Any) -> Any:
        """Write, then wait."""
        written = super().write_data(*arguments)
        reach(int(Path(self.path).name.split("-")[1]), ("saving", "again", "stuck"), is_signaled)
        return written


if __name__ == "__main__":
    train.after_step = after_step
    train.ElasticRun = RecordedRun  # type: ignore[misc]
    dcp.FileSystemWriter = HeldWriter  # type: ignore[misc]
    code = train.main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
