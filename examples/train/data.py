"""What is learned, and from what: replace both with your own."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

_HELD_OUT = 10  # every tenth sample is kept from training, to measure with


def load_data(folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
    """The samples to train with and those to measure with, from the folder's `*.pt` files; made up without a folder.

    A file holds a dict: `inputs`, a row of floats for each sample, and `targets`, the class of each, counted from 0.
    """
    files = sorted(folder.glob("*.pt")) if folder else []
    parts = [torch.load(path, weights_only=True) for path in files] or [_made_up()]
    inputs = torch.cat([part["inputs"] for part in parts])
    targets = torch.cat([part["targets"] for part in parts])
    held_out = torch.arange(len(inputs)) % _HELD_OUT == 0
    return TensorDataset(inputs[~held_out], targets[~held_out]), TensorDataset(inputs[held_out], targets[held_out])


def build_model(samples: TensorDataset, dropout: float) -> nn.Module:
    """A small classifier that fits those samples."""
    inputs, targets = samples.tensors
    classes = int(targets.max()) + 1
    return nn.Sequential(nn.Linear(inputs.shape[1], 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, classes))


def _made_up(samples: int = 640, features: int = 16, classes: int = 4) -> dict[str, Tensor]:
    """The same in every run: points around one centre for each class."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(classes, features, generator=generator) * 0.7
    targets = torch.randint(classes, (samples,), generator=generator)
    return {"inputs": centres[targets] + torch.randn(samples, features, generator=generator), "targets": targets}
