"""Position in the data of an elastic job, counted over all processes. Requires no PyTorch.

The samples of all epochs are one sequence, in a seeded order of each epoch. Step n uses the global batch n of this
sequence, at any number of processes, so that a change of the size neither loses nor repeats a sample.
"""

from __future__ import annotations

from array import array
from random import Random

from fairlane_run.elastic.errors import ElasticError

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from typing import Any


class MicroBatch:
    """Samples that a process computes at once.

    Attributes:
        samples: Indices of the samples, one or more.
        weight: Part of the global batch, 0 to 1. The sum over `weight` times the mean loss of each micro batch of all
            processes is the mean loss of the global batch. 0 for a sample that only keeps a process in step.
    """

    __slots__ = ("samples", "weight")

    def __init__(self, samples: list[int], weight: float) -> None:
        self.samples = samples
        self.weight = weight


class GlobalBatches:
    """Global batches of a run, which any number of processes can share.

    A global batch that is no multiple of the number of processes is shared unevenly: some processes compute one sample
    more. A batch can hold the end of one epoch and the start of the next one; only the last batch of a run is smaller
    if it has to be.

    Args:
        samples: Number of samples of an epoch, 1 or more.
        global_batch: Number of samples of a step over all processes, 1 or more.
        micro_batch: Largest number of samples that a process computes at once. Default: its part of the global batch.
        epochs: Number of epochs, 1 or more. Default: 1.
        seed: Seed of the order. Default: 0.

    Raises:
        ElasticError: If a number is below 1.
    """

    def __init__(
        self, samples: int, global_batch: int, *, micro_batch: int | None = None, epochs: int = 1, seed: int = 0
    ) -> None:
        self.samples = samples
        self.global_batch = global_batch
        self.micro_batch = global_batch if micro_batch is None else micro_batch
        self.epochs = epochs
        self.seed = seed
        numbers = ("samples", "global_batch", "micro_batch", "epochs")
        if wrong := [f"{name}: got {getattr(self, name)}" for name in numbers if getattr(self, name) < 1]:
            raise ElasticError(f"{', '.join(wrong)}, allowed: 1 or more")
        self._orders: dict[int, array[int]] = {}

    @property
    def steps(self) -> int:
        """Number of steps of the run."""
        return -(-self.samples * self.epochs // self.global_batch)

    def batch(self, step: int) -> list[int]:
        """Return the indices of the samples of a step.

        Args:
            step: Step, 0 to `steps` - 1.
        """
        first = step * self.global_batch
        last = min(first + self.global_batch, self.samples * self.epochs)
        if not 0 <= first < last:
            raise ElasticError(f"step: got {step}, allowed: 0 to {self.steps - 1}")
        return [self._epoch(at // self.samples)[at % self.samples] for at in range(first, last)]

    def share(self, step: int, rank: int, world: int) -> list[MicroBatch]:
        """Return the micro batches of a process in a step. All processes have the same number of them.

        Args:
            step: Step, 0 to `steps` - 1.
            rank: Rank of the process, 0 to `world` - 1.
            world: Number of data-parallel processes.
        """
        batch = self.batch(step)
        own = _part(batch, rank, world)
        rounds = -(-len(_part(batch, 0, world)) // self.micro_batch)
        parts = [_part(own, number, rounds) for number in range(rounds)]
        return [MicroBatch(part or batch[:1], len(part) / len(batch)) for part in parts]

    def state(self) -> dict[str, int]:
        """Return the numbers that must be the same when a run continues.

        The number of epochs is one of them: the last batch of a run can be smaller, so that a longer run has others.
        """
        return {name: getattr(self, name) for name in ("samples", "global_batch", "epochs", "seed")}

    def check(self, state: dict[str, Any]) -> None:
        """Raise an error if a checkpoint counts other batches, because its position would mean other samples.

        Args:
            state: Result of `state` in the checkpoint.

        Raises:
            ElasticError: If a number differs.
        """
        wrong = [f"{name}: got {own}, checkpoint: {state.get(name)}" for name, own in self.state().items()]
        if state != self.state():
            raise ElasticError(f"the position of the checkpoint counts other batches: {', '.join(wrong)}")

    def _epoch(self, epoch: int) -> array[int]:
        """Return the order of an epoch. 8 bytes for each sample, for two epochs: a DataLoader loads ahead."""
        if epoch not in self._orders:
            order = array("Q", range(self.samples))
            Random(f"{self.seed}/{epoch}").shuffle(order)
            self._orders = {known: self._orders[known] for known in [*self._orders][-1:]} | {epoch: order}
        return self._orders[epoch]


def _part(values: list[int], index: int, count: int) -> list[int]:
    """Return one of `count` consecutive parts. The first parts have one value more where the number is no multiple."""
    size, larger = divmod(len(values), count)
    first = index * size + min(index, larger)
    return values[first : first + size + (index < larger)]
