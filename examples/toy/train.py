"""Training of a toy model with the standard library only, for jobs on a local AWS.

The script reads options and SageMaker's files below `/opt/ml`, resumes from its checkpoint with exactly the same
result, and exits with code 143 after it has saved on SIGTERM, like the example training image. As a run of a sweep, it
also requires `fairlane_run`.
"""

import argparse
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

FEATURES, SAMPLES = 8, 256
STOPPED = 143


class Stop:
    """Handler of SIGTERM. `requested` is True after the signal."""

    def __init__(self) -> None:
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True


class Run:
    """Logistic regression by gradient descent with momentum on generated samples.

    Args:
        settings: Settings of the run.
    """

    def __init__(self, settings: argparse.Namespace) -> None:
        self.settings = settings
        self.file = settings.checkpoints / "checkpoint.json"
        self.random = random.Random(settings.seed)
        self.samples = [self._sample() for _ in range(SAMPLES)]
        self.weights, self.momenta = [0.0] * FEATURES, [0.0] * FEATURES
        self.step = 0

    def restore(self) -> None:
        """Continue from the checkpoint, if there is one."""
        if self.file.exists():
            state = json.loads(self.file.read_text())
            self.step, self.weights, self.momenta = state["step"], state["weights"], state["momenta"]
            version, numbers, rest = state["random"]
            self.random.setstate((version, tuple(numbers), rest))
            print(f"resumed step={self.step}", flush=True)

    def save(self) -> None:
        """Write the checkpoint: it is complete, or the one before stays."""
        state = {"step": self.step, "weights": self.weights, "momenta": self.momenta, "random": self.random.getstate()}
        write(self.file, state)

    def train(self, stop: Stop, point: Any) -> bool:
        """Train to the end or until SIGTERM, and return False after SIGTERM.

        Args:
            stop: Handler of SIGTERM.
            point: Run of a sweep, whose stop rule can end the training. None outside of a sweep.
        """
        settings = self.settings
        while self.step < settings.steps:
            self._descend(self.random.sample(self.samples, settings.batch_size))
            self.step += 1
            time.sleep(settings.step_seconds)
            if self.step % settings.log_every == 0 or self.step == settings.steps:
                loss = self.loss()
                print(f"step={self.step} loss={loss!r}", flush=True)
                if point and point.report(self.step, loss=loss).stop:
                    break
            if stop.requested or self.step % settings.checkpoint_every == 0:
                self.save()
            if stop.requested:
                print(f"stopped step={self.step}", flush=True)
                return False
        return True

    def loss(self) -> float:
        """Return the mean loss over all samples."""
        return math.fsum(math.log1p(math.exp(-sign * self._score(inputs))) for inputs, sign in self.samples) / SAMPLES

    def _descend(self, batch: Sequence[tuple[list[float], int]]) -> None:
        gradient = [0.0] * FEATURES
        for inputs, sign in batch:
            factor = -sign / (1 + math.exp(sign * self._score(inputs))) / len(batch)
            gradient = [total + factor * value for total, value in zip(gradient, inputs, strict=True)]
        momentum = self.settings.momentum
        self.momenta = [momentum * old + new for old, new in zip(self.momenta, gradient, strict=True)]
        rate = self.settings.learning_rate
        self.weights = [weight - rate * change for weight, change in zip(self.weights, self.momenta, strict=True)]

    def _score(self, inputs: Sequence[float]) -> float:
        return sum(weight * value for weight, value in zip(self.weights, inputs, strict=True))

    def _sample(self) -> tuple[list[float], int]:
        sign = self.random.choice((-1, 1))
        return [self.random.gauss(sign * 0.3, 1) for _ in range(FEATURES)], sign


def read_settings(options: Sequence[str]) -> argparse.Namespace:
    """Return the settings. The last one of repeated options counts."""
    parser = argparse.ArgumentParser(description="Training of a toy model.", allow_abbrev=False)
    parser.add_argument("--steps", type=int, default=100, help="number of steps (default: 100)")
    parser.add_argument("--step-seconds", type=float, default=0.05, help="seconds of each step (default: 0.05)")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="learning rate (default: 0.1)")
    parser.add_argument("--momentum", type=float, default=0.9, help="momentum (default: 0.9)")
    parser.add_argument("--batch-size", type=int, default=16, help="samples of each step, at most 256 (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="seed of samples and batches (default: 0)")
    parser.add_argument("--checkpoint-every", type=int, default=10, help="steps between checkpoints (default: 10)")
    parser.add_argument("--log-every", type=int, default=10, help="steps between printed losses (default: 10)")
    parser.add_argument("--root", type=Path, default=Path("/opt/ml"), help="folder of SageMaker's files")
    parser.add_argument("--checkpoints", type=Path, help="folder of the checkpoint (default: ROOT/checkpoints)")
    parser.add_argument("--model", type=Path, help="folder of the model (default: ROOT/model)")
    settings = parser.parse_args(options)
    settings.checkpoints = settings.checkpoints or settings.root / "checkpoints"
    settings.model = settings.model or settings.root / "model"
    return settings


def read_hyperparameters(root: Path) -> dict[str, str]:
    """Return SageMaker's hyperparameters."""
    file = root / "input" / "config" / "hyperparameters.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def to_options(values: Mapping[str, Any]) -> list[str]:
    """Return values as options of the command line."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def open_point(hyperparameters: dict[str, str]) -> AbstractContextManager[Any]:
    """Return the context of the run of a sweep. Outside of a sweep, the context provides None."""
    setting = hyperparameters.pop("fairlane-sweep", None)
    if setting is None and "FAIRLANE_SWEEP" not in os.environ:
        return nullcontext()
    from fairlane_run import run  # noqa: PLC0415

    return run()


def write(file: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    with partial.open("w") as text:
        json.dump(content, text)
        text.flush()
        os.fsync(text.fileno())
    partial.replace(file)


def main(arguments: Sequence[str]) -> None:
    """Train. Parameters of a sweep take precedence over options, and options over hyperparameters."""
    stop = Stop()
    options = [word for word in arguments if word != "train"]
    root = read_settings(options).root
    try:
        hyperparameters = read_hyperparameters(root)
        with open_point(hyperparameters) as point:
            parameters = point.parameters if point else {}
            run = Run(read_settings([*to_options(hyperparameters), *options, *to_options(parameters)]))
            run.restore()
            if not run.train(stop, point):
                sys.exit(STOPPED)
            loss = run.loss()
            write(run.settings.model / "model.json", {"weights": run.weights, "loss": loss})
            print(f"trained steps={run.step} loss={loss!r}", flush=True)
            if point:
                point.finish(loss=loss)
    except Exception as error:
        failure = root / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
