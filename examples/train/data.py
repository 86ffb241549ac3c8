"""Model and training data of the example. Replace both with your own."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

_HELD_OUT = 10  # every tenth sample is held out, for the evaluation


def load_data(folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
    """Return the samples for training and the held-out samples, from the `*.pt` files of a folder.

    Without a folder, the samples are synthetic. A file contains a dict with `inputs`, a row of floats for each sample,
    and `targets`, the class of each sample, starting at 0.
    """
    files = sorted(folder.glob("*.pt")) if folder else []
    parts = [torch.load(path, weights_only=True) for path in files] or [_synthetic_data()]
    inputs = torch.cat([part["inputs"] for part in parts])
    targets = torch.cat([part["targets"] for part in parts])
    held_out = torch.arange(len(inputs)) % _HELD_OUT == 0
    return TensorDataset(inputs[~held_out], targets[~held_out]), TensorDataset(inputs[held_out], targets[held_out])


def build_model(samples: TensorDataset, dropout: float) -> nn.Module:
    """Return a small classifier for the samples."""
    inputs, targets = samples.tensors
    classes = int(targets.max()) + 1
    return nn.Sequential(nn.Linear(inputs.shape[1], 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, classes))


def _synthetic_data(samples: int = 640, features: int = 16, classes: int = 4) -> dict[str, Tensor]:
    """Return points around one center for each class, the same points in each run."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(classes, features, generator=generator) * 0.7
    targets = torch.randint(classes, (samples,), generator=generator)
    return {"inputs": centers[targets] + torch.randn(samples, features, generator=generator), "targets": targets}
