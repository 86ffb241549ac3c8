"""Elastic training loop: the same global batches, loss and learning rate at any number of processes."""

from __future__ import annotations

from contextlib import contextmanager

from fairlane_run.elastic.batches import GlobalBatches
from fairlane_run.elastic.checkpoint import ElasticCheckpoint
from fairlane_run.elastic.errors import ElasticError
from fairlane_run.elastic.events import ElasticEvents, Event

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class ElasticRun:
    """Steps of a run, which ends early after an event, with its state saved.

    Call `optimizer.step` and `schedule.step` once in each step: the learning rate belongs to the step, not to the
    number of processes.

    Args:
        events: Signals of the job.
        batches: Global batches of the run.
        checkpoint: Checkpoints of the run.
        check_every: Number of steps between two looks for an event. All processes wait for each other at a look. The
            graceful shutdown must allow this number of steps and a save. Default: 1.
        save_every: Number of steps between two checkpoints without an event. Default: none, only at events and at the
            end.
        group: Process group of torch.distributed of the data-parallel processes. Default: all processes.

    Attributes:
        step: Number of completed steps.
        event: Event that ended the loop, or `Event.NONE`.
    """

    def __init__(
        self,
        events: ElasticEvents,
        batches: GlobalBatches,
        checkpoint: ElasticCheckpoint,
        *,
        check_every: int = 1,
        save_every: int | None = None,
        group: Any = None,
    ) -> None:
        if check_every < 1 or (save_every is not None and save_every < 1):
            raise ElasticError("check_every and save_every: allowed: 1 or more")
        self.step = 0
        self.event = Event.NONE
        self._events = events
        self._batches = batches
        self._checkpoint = checkpoint
        self._check_every = check_every
        self._save_every = save_every
        self._group = group
        self._saved: int | None = None
        self._restored = False

    @property
    def exit_code(self) -> int:
        """Exit code of the script: 0 at the end and for another size, 143 after SIGTERM while steps remain."""
        return 143 if self.event is Event.TERMINATION and self.step < self._batches.steps else 0

    def restore(self) -> int:
        """Load the latest checkpoint, and return the number of completed steps: 0 without a checkpoint.

        Raises:
            ElasticError: If the checkpoint counts other batches.
        """
        loaded = self._checkpoint.load()
        if loaded is not None:
            step, state = loaded
            self._batches.check(state)
            self.step = self._saved = step
        self._restored = True
        return self.step

    def steps(self) -> Iterator[int]:
        """Yield the number of each remaining step, from 0, until an event or the end.

        The body of the loop runs the step. After it, the run looks for an event, and saves. Calls `restore` unless the
        script has called it.
        """
        if not self._restored:
            self.restore()
        while self.step < self._batches.steps:
            yield self.step
            self.step += 1
            if self.step % self._check_every == 0:
                self.event = self._events.detect()
            due = self._save_every is not None and self.step % self._save_every == 0
            if self.event or due:
                self._save()
            if self.event:
                return
        self._save()

    def batch_sampler(self) -> Iterator[list[int]]:
        """Yield the samples of each remaining micro batch of this process, for a DataLoader.

        The position counts completed steps, so that what the workers of a DataLoader load ahead is not lost. Calls
        `restore` unless the script has called it.
        """
        if not self._restored:
            self.restore()
        rank, world = self._place()
        for step in range(self.step, self._batches.steps):
            yield from (micro_batch.samples for micro_batch in self._batches.share(step, rank, world))

    def backward(self, model: Any, loss_of: Callable[[list[int]], Any]) -> Any:
        """Add the gradient of this step's global batch to the parameters, and return the mean loss over all processes.

        The gradients are exchanged once, after the last micro batch. They are those of the mean loss over the global
        batch, at any number of processes and with uneven batches.

        Args:
            model: Model with DistributedDataParallel or `fully_shard`, which average gradients over all processes.
            loss_of: Function that computes the mean loss of samples with the model.
        """
        rank, world = self._place()
        total: Any = 0.0
        share = self._batches.share(self.step, rank, world)
        for number, micro_batch in enumerate(share, start=1):
            with _exchange(model, number == len(share)):
                loss = loss_of(micro_batch.samples) * micro_batch.weight
                (loss * world).backward()
            total = total + loss.detach()
        if world > 1:
            import torch.distributed as dist

            dist.all_reduce(total, group=self._group)
        return total

    def _place(self) -> tuple[int, int]:
        """Return the rank of this data-parallel process and their number."""
        import torch.distributed as dist

        if not dist.is_initialized():
            return 0, 1
        return dist.get_rank(self._group), dist.get_world_size(self._group)

    def _save(self) -> None:
        if self._saved != self.step:
            self._checkpoint.save(self.step, self._batches.state())
            self._saved = self.step


@contextmanager
def _exchange(model: Any, last: bool) -> Iterator[None]:
    """Exchange gradients only in the last micro batch of a step."""
    if hasattr(model, "set_requires_gradient_sync"):  # fully_shard
        model.set_requires_gradient_sync(last)
        yield
    elif hasattr(model, "no_sync") and not last:  # DistributedDataParallel
        with model.no_sync():
            yield
    else:
        yield
