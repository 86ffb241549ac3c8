"""Step functions over time, and operations on time spans."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and stop in seconds. The stop is not part of the span."""


class Timeline:
    """Step function of time with whole numbers as values, for example the number of instances in use.

    The value is 0 before the first step and constant after the last step.

    Attributes:
        times: Seconds at which the value changes.
        values: Value from each of `times` on.
    """

    def __init__(self, changes: Mapping[int, int]) -> None:
        times = sorted(time for time, change in changes.items() if change)
        self.times = array("q", times)
        self.values = array("q", accumulate(changes[time] for time in times))
        self._sums = array("q", [0])
        for start, stop, value in zip(times, times[1:], self.values, strict=False):
            self._sums.append(self._sums[-1] + value * (stop - start))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Return an iterator over the steps: the second, and the value from that second on."""
        return zip(self.times, self.values, strict=True)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def peak(self) -> int:
        """Largest value."""
        return max(self.values, default=0)

    def value_at(self, time: int) -> int:
        """Return the value at a second."""
        index = bisect_right(self.times, time)
        return self.values[index - 1] if index else 0

    def sum_until(self, time: int) -> int:
        """Return the sum of the values of all seconds before `time`."""
        index = bisect_right(self.times, time) - 1
        return self._sums[index] + self.values[index] * (time - self.times[index]) if index >= 0 else 0

    def integral(self, spans: Iterable[Span]) -> int:
        """Return the sum of the values of all seconds of the spans."""
        return sum(self.sum_until(stop) - self.sum_until(start) for start, stop in spans)

    def highest_span(self, width: int) -> Span:
        """Return the span of `width` seconds with the largest mean."""
        starts = (start for time in self.times for start in (time, time - width))
        start = max(starts, key=lambda start: self.sum_until(start + width) - self.sum_until(start), default=0)
        return start, start + width

    def spans_at_least(self, minimum: int) -> list[Span]:
        """Return the spans in which the value is `minimum` or more.

        Args:
            minimum: Number above 0 that the value after the last step does not reach.
        """
        return merge_spans((start, stop) for start, stop, value in self._segments() if value >= minimum)

    def spans_below(self, number: int, within: Sequence[Span]) -> list[Span]:
        """Return the parts of the spans in `within` in which the value is below `number`."""
        return intersect_spans(within, self._all_spans_below(number))

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.times, self.times[1:], self.values, strict=False)

    def _all_spans_below(self, number: int) -> list[Span]:
        ends = (-(1 << 62), 1 << 62)
        high = self.spans_at_least(number) if number > 0 else [ends]
        edges = [ends[0], *(edge for span in high for edge in span), ends[1]]
        return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return sorted spans with touching and overlapping spans merged."""
    merged: list[Span] = []
    for start, stop in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def intersect_spans(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Return the intersection of two sorted lists of disjoint spans."""
    common = []
    i = j = 0
    while i < len(first) and j < len(second):
        start, stop = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if start < stop:
            common.append((start, stop))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return common


def count_lists(lists: Iterable[Sequence[Span]]) -> Timeline:
    """Return the number of lists that have a span at each second."""
    changes: dict[int, int] = defaultdict(int)
    for spans in lists:
        for start, stop in spans:
            changes[start] += 1
            changes[stop] -= 1
    return Timeline(changes)


def sum_timelines(timelines: Sequence[Timeline]) -> Timeline:
    """Return the sum of the timelines."""
    if len(timelines) == 1:
        return timelines[0]
    changes: dict[int, int] = defaultdict(int)
    for timeline in timelines:
        before = 0
        for time, value in timeline:
            changes[time] += value - before
            before = value
    return Timeline(changes)


def highest(first: Timeline, second: Timeline) -> Timeline:
    """Return the larger value of two timelines over time."""
    changes: dict[int, int] = {}
    before = 0
    for time in sorted({*first.times, *second.times}):
        value = max(first.value_at(time), second.value_at(time))
        changes[time] = value - before
        before = value
    return Timeline(changes)
