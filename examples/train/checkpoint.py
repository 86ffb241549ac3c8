"""Checkpoints with the complete state of a run, so that the run continues as if it had not been interrupted."""

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
    """Progress of the training.

    Args:
        epoch: Number of completed epochs.
        samples: Number of samples of the current epoch that all processes together have used.
    """

    epoch: int = 0
    samples: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """File with the state of a run. Only the first process reads and writes the file.

    A kill at any moment leaves the last complete file, because a new file replaces it only after the write to the disk.
    """

    path: Path
    processes: Processes
    model: nn.Module
    optimizer: Optimizer
    scaler: GradScaler

    def save(self, progress: Progress) -> None:
        """Write the state of all processes."""
        random = self.processes.gather(_random_state())
        if self.processes.first:
            state: dict[str, Any] = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
            state |= {"scaler": self.scaler.state_dict(), "progress": vars(progress), "random": random}
            write(self.path, state)
        self.processes.any(False)  # all processes wait here until the file is complete

    def restore(self) -> Progress | None:
        """Restore the last saved state in all processes and return its progress, or None without a checkpoint."""
        exists = self.processes.first and self.path.exists()
        saved = torch.load(self.path, map_location="cpu", weights_only=True) if exists else None
        state: dict[str, Any] | None = self.processes.broadcast(saved)
        if state is None:
            return None
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if len(state["random"]) == self.processes.count:  # another number of processes draws other random numbers
            _set_random_state(state["random"][self.processes.rank])
        return Progress(**state["progress"])


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a file atomically: it is complete, or it does not exist."""
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
