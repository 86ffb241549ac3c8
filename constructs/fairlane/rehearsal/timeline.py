"""How much of something there is over time: steps only."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""From a second until another, which is not in it any more."""


class Timeline:
    """A whole number at every second: 0 before the first step, and after the last what that changed it to.

    Attributes:
        times: the seconds at which it changes.
        values: what it changes to.
    """

    def __init__(self, changes: Mapping[int, int]) -> None:
        times = sorted(time for time, change in changes.items() if change)
        self.times = array("q", times)
        self.values = array("q", accumulate(changes[time] for time in times))
        self._sums = array("q", [0])
        for start, stop, value in zip(times, times[1:], self.values, strict=False):
            self._sums.append(self._sums[-1] + value * (stop - start))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The steps: a second, and the number from then on."""
        return zip(self.times, self.values, strict=True)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def peak(self) -> int:
        """The largest number."""
        return max(self.values, default=0)

    def at(self, time: int) -> int:
        """The number at a second."""
        place = bisect_right(self.times, time)
        return self.values[place - 1] if place else 0

    def until(self, time: int) -> int:
        """The sum over all seconds before one."""
        place = bisect_right(self.times, time) - 1
        return self._sums[place] + self.values[place] * (time - self.times[place]) if place >= 0 else 0

    def integral(self, spans: Iterable[Span]) -> int:
        """The sum over all seconds of spans."""
        return sum(self.until(stop) - self.until(start) for start, stop in spans)

    def highest_mean(self, width: int) -> float:
        """The largest mean of any `width` seconds."""
        starts = (start for time in self.times for start in (time, time - width))
        return max((self.until(start + width) - self.until(start) for start in starts), default=0) / width

    def at_least(self, least: int) -> list[Span]:
        """When the number is so large, which must not be 0 or less; the last step must end it."""
        return merged((start, stop) for start, stop, value in self._pieces() if value >= least)

    def below(self, number: int, within: Sequence[Span]) -> list[Span]:
        """When, within spans, the number is below another."""
        return overlap(within, self._low(number))

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.times, self.times[1:], self.values, strict=False)

    def _low(self, number: int) -> list[Span]:
        """When the number is below another, from the beginning to the end of time."""
        ends = (-(1 << 62), 1 << 62)
        high = self.at_least(number) if number > 0 else [ends]
        edges = [ends[0], *(edge for span in high for edge in span), ends[1]]
        return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Sorted spans, with those that touch made one."""
    joined: list[Span] = []
    for start, stop in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def overlap(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What two lists of spans, sorted and apart, have in common."""
    common = []
    here = there = 0
    while here < len(one) and there < len(other):
        start, stop = max(one[here][0], other[there][0]), min(one[here][1], other[there][1])
        if start < stop:
            common.append((start, stop))
        if one[here][1] < other[there][1]:
            here += 1
        else:
            there += 1
    return common


def at_once(lists: Iterable[Sequence[Span]]) -> Timeline:
    """How many of several lists of spans have a second."""
    changes: dict[int, int] = defaultdict(int)
    for spans in lists:
        for start, stop in spans:
            changes[start] += 1
            changes[stop] -= 1
    return Timeline(changes)


def total_of(timelines: Sequence[Timeline]) -> Timeline:
    """Several together."""
    if len(timelines) == 1:
        return timelines[0]
    changes: dict[int, int] = defaultdict(int)
    for timeline in timelines:
        before = 0
        for time, value in timeline:
            changes[time] += value - before
            before = value
    return Timeline(changes)
