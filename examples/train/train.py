"""Training of a small model, on a CPU, on one GPU, or on all GPUs of one or several instances.

`launch.py` or torchrun starts the processes. A run continues from its last checkpoint. On SIGTERM, all processes
together finish the step, save and exit: SageMaker allows 120 seconds for that, AWS Batch 30 seconds, and the notice of
a Spot Instance two minutes.
"""

import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from checkpoint import Checkpoint, Progress, write
from data import build_model, load_data
from processes import Processes, end
from settings import Settings, read_settings_or_exit, report_failure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset


class Stop:
    """Handler of SIGTERM. `requested` is True after the signal."""

    def __init__(self) -> None:
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True


def train(settings: Settings, processes: Processes, stop: Stop) -> bool:
    """Train to the end or until SIGTERM, and return True at the end."""
    device = processes.device
    precision = precision_for(settings.precision, device)
    torch.manual_seed(settings.seed)
    samples, held_out = load_data(settings.data)
    model = build_model(samples, settings.dropout).to(device)
    torch.manual_seed(settings.seed + processes.rank)  # the processes have the same weights, but different dropout
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=0.9)
    scaler = torch.amp.GradScaler(device.type, enabled=precision is torch.float16)
    checkpoint = Checkpoint(settings.checkpoints / "checkpoint.pt", processes, model, optimizer, scaler)
    progress = checkpoint.restore() or Progress()
    replica = processes.replicate(model)
    say(processes, f"start processes={processes.count} device={device.type} precision={precision} {progress}")

    for epoch in range(progress.epoch, settings.epochs):
        for step, (inputs, targets) in batches(samples, settings, processes, progress):
            with torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32):
                loss = cross_entropy(replica(inputs.to(device)), targets.to(device))
            torch.autograd.backward(scaler.scale(loss))
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            progress.samples += settings.batch_size * processes.count
            if step % settings.log_every == 0:
                say(processes, f"epoch={epoch + 1} step={step} loss={loss.item():.6f}")
            after_step(processes, epoch, step)
            stopping = processes.any(stop.requested)
            if stopping or step % settings.checkpoint_every == 0:
                checkpoint.save(progress)
            if stopping:
                say(processes, f"stopped epoch={epoch + 1} step={step}, saved to {checkpoint.path}")
                return False
        progress.epoch, progress.samples = epoch + 1, 0
        checkpoint.save(progress)
        say(processes, f"epoch={epoch + 1} {measure(model, held_out, processes)}")

    say(processes, f"end {measure(model, held_out, processes)}")
    if processes.first:
        write(settings.model / "model.pt", model.state_dict())
    processes.any(False)
    return True


def batches(
    samples: TensorDataset, settings: Settings, processes: Processes, progress: Progress
) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
    """Return the remaining batches of this process in an epoch, with their step; seed and epoch define the order."""
    sampler: DistributedSampler[Any] = DistributedSampler(
        samples, processes.count, processes.rank, shuffle=True, seed=settings.seed, drop_last=True
    )
    sampler.set_epoch(progress.epoch)
    completed = progress.samples // (settings.batch_size * processes.count)
    remaining = list(BatchSampler(sampler, settings.batch_size, drop_last=False))[completed:]
    # With its own generator, the loader does not change the random numbers of dropout.
    loader = DataLoader(
        samples, batch_sampler=remaining, pin_memory=torch.cuda.is_available(), generator=torch.Generator()
    )
    return enumerate(loader, start=completed + 1)


def measure(model: nn.Module, held_out: TensorDataset, processes: Processes) -> str:
    """Return loss and accuracy on the held-out samples as text. Each process measures a part of them."""
    inputs, targets = (part[processes.rank :: processes.count].to(processes.device) for part in held_out.tensors)
    model.eval()
    with torch.inference_mode():
        outputs = model(inputs)
    model.train()
    sums = [cross_entropy(outputs, targets, reduction="sum"), (outputs.argmax(1) == targets).sum()]
    loss, correct = (processes.total(torch.stack([value.double() for value in sums])) / len(held_out)).tolist()
    return f"held_out_loss={loss!r} held_out_accuracy={correct:.4f}"


def precision_for(name: str, device: torch.device) -> torch.dtype:
    """Return the data type of the calculation. `auto` is bfloat16, or float16 on GPUs older than Ampere (V100, T4)."""
    if name == "auto":
        old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
        return torch.float16 if old else torch.bfloat16
    return {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}[name]


def after_step(processes: Processes, epoch: int, step: int) -> None:
    """Do nothing. Replace this function with a profiler, or with a test that ends the process."""


def say(processes: Processes, line: str) -> None:
    """Print a line once for all processes."""
    if processes.first:
        print(line, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Train with the settings, and return the exit code."""
    stop = Stop()
    settings = read_settings_or_exit(arguments)
    try:
        processes = Processes.join()
        finished = train(settings, processes, stop)
    except Exception as error:
        traceback.print_exc()
        report_failure(settings.failure, f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")
        return 1
    processes.leave()
    return 0 if finished else settings.exit_code_when_stopped


if __name__ == "__main__":
    end(main(sys.argv[1:]))
