"""Trains a small model: on a CPU, one GPU, all GPUs of a machine or of several, as `launch.py` or torchrun starts it.

It goes on from its last checkpoint if there is one. On SIGTERM it finishes the step, saves and exits, all processes
together: SageMaker gives 120 seconds for that, AWS Batch 30, the notice of a Spot instance two minutes.
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
    """Whether SIGTERM has asked this process to stop."""

    def __init__(self) -> None:
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True


def train(settings: Settings, processes: Processes, stop: Stop) -> bool:
    """Trains to the end, or until it is asked to stop; returns whether it reached the end."""
    device = processes.device
    precision = precision_for(settings.precision, device)
    torch.manual_seed(settings.seed)
    samples, held_out = load_data(settings.data)
    model = build_model(samples, settings.dropout).to(device)
    torch.manual_seed(settings.seed + processes.rank)  # the same weights everywhere, but each its own dropout
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

    held_out_loss, accuracy = measure(model, held_out, processes)
    say(processes, f"end held_out_loss={held_out_loss!r} held_out_accuracy={accuracy:.4f}")
    if processes.first:
        write(settings.model / "model.pt", model.state_dict())
    processes.any(False)
    return True


def batches(
    samples: TensorDataset, settings: Settings, processes: Processes, progress: Progress
) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
    """What this process has still to see of an epoch, numbered by step: the order depends on seed and epoch alone."""
    sampler: DistributedSampler[Any] = DistributedSampler(
        samples, processes.count, processes.rank, shuffle=True, seed=settings.seed, drop_last=True
    )
    sampler.set_epoch(progress.epoch)
    done = progress.samples // (settings.batch_size * processes.count)
    left = list(BatchSampler(sampler, settings.batch_size, drop_last=False))[done:]
    # With a generator of its own the loader takes nothing from the chance that dropout depends on.
    loader = DataLoader(samples, batch_sampler=left, pin_memory=torch.cuda.is_available(), generator=torch.Generator())
    return enumerate(loader, start=done + 1)


def measure(model: nn.Module, held_out: TensorDataset, processes: Processes) -> tuple[float, float]:
    """Loss and accuracy on samples that were not trained with; each process measures its part of them."""
    inputs, targets = (part[processes.rank :: processes.count].to(processes.device) for part in held_out.tensors)
    model.eval()
    with torch.inference_mode():
        outputs = model(inputs)
    model.train()
    sums = [cross_entropy(outputs, targets, reduction="sum"), (outputs.argmax(1) == targets).sum()]
    loss, correct = (processes.total(torch.stack([one.double() for one in sums])) / len(held_out)).tolist()
    return loss, correct


def precision_for(wanted: str, device: torch.device) -> torch.dtype:
    """The numbers to calculate with; `auto` is bfloat16, but float16 on GPUs older than Ampere (V100, T4)."""
    if wanted == "auto":
        old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
        return torch.float16 if old else torch.bfloat16
    return {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}[wanted]


def after_step(processes: Processes, epoch: int, step: int) -> None:
    """Does nothing: a place for a profiler, or for a test that ends the process here."""


def say(processes: Processes, line: str) -> None:
    """Prints a line once for all processes."""
    if processes.first:
        print(line, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Trains as the settings say, and returns the exit code."""
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
