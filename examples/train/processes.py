"""The processes that train one model together, one for each GPU, as torchrun starts them."""

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
    """All processes of a run, seen from one of them; every process must call the same methods in the same order.

    What the methods exchange is small and stays on the CPU (gloo), so that no GPU is waited for; gradients take NCCL.
    """

    rank: int
    count: int
    device: torch.device

    @classmethod
    def join(cls) -> "Processes":
        """Joins the other processes, or runs alone where torchrun has started none."""
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
        """Whether this is the one process that writes files and prints."""
        return self.rank == 0

    def replicate(self, model: nn.Module) -> nn.Module:
        """The model, with gradients that are averaged over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def any(self, here: bool) -> bool:
        """Whether it holds in any process; also the moment at which all have come this far."""
        return bool(self.total(torch.tensor(float(here))))

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        values = values.cpu()
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def of_all(self, value: Tensor) -> list[Tensor]:
        """What each process gave."""
        values = [torch.empty_like(value) for _ in range(self.count)]
        if self.count == 1:
            return [value]
        dist.all_gather(values, value)
        return values

    def from_first(self, value: _T) -> _T:
        """What the first process gave."""
        values = [value]
        if self.count > 1:
            dist.broadcast_object_list(values)
        return values[0]

    def leave(self) -> None:
        """Ends the exchange; only after all went well, as it may wait for the others."""
        if dist.is_initialized():
            dist.destroy_process_group()


def end(code: int) -> NoReturn:
    """Ends this process at once, with that exit code.

    While Python shuts down in its own way, a thread of gloo that lets go of a tensor may abort the process, whose exit
    code is then 134 after all went well (pytorch/pytorch#190489).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
