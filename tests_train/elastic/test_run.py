import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader

from fairlane_run.elastic import (
    CheckpointFolder,
    ElasticCheckpoint,
    ElasticError,
    ElasticEvents,
    ElasticRun,
    ignore_signals,
)
from fairlane_run.elastic import GlobalBatches as Batches

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

SAMPLES = torch.randn(24, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Job:
    """One attempt of a run in this process, without torch.distributed."""

    def __init__(self, path: Path, batches: Batches | None = None, **options: int) -> None:
        torch.manual_seed(1)
        self.model = nn.Linear(3, 1, dtype=torch.float64)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.folder = CheckpointFolder(path)
        checkpoint = ElasticCheckpoint(self.folder, self.model, self.optimizer, self.schedule)
        self.run = ElasticRun(ElasticEvents(), batches or Batches(24, 6, micro_batch=4), checkpoint, **options)

    def loss(self, samples: list[int]) -> torch.Tensor:
        return self.model(SAMPLES[samples]).square().mean()

    def train(self, interrupt: int = 0, number: signal.Signals = signal.SIGUSR1) -> list[float]:
        """Return the loss of each step, and send a signal in one."""
        losses = []
        for step in self.run.steps():
            losses.append(self.run.backward(self.model, self.loss).item())
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
            if step == interrupt - 1:
                signal.raise_signal(number)
        return losses


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 0), (signal.SIGTERM, 143)])
def test_a_run_continues_after_the_step_of_the_signal(tmp_path: Path, number: signal.Signals, code: int) -> None:
    whole = Job(tmp_path / "whole")
    expected = whole.train()

    first = Job(tmp_path / "parts")
    before = first.train(interrupt=2, number=number)
    second = Job(tmp_path / "parts")
    after = second.train()

    assert (first.run.exit_code, second.run.exit_code, first.run.step) == (code, 0, 2)
    assert before + after == expected
    assert torch.equal(second.model.weight, whole.model.weight)
    assert second.schedule.state_dict() == whole.schedule.state_dict()


def test_accumulation_has_the_loss_and_the_gradient_of_one_large_batch(tmp_path: Path) -> None:
    job = Job(tmp_path, Batches(24, 7, micro_batch=3))

    loss = job.run.backward(job.model, job.loss)

    expected = job.loss(Batches(24, 7).batch(0))
    (gradient,) = torch.autograd.grad(expected, [job.model.weight])
    torch.testing.assert_close(loss, expected.detach(), rtol=0, atol=1e-15)
    torch.testing.assert_close(job.model.weight.grad, gradient, rtol=0, atol=1e-15)


def test_the_event_is_found_at_the_next_look(tmp_path: Path) -> None:
    job = Job(tmp_path, check_every=3)

    job.train(interrupt=1)

    assert job.run.step == 3
    assert job.folder.steps() == [3]


def test_a_run_saves_at_intervals_and_at_the_end(tmp_path: Path) -> None:
    job = Job(tmp_path, Batches(24, 8), save_every=2)

    job.train()

    assert job.folder.steps() == [2, 3]
    assert Job(tmp_path, Batches(24, 8)).train() == []


def test_a_run_of_other_batches_is_refused(tmp_path: Path) -> None:
    Job(tmp_path).train()

    job = Job(tmp_path, Batches(24, 12))
    for use in (job.run.restore, job.train):  # also after a script that catches the error
        with pytest.raises(ElasticError, match="global_batch: got 12, checkpoint: 6"):
            use()
    assert job.run.step == 0


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_an_event_in_the_last_step_completes_the_run(tmp_path: Path, number: signal.Signals) -> None:
    job = Job(tmp_path)

    job.train(interrupt=4, number=number)

    assert (job.run.step, job.run.exit_code) == (4, 0)
    assert job.folder.steps() == [4]
    assert Job(tmp_path).train() == []


def test_a_data_loader_reads_the_remaining_samples(tmp_path: Path) -> None:
    Job(tmp_path).train(interrupt=2)
    job = Job(tmp_path)

    rows = torch.cat(list(DataLoader(SAMPLES, batch_sampler=list(job.run.batch_sampler()))))
    order = Batches(24, 24).batch(0)
    assert torch.equal(rows, SAMPLES[order[12:]])


def test_a_save_that_fails_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Job(tmp_path).train(interrupt=1)

    def disk_full(*_: object) -> str:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "commit", disk_full)
        with pytest.raises(OSError, match="No space left"):
            Job(tmp_path).train(interrupt=2)

    assert Job(tmp_path).run.restore() == 1


def test_an_error_of_the_first_process_reaches_all(tmp_path: Path) -> None:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        model = nn.Linear(3, 1)
        checkpoint = ElasticCheckpoint(CheckpointFolder(tmp_path), model, torch.optim.AdamW(model.parameters()))
        with pytest.raises(ElasticError, match="checkpoint: TypeError: Object of type object is not JSON"):
            checkpoint.save(1, {"a": object()})
    finally:
        dist.destroy_process_group()

    assert checkpoint.folder.latest() is None


def test_a_parameter_without_a_gradient_has_no_moments_after_the_restart(tmp_path: Path) -> None:
    def build() -> tuple[nn.ModuleList, torch.optim.Optimizer, ElasticCheckpoint]:
        torch.manual_seed(0)
        experts = nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)])
        optimizer = torch.optim.AdamW(experts.parameters())
        return experts, optimizer, ElasticCheckpoint(CheckpointFolder(tmp_path), experts, optimizer)

    experts, optimizer, checkpoint = build()
    experts[0](torch.ones(3)).sum().backward()
    optimizer.step()
    checkpoint.save(1, {})

    restarted, fresh, other = build()
    assert other.load() == (1, {})

    assert torch.equal(restarted[0].weight, experts[0].weight)
    assert set(fresh.state) == set(restarted[0].parameters())
    assert fresh.state[restarted[0].weight]["step"] == 1


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_worker_of_a_data_loader_survives_the_signals_of_its_process_group(number: signal.Signals) -> None:
    loader = iter(DataLoader(range(40), num_workers=1, worker_init_fn=ignore_signals))
    rows = [next(loader)]

    os.kill(loader._workers[0].pid, number)
    rows += loader

    assert torch.cat(rows).tolist() == list(range(40))


@pytest.mark.parametrize("options", [{"check_every": 0}, {"save_every": 0}])
def test_intervals_below_one_are_refused(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(ElasticError, match="check_every and save_every"):
        Job(tmp_path, **options)
