"""Elastic loop of AWS's guide "Using elastic training", written anew from its description.

`dcp.load` of plain state dicts, the position of each rank in its own part of the data as StatefulDataLoader keeps it, a
batch of `global batch // processes` samples, and the event from the agent alone. Model, data and schedule are those of
examples/elastic.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import torch
import torch.distributed as dist
from hyperpod_elastic_agent.elastic_event_handler import elastic_event_detected
from torch.distributed import checkpoint as dcp
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "elastic"))

from data import build_model, load_data  # type: ignore[import-not-found]
from tests_train.elastic.points import reach, record

_received: list[int] = []
_agent_handler = signal.getsignal(signal.SIGUSR1)


def note(number: int, frame: FrameType | None) -> None:
    """Take a note of the signal for the points of the benchmark, and call the handler of the agent."""
    _received.append(number)
    assert callable(_agent_handler)
    _agent_handler(number, frame)


def main() -> None:
    """Train as the guide does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--precision")
    parser.add_argument("--save-every", type=int)
    arguments = parser.parse_args()
    signal.signal(signal.SIGUSR1, note)
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    inputs, targets = load_data(None)
    inputs = inputs.double()
    torch.manual_seed(0)
    model = DistributedDataParallel(build_model(inputs, targets).double())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    sampler: DistributedSampler[int] = DistributedSampler(range(len(inputs)), world, rank, seed=0)

    def state() -> dict[str, object]:
        return {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "lr_scheduler": schedule.state_dict(),
            "yielded": yielded,
        }

    yielded, step = 0, 0
    if (arguments.checkpoints / ".metadata").exists():
        loaded = state()
        dcp.load(loaded, checkpoint_id=arguments.checkpoints)
        model.load_state_dict(loaded["model"])
        optimizer.load_state_dict(loaded["optimizer"])
        schedule.load_state_dict(loaded["lr_scheduler"])
        yielded = int(str(loaded["yielded"]))
    if rank == 0:
        print(json.dumps({"moments": len(optimizer.state), "rate": schedule.get_last_lr()[0]}), flush=True)
    share = 16 // world
    order = list(sampler)[yielded:]
    offset = schedule.last_epoch  # the step itself is not loaded: only for the records of the benchmark
    for first in range(0, len(order), share):
        chosen = order[first : first + share]
        record(offset + step + 1, chosen)
        loss = cross_entropy(model(inputs[chosen]), targets[chosen])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        step, yielded = step + 1, yielded + len(chosen)
        dist.all_reduce(mean := loss.detach() / world)
        if rank == 0:
            print(json.dumps({"step": offset + step, "loss": mean.item(), "processes": world}), flush=True)
        reach(offset + step, ("step", "held", "deaf"), lambda: bool(_received))
        event = elastic_event_detected()
        if event or (offset + step) % arguments.save_every == 0:
            dcp.save(state(), checkpoint_id=arguments.checkpoints)
        if event:
            break
    dist.barrier()
    sys.stdout.flush()
    os._exit(0)  # as in examples/elastic: with gloo, the end of Python can hang


if __name__ == "__main__":
    main()
