"""Fine-tuning under torchrun, in a SageMaker training job or on your own computer.

The channel `config` contains `args.yaml`. The channels `train` and `val` contain CSV files: one sample on each line,
with its class last. Replace `read_samples` and `build_model` with your own. A run continues from its last checkpoint.
"""

import argparse
import os
import signal
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import yaml
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


@dataclass(frozen=True)
class Args:
    """Content of `args.yaml`. `batch_size` is of each process, `checkpoint_every` a number of steps."""

    epochs: int = 3
    batch_size: int = 8
    learning_rate: float = 0.05
    checkpoint_every: int = 10
    seed: int = 0


def read_args(path: Path) -> Args:
    """Return the content of the file. Exit with a message if the content is wrong."""
    content = yaml.safe_load(path.read_text()) or {}
    kinds = {field.name: type(field.default) for field in fields(Args)}
    if not isinstance(content, dict) or (unknown := content.keys() - kinds.keys()):
        wrong = f"unknown keys {', '.join(map(str, unknown))}" if isinstance(content, dict) else "not a mapping"
        sys.exit(f"{path}: {wrong}; use {', '.join(kinds)}")
    try:
        # A conversion, because YAML reads 1e-3 as text.
        return Args(**{name: kinds[name](value) for name, value in content.items()})
    except (TypeError, ValueError) as error:
        sys.exit(f"{path}: {error}")


def read_samples(folder: Path) -> TensorDataset:
    """Return the samples of all CSV files in the folder."""
    lines = [line.split(",") for path in sorted(folder.glob("*.csv")) for line in path.read_text().split()]
    if not lines:
        sys.exit(f"{folder}: no samples; add *.csv files")
    values = torch.tensor([[float(value) for value in line] for line in lines])
    return TensorDataset(values[:, :-1], values[:, -1].long())


def build_model(samples: TensorDataset) -> nn.Module:
    """Return a small classifier."""
    inputs, targets = samples.tensors
    return nn.Sequential(nn.Linear(inputs.shape[1], 32), nn.ReLU(), nn.Linear(32, int(targets.max()) + 1))


def any_process(value: bool) -> bool:
    """Return True if the value is True in any process. All processes wait here for each other."""
    total = torch.tensor(float(value))
    dist.all_reduce(total)
    return bool(total)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write the file in the first process. The file is complete, or it does not exist."""
    if dist.get_rank() == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)
    any_process(False)


def train(args: Args, channels: Path, checkpoint: Path, device: torch.device, stopped: list[int]) -> nn.Module | None:
    """Return the trained model, or None after SIGTERM."""
    torch.manual_seed(args.seed)
    samples = read_samples(channels / "train")
    model = build_model(samples).to(device)
    replica = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.learning_rate, momentum=0.9)
    first_epoch, completed_steps = 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first_epoch, completed_steps = state["epoch"], state["step"]
        say(f"continue epoch={first_epoch + 1} after step={completed_steps}")

    def save_checkpoint(epoch: int, step: int) -> None:
        weights = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        save(checkpoint, weights | {"epoch": epoch, "step": step})

    sampler: DistributedSampler[Any] = DistributedSampler(samples, seed=args.seed)
    for epoch in range(first_epoch, args.epochs):
        sampler.set_epoch(epoch)
        for step, (inputs, targets) in enumerate(DataLoader(samples, args.batch_size, sampler=sampler), start=1):
            if epoch == first_epoch and step <= completed_steps:
                continue
            loss = cross_entropy(replica(inputs.to(device)), targets.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after_step(epoch, step)
            stopping = any_process(bool(stopped))
            if stopping or step % args.checkpoint_every == 0:
                save_checkpoint(epoch, step)
            if stopping:
                say(f"stopped epoch={epoch + 1} step={step}")
                return None
        save_checkpoint(epoch + 1, 0)
        say(f"epoch={epoch + 1} train_loss={loss.item():.4f} val_accuracy={accuracy(model, channels, device):.4f}")
    return model


def accuracy(model: nn.Module, channels: Path, device: torch.device) -> float:
    """Return the share of samples in the channel `val` that the model classifies correctly."""
    inputs, targets = read_samples(channels / "val").tensors
    with torch.inference_mode():
        predicted: Tensor = model(inputs.to(device)).argmax(1).cpu()
    return (predicted == targets).float().mean().item()


def after_step(epoch: int, step: int) -> None:
    """Do nothing. A test replaces this function to interrupt the run."""


def say(line: str) -> None:
    """Print a line once for all processes."""
    if dist.get_rank() == 0:
        print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Train, save the model in the first process, and return the exit code: 143 after SIGTERM."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    parser = argparse.ArgumentParser(description="Run it with torchrun.")
    parser.add_argument("--root", type=Path, default=Path("/opt/ml"), help="folder of SageMaker's files")
    root: Path = parser.parse_args(arguments).root
    channels = root / "input" / "data"
    args = read_args(channels / "config" / "args.yaml")
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    say(f"start processes={dist.get_world_size()} {asdict(args)}")
    model = train(args, channels, root / "checkpoints" / "checkpoint.pt", device, stopped)
    if model is not None:
        save(root / "model" / "model.pt", model.state_dict())
    dist.destroy_process_group()
    return 128 + signal.SIGTERM if model is None else 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a thread of gloo can abort the normal end of Python (pytorch/pytorch#190489)
