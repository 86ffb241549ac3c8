"""Elastic training of a small model: one script for any number of processes, which may change while the job runs.

`hyperpodrun` starts the processes. On SIGUSR1, all of them finish the step, save and exit with code 0; the training
operator then starts them again with their new ranks. On SIGTERM, they do the same with code 143.
"""

from fairlane_run.elastic import CheckpointFolder, ElasticCheckpoint, ElasticEvents, ElasticRun, GlobalBatches

EVENTS = ElasticEvents()  # before the import of PyTorch, which takes seconds: until here, a signal ends the process

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from data import build_model, load_data  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of the script."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder that all instances share")
    parser.add_argument("--data", type=Path, help="folder with *.pt files; default: synthetic data")
    parser.add_argument("--global-batch", type=int, default=16, help="samples of a step over all processes")
    parser.add_argument("--micro-batch", type=int, help="samples that a process computes at once; default: its part")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=0.01, help="the same at all sizes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", choices=["ddp", "fsdp"], default="ddp")
    parser.add_argument("--precision", choices=["float32", "float64"], default="float32")
    parser.add_argument("--check-every", type=int, default=1, help="steps between two looks for an event")
    parser.add_argument("--save-every", type=int, help="steps between two checkpoints without an event")
    parser.add_argument("--keep", type=int, default=2, help="checkpoints that remain")
    return parser.parse_args(words)


def train(arguments: argparse.Namespace, device: torch.device) -> int:
    """Train to the end or until an event, and return the exit code."""
    precision = getattr(torch, arguments.precision)
    samples = [part.to(device) for part in load_data(arguments.data)]
    inputs, targets = samples[0].to(precision), samples[1]
    torch.manual_seed(arguments.seed)
    model = parallel(build_model(inputs, targets).to(device, precision), arguments.parallel, device)
    batches = GlobalBatches(
        len(inputs),
        arguments.global_batch,
        micro_batch=arguments.micro_batch,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches.steps)
    folder = CheckpointFolder(arguments.checkpoints, keep=arguments.keep)
    run = ElasticRun(
        EVENTS,
        batches,
        ElasticCheckpoint(folder, model, optimizer, schedule),
        check_every=arguments.check_every,
        save_every=arguments.save_every,
    )
    for step in run.steps():
        loss = run.backward(model, lambda chosen: cross_entropy(model(inputs[chosen]), targets[chosen]))
        optimizer.step()
        optimizer.zero_grad()
        say(step=step + 1, loss=loss.item(), learning_rate=schedule.get_last_lr()[0], processes=dist.get_world_size())
        schedule.step()
        after_step(run)
    say(end=run.event.name, completed=run.step, steps=batches.steps)
    return run.exit_code


def parallel(model: nn.Module, kind: str, device: torch.device) -> nn.Module:
    """Return the model with the same weights in all processes, whole (DDP) or as shards (FSDP2)."""
    if kind == "fsdp":
        return fully_shard(model)
    return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)


def after_step(run: ElasticRun) -> None:
    """Do nothing. Replace this function with a profiler, or with a test that sends a signal."""


def say(**values: object) -> None:
    """Print a line of JSON once for all processes. A log rule of the job can look for it."""
    if dist.get_rank() == 0:
        print(json.dumps(values), flush=True)


def main(words: Sequence[str]) -> int:
    """Join the other processes, train, and return the exit code."""
    arguments = read_arguments(words)
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    code = train(arguments, device)
    dist.destroy_process_group()
    return code


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(exit_code)  # a gloo thread can abort the normal shutdown of Python (pytorch/pytorch#190489)
