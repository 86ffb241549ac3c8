"""Processes that train one model together. torchrun starts one process for each GPU."""

import os
import sys
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

_T = TypeVar("_T")


@dataclass(frozen=True)
class Processes:
    """All processes of a run, from the view of one process. All processes must call the same methods in the same order.

    The methods exchange small values on the CPU (gloo), so that they do not wait for a GPU. Gradients use NCCL.
    """

    rank: int
    count: int
    device: torch.device

    @classmethod
    def join(cls) -> "Processes":
        """Join the other processes, or run alone without torchrun."""
        gpu = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(device)
        if "RANK" not in os.environ:
            return cls(rank=0, count=1, device=device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
        return cls(rank=dist.get_rank(), count=dist.get_world_size(), device=device)

    @property
    def first(self) -> bool:
        """True if this is the process that writes files and prints."""
        return self.rank == 0

    def replicate(self, model: nn.Module) -> nn.Module:
        """Return the model with gradients that are averaged over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def any(self, here: bool) -> bool:
        """Return True if the value is True in any process. All processes wait here for each other."""
        return bool(self.total(torch.tensor(float(here))))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the values over all processes."""
        values = values.cpu()
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def gather(self, value: Tensor) -> list[Tensor]:
        """Return the values of all processes."""
        values = [torch.empty_like(value) for _ in range(self.count)]
        if self.count == 1:
            return [value]
        dist.all_gather(values, value)
        return values

    def broadcast(self, value: _T) -> _T:
        """Return the value of the first process."""
        values = [value]
        if self.count > 1:
            dist.broadcast_object_list(values)
        return values[0]

    def leave(self) -> None:
        """End the exchange. Call it only after success, because it can wait for the other processes."""
        if dist.is_initialized():
            dist.destroy_process_group()


def end(code: int) -> NoReturn:
    """End this process at once, with an exit code.

    During the normal shutdown of Python, a gloo thread that releases a tensor can abort the process. The exit code is
    then 134, even after success (pytorch/pytorch#190489).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
