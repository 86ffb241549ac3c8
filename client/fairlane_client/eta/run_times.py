"""Run times of jobs, drawn from the run times of like jobs, of the share, or of the queue."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, TypeAlias

from fairlane_client.eta.past_jobs import PastJob

Keys: TypeAlias = tuple[tuple[str, ...], ...]
LEVELS: Final = ("like jobs", "jobs of the share", "jobs of the queue")
_KEPT: Final = (200, 500, 1000)
"""Number of the latest run times that count, by level."""
_RESAMPLED: Final = 200


def keys_of(job: PastJob) -> Keys:
    """Return the keys of the run times that a job can have: those of like jobs, of its share, and of the queue."""
    return (("like", job.share, job.likeness), ("share", job.share), ("queue",))


class RunTimes:
    """Run times of past jobs by likeness and share, of the share, and of the queue.

    Args:
        jobs: Past jobs. Those that never ran, or that still run, do not count.
    """

    def __init__(self, jobs: Iterable[PastJob]) -> None:
        ended = [(job, run) for job in jobs if (run := job.run) is not None and job.stopped is not None]
        ended.sort(key=lambda pair: -(pair[0].stopped or 0))
        found: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for job, run in ended:
            for key, most in zip(keys_of(job), _KEPT, strict=True):
                if len(found[key]) < most:
                    found[key].append(run)
        self.samples = {key: sorted(runs) for key, runs in found.items()}
        self.number = len(ended)

    def level(self, keys: Keys, age: int = 0) -> tuple[int, int]:
        """Return the level of the run times for a job, and their number. The level after the last one if none has.

        Args:
            keys: Keys of the job.
            age: Number of seconds that the job has run. Shorter run times do not count.
        """
        for level, key in enumerate(keys):
            sample = self.samples.get(key, [])
            if number := len(sample) - bisect_right(sample, age):
                return level, number
        return len(LEVELS), 0


class Draws:
    """Run times of one simulation.

    Small samples are drawn again with replacement, so that simulations differ as much as what is unknown about them.
    With a probability of 1 to the number of run times plus 1, a draw comes from the next level: the next job can be
    longer than all before.

    Args:
        times: Run times of past jobs.
        random: Source of random numbers.
    """

    def __init__(self, times: RunTimes, random: Random) -> None:
        self._times = times
        self._random = random
        self._samples: dict[tuple[str, ...], list[int]] = {}

    def draw(self, keys: Keys, limit: int | None = None) -> int:
        """Return the run time of a job that has not started, in seconds.

        Args:
            keys: Keys of the job.
            limit: Time limit of an attempt in seconds. Default: none.
        """
        return self._draw(keys, 0, limit)

    def draw_longer(self, keys: Keys, age: int, limit: int | None = None) -> int:
        """Return the run time of a job that has run for `age` seconds. It counts for the following draws.

        If no past job of the queue ran that long, the job runs `age` longer with a probability of 1 to 2.
        """
        run = self._draw(keys, age, limit)
        for key in keys:
            insort(self._sample(key), run)
        return run

    def _draw(self, keys: Keys, age: int, limit: int | None) -> int:
        chance = self._random.random
        longest = age
        for key in keys:
            sample = self._sample(key)
            first = bisect_right(sample, age) if age else 0
            number = len(sample) - first
            if number and chance() * (number + 1) >= 1:
                run = sample[first + int(chance() * number)]
                break
            if number:
                longest = sample[-1]
        else:
            run = int(longest / max(1e-3, 1 - chance()))
        return max(age + 1, run if limit is None else min(run, limit))

    def _sample(self, key: tuple[str, ...]) -> list[int]:
        sample = self._samples.get(key)
        if sample is None:
            base: Sequence[int] = self._times.samples.get(key, ())
            again = 0 < len(base) <= _RESAMPLED
            sample = sorted(self._random.choices(base, k=len(base))) if again else list(base)
            self._samples[key] = sample
        return sample
