from pathlib import Path

import pytest
import torch
from checkpoint import Progress
from data import load_data
from processes import Processes
from settings import Settings
from train import batches

from tests_train.conftest import RunHere
from tests_train.support import held_out_loss, losses, run, weights


def test_one_process_learns(tmp_path: Path, run_here: RunHere) -> None:
    code, output = run_here(tmp_path, "--epochs=3")

    first = float(losses(output)[0].split("loss=")[1])
    assert code == 0
    assert held_out_loss(output) < first / 2
    assert (tmp_path / "model" / "model.pt").exists()


def test_each_epoch_has_its_own_order() -> None:
    samples, _ = load_data(None)
    alone = Processes(rank=0, count=1, device=torch.device("cpu"))

    first, again, second = (next(batches(samples, Settings(), alone, Progress(epoch)))[1][1] for epoch in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_every_precision_learns(tmp_path: Path, run_here: RunHere, precision: str) -> None:
    _, output = run_here(tmp_path, f"--precision={precision}")

    assert f"precision=torch.{precision}" in output
    assert held_out_loss(output) < 1


def test_it_learns_from_the_files_of_a_channel(tmp_path: Path, run_here: RunHere) -> None:
    channel = tmp_path / "input" / "data" / "training"
    channel.mkdir(parents=True)
    inputs = torch.randn(100, 3, generator=torch.Generator().manual_seed(1))
    for name, rows in {"a": inputs[:50], "b": inputs[50:]}.items():
        torch.save({"inputs": rows, "targets": (rows[:, 0] > 0).long()}, channel / f"{name}.pt")

    code, output = run_here(tmp_path, "--epochs=20", "--precision=float32")

    assert code == 0
    assert weights(tmp_path)["0.weight"].shape == (64, 3)
    assert held_out_loss(output) < 0.4


def test_data_that_would_run_code_when_loaded_is_refused(tmp_path: Path, run_here: RunHere) -> None:
    torch.save({"inputs": Path("/"), "targets": print}, tmp_path / "evil.pt")

    code, _ = run_here(tmp_path, f"--data={tmp_path}")

    assert code == 1
    assert "Weights only load failed" in (tmp_path / "output" / "failure").read_text()


def test_two_processes_learn_the_same_as_one_with_batches_of_twice_the_size(tmp_path: Path, run_here: RunHere) -> None:
    code, two = run(tmp_path / "two", "--dropout=0", "--precision=float32")
    run_here(tmp_path / "one", "--dropout=0", "--precision=float32", "--batch-size=64")

    assert code == 0, two
    assert "processes=2" in two
    expected = weights(tmp_path / "one")
    for name, learned in weights(tmp_path / "two").items():
        torch.testing.assert_close(learned, expected[name], rtol=1e-4, atol=1e-5)
