"""Model and training data of the example. Replace both with your own."""

from pathlib import Path

import torch
from torch import Tensor, nn


def load_data(folder: Path | None) -> tuple[Tensor, Tensor]:
    """Return inputs and targets from the `*.pt` files of a folder.

    Without a folder, the samples are synthetic. A file contains a dict with `inputs`, a row of floats for each sample,
    and `targets`, the class of each sample, starting at 0.
    """
    files = sorted(folder.glob("*.pt")) if folder else []
    parts = [torch.load(path, weights_only=True) for path in files] or [_synthetic_data()]
    return torch.cat([part["inputs"] for part in parts]), torch.cat([part["targets"] for part in parts])


def build_model(inputs: Tensor, targets: Tensor) -> nn.Module:
    """Return a small classifier for the samples. It has no dropout, whose random numbers depend on the process."""
    return nn.Sequential(nn.Linear(inputs.shape[1], 64), nn.ReLU(), nn.Linear(64, int(targets.max()) + 1))


def _synthetic_data(samples: int = 640, features: int = 16, classes: int = 4) -> dict[str, Tensor]:
    """Return points around one center for each class, the same points in each run."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(classes, features, generator=generator) * 0.7
    targets = torch.randint(classes, (samples,), generator=generator)
    return {"inputs": centers[targets] + torch.randn(samples, features, generator=generator), "targets": targets}
