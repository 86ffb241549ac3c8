"""Comparison of the results of two runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from tests_train.elastic.training_operator import Operator

EXACT = 1e-12


def assert_same_result(run: Operator, other: Operator) -> None:
    """Compare each step's loss and learning rate, the last checkpoint, and the number of uses of each sample."""
    lines, expected = run.steps(), other.steps()
    assert [line["step"] for line in lines] == list(range(1, 41))
    for name in ("loss", "learning_rate"):
        values = [line[name] for line in expected]
        assert [line[name] for line in lines] == pytest.approx(values, rel=0, abs=EXACT), name
    assert run.used() == dict.fromkeys(range(640), 1)
    found, wanted = final_state(run), final_state(other)
    assert found.keys() == wanted.keys()
    assert {name.split("/")[1] for name in found} == {"model", "optimizer", "schedule"}
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=EXACT)


def final_state(run: Operator) -> dict[str, torch.Tensor]:
    """Return all numbers of the latest checkpoint by their path, for example /optimizer/state/0.weight/exp_avg."""
    file = run.folder / "state.pt"
    dcp_to_torch_save(latest(run), file)
    return dict(_numbers(torch.load(file, weights_only=True), ""))


def latest(run: Operator) -> Path:
    """Return the folder of the latest checkpoint."""
    return run.checkpoints / (run.checkpoints / "latest").read_text()


def _numbers(value: Any, path: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(part, f"{path}/{name}")
    elif isinstance(value, (int, float, torch.Tensor)):
        yield path, torch.as_tensor(value, dtype=torch.float64)
