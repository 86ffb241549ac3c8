"""Checkpoints: all that a run needs to go on as if it had never been stopped."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from processes import Processes
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer


@dataclass
class Progress:
    """How far training has come.

    Args:
        epoch: how often all samples have been seen.
        samples: how many have been seen since, by all processes together.
    """

    epoch: int = 0
    samples: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """The file that holds the state of a run; only the first process touches it.

    A kill at any moment leaves the last complete file, as a new one takes its place only when it is on the disk.
    """

    path: Path
    processes: Processes
    model: nn.Module
    optimizer: Optimizer
    scaler: GradScaler

    def save(self, progress: Progress) -> None:
        """Writes the state of all processes."""
        random = self.processes.of_all(_random_state())
        if self.processes.first:
            state: dict[str, Any] = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
            state |= {"scaler": self.scaler.state_dict(), "progress": vars(progress), "random": random}
            write(self.path, state)
        self.processes.any(False)  # nobody goes on, or exits, before the file is there

    def restore(self) -> Progress | None:
        """Brings all processes to what was saved last; None if nothing was."""
        there = self.processes.first and self.path.exists()
        saved = torch.load(self.path, map_location="cpu", weights_only=True) if there else None
        state: dict[str, Any] | None = self.processes.from_first(saved)
        if state is None:
            return None
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if len(state["random"]) == self.processes.count:  # with more or fewer processes, chance takes another course
            _set_random_state(state["random"][self.processes.rank])
        return Progress(**state["progress"])


def write(path: Path, state: dict[str, Any]) -> None:
    """Writes a file that is either complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _random_state() -> Tensor:
    gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    return torch.cat([torch.get_rng_state(), *gpu])


def _set_random_state(state: Tensor) -> None:
    cpu = len(torch.get_rng_state())
    torch.set_rng_state(state[:cpu])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state(state[cpu:])
