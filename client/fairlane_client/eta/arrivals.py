"""Submissions of the coming hours, drawn from past hours."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil, floor
from random import Random
from typing import Final

from fairlane_client.eta.past_jobs import PastJob

HOUR: Final = 3600
_WEEK: Final = 168


class Arrivals:
    """Submissions of past hours.

    An hour to come has the submissions of the same hour of a past week or, with a probability of 1 to the number of
    past weeks plus 1, of any past hour. Bursts, for example sweeps, stay together.

    Args:
        jobs: Jobs of the queue, also those that wait or run.
        start: Time from which all submissions are known, in seconds since 1970.
        end: Current time.
    """

    def __init__(self, jobs: Iterable[PastJob], start: float, end: float) -> None:
        self._first, self._last = ceil(start / HOUR), floor(end / HOUR)
        self._hours: dict[int, list[tuple[int, PastJob]]] = defaultdict(list)
        for job in jobs:
            hour = floor(job.created / HOUR)
            if self._first <= hour < self._last and job.amount:
                self._hours[hour].append((floor(job.created) - hour * HOUR, job))
        for submissions in self._hours.values():
            submissions.sort(key=lambda pair: pair[0])

    @property
    def hours(self) -> int:
        """Number of past hours whose submissions are known."""
        return max(0, self._last - self._first)

    def draw(self, hour: int, random: Random) -> Iterator[tuple[int, PastJob]]:
        """Yield the submissions of an hour to come, in order: second since 1970, and a job like the one submitted.

        Args:
            hour: Hour, in hours since 1970.
            random: Source of random numbers.
        """
        if not self.hours:
            return
        same = range(self._first + (hour - self._first) % _WEEK, self._last, _WEEK)
        chosen = random.randrange(len(same) + 1)
        past = same[chosen] if chosen < len(same) else random.randrange(self._first, self._last)
        for second, job in self._hours.get(past, ()):
            yield hour * HOUR + second, job
