"""Position in the data of an elastic job, counted over all processes. Requires no PyTorch.

The samples of all epochs are one sequence, in a seeded order of each epoch. Step n uses the global batch n of this
sequence, at any number of processes, so that a change of the size neither loses nor repeats a sample.
"""

from __future__ import annotations

from hashlib import blake2b
from math import isqrt

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
        self._side = isqrt(samples - 1) + 1

    @property
    def steps(self) -> int:
        """Number of steps of the run."""
        return -(-self.samples * self.epochs // self.global_batch)

    def batch(self, step: int) -> list[int]:
        """Return the indices of the samples of a step.

        Args:
            step: Step, 0 to `steps` - 1.
        """
        return [self._sample(position) for position in self._positions(step)]

    def share(self, step: int, rank: int, world: int) -> list[MicroBatch]:
        """Return the micro batches of a process in a step. All processes have the same number of them.

        Args:
            step: Step, 0 to `steps` - 1.
            rank: Rank of the process, 0 to `world` - 1.
            world: Number of data-parallel processes.
        """
        if not 0 <= rank < world:
            raise ElasticError(f"rank: got {rank}, allowed: 0 to {world - 1}")
        batch = self._positions(step)
        own = _part(batch, rank, world)
        rounds = -(-len(_part(batch, 0, world)) // self.micro_batch)
        parts = [_part(own, number, rounds) for number in range(rounds)]
        return [MicroBatch([self._sample(at) for at in part or batch[:1]], len(part) / len(batch)) for part in parts]

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

    def _positions(self, step: int) -> range:
        """Return the positions of a global batch in the sequence of all epochs."""
        first = step * self.global_batch
        last = min(first + self.global_batch, self.samples * self.epochs)
        if not 0 <= first < last:
            raise ElasticError(f"step: got {step}, allowed: 0 to {self.steps - 1}")
        return range(first, last)

    def _sample(self, position: int) -> int:
        """Return the sample at a position of the sequence.

        A Feistel network permutes the samples of an epoch, so that a start neither shuffles nor holds them all. It
        permutes the numbers below the next square, and is applied again until the result is a sample.
        """
        epoch, sample = divmod(position, self.samples)
        while True:
            left, right = divmod(sample, self._side)
            for turn in range(4):
                digest = blake2b(b"%d/%d/%d/%d" % (self.seed, epoch, turn, right), digest_size=8).digest()
                left, right = right, (left + int.from_bytes(digest, "big")) % self._side
            sample = left * self._side + right
            if sample < self.samples:
                return sample


def _part(positions: range, index: int, count: int) -> range:
    """Return one of `count` consecutive parts. The first parts have one more where the number is no multiple."""
    size, larger = divmod(len(positions), count)
    first = index * size + min(index, larger)
    return positions[first : first + size + (index < larger)]
