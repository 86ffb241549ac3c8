"""Step functions over time, and operations on time spans."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from fairlane.rehearsal.arrays import Integers, fits, np, shrink, to_array

Span: TypeAlias = tuple[int, int]
"""Start and stop in seconds. The stop is not part of the span."""

Spans: TypeAlias = Integers
"""Sorted disjoint spans: an array with a row for each span, its start and its stop."""

EVER: Final[Span] = (-(1 << 62), 1 << 62)
"""Span of all seconds."""


class Timeline:
    """Step function of time with whole numbers as values, for example the number of instances in use.

    The value is 0 before the first step and constant after the last step.

    Args:
        changes: Change of the value at each second.
    """

    def __init__(self, changes: Mapping[int, int]) -> None:
        order = sorted(changes.items())
        self._set(to_array([time for time, _ in order]), to_array([change for _, change in order]))

    @classmethod
    def of_sorted(cls, times: Integers, changes: Integers) -> "Timeline":
        """Return the timeline of changes, in the order of their seconds. Several changes may have the same second."""
        timeline = cls.__new__(cls)
        timeline._set(times, changes)
        return timeline

    @classmethod
    def of(cls, times: Integers, changes: Integers) -> "Timeline":
        """Return the timeline of changes in any order. Several changes may have the same second."""
        order = np.argsort(times, kind="stable")
        return cls.of_sorted(times[order], changes[order])

    def _set(self, times: Integers, changes: Integers) -> None:
        values = np.cumsum(changes)
        if len(times):
            last = np.append(times[1:] != times[:-1], True)
            times, values = times[last], values[last]
            steps = np.diff(values, prepend=0) != 0
            times, values = times[steps], values[steps]
        self._times, self._values = times, shrink(values)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Return an iterator over the steps: the second, and the value from that second on."""
        return zip(self.times, self.values, strict=True)

    def __len__(self) -> int:
        return len(self._times)

    @property
    def times(self) -> "array[int]":
        """Seconds at which the value changes."""
        return array("q", self._times.tobytes())

    @property
    def values(self) -> "array[int]":
        """Value from each of `times` on."""
        return array("q", self._values.astype(np.int64).tobytes())

    @property
    def peak(self) -> int:
        """Largest value."""
        return int(self._values.max()) if len(self) else 0

    def value_at(self, time: int) -> int:
        """Return the value at a second."""
        return int(self._values_at(to_array([time]))[0])

    def sum_until(self, time: int) -> int:
        """Return the sum of the values of all seconds before `time`."""
        return int(self._sums_until(to_array([time]))[0])

    def means(self, grid: Sequence[int]) -> list[float]:
        """Return the mean value from each second of a grid to the next one that is later."""
        sums = self._sums_until(to_array(grid)).tolist()
        steps = zip(pairwise(sums), pairwise(grid), strict=True)
        return [(after - before) / (stop - start) for (before, after), (start, stop) in steps if stop > start]

    def integral(self, spans: Iterable[Span] | Spans) -> int:
        """Return the sum of the values of all seconds of the spans."""
        starts, stops = as_spans(spans).T
        return sum((self._sums_until(stops) - self._sums_until(starts)).tolist())

    def highest_span(self, width: int) -> Span:
        """Return the span of `width` seconds with the largest mean."""
        if not len(self):
            return 0, width
        at = self._sums_until(self._times)
        after = self._sums_until(self._times + width) - at
        before = at - self._sums_until(self._times - width)
        step, is_before = divmod(int(np.stack((after, before), axis=1).argmax()), 2)
        start = int(self._times[step]) - is_before * width
        return start, start + width

    def spans_at_least(self, minimum: int) -> Spans:
        """Return the spans in which the value is `minimum` or more.

        Args:
            minimum: Number above 0 that the value after the last step does not reach.
        """
        if not len(self):
            return to_array([]).reshape(0, 2)
        edges = np.diff((self._values[:-1] >= minimum).astype(np.int8), prepend=0, append=0)
        return np.stack((self._times[edges > 0], self._times[edges < 0]), axis=1)

    def spans_below(self, number: int, within: Spans) -> Spans:
        """Return the parts of the spans in `within` in which the value is below `number`."""
        high = self.spans_at_least(number) if number > 0 else to_array([EVER])
        edges = np.concatenate((EVER[:1], high.ravel(), EVER[1:])).reshape(-1, 2)
        return intersect_spans(within, edges[edges[:, 0] < edges[:, 1]])

    def _values_at(self, times: Integers) -> Integers:
        """Return the values at seconds."""
        return np.append(self._values, 0)[np.searchsorted(self._times, times, side="right") - 1]

    def _sums_until(self, times: Integers) -> Integers:
        """Return the sums of the values of all seconds before each of `times`. Large sums are Python numbers."""
        if not len(self) or not len(times):
            return np.zeros(len(times), np.int64)
        own, values = self._times, self._values
        longest = max(int(own[-1]), int(times.max())) - int(own[0])
        if not fits(int(np.abs(values).max()) * longest):
            own, values, times = own.astype(object), values.astype(object), times.astype(object)
        sums = np.concatenate(([0], np.cumsum(values[:-1] * np.diff(own))))
        index = np.searchsorted(self._times, times.astype(np.int64), side="right") - 1
        return np.where(index < 0, 0, sums[index] + values[index] * (times - own[index]))


def as_spans(spans: Iterable[Span] | Spans) -> Spans:
    """Return spans as an array."""
    return spans if isinstance(spans, np.ndarray) else to_array([*spans]).reshape(-1, 2)


def list_spans(spans: Spans) -> list[Span]:
    """Return an array of spans as a list."""
    return [(start, stop) for start, stop in spans.tolist()]


def total_seconds(spans: Spans) -> int:
    """Return the length of all spans together."""
    return int(np.diff(spans).sum())


def intersect_spans(first: Spans, second: Spans) -> Spans:
    """Return the intersection of two arrays of sorted disjoint spans, in the order of the first."""
    low = np.searchsorted(second[:, 1], first[:, 0], side="right")
    high = np.searchsorted(second[:, 0], first[:, 1], side="left")
    numbers = np.maximum(high - low, 0)
    mine = np.repeat(np.arange(len(first)), numbers)
    theirs = np.arange(len(mine)) - np.repeat(np.cumsum(numbers) - numbers - low, numbers)
    starts = np.maximum(first[mine, 0], second[theirs, 0])
    return np.stack((starts, np.minimum(first[mine, 1], second[theirs, 1])), axis=1)


def count_lists(lists: Iterable[Spans]) -> Timeline:
    """Return the number of lists that have a span at each second."""
    spans = np.concatenate([to_array([]).reshape(0, 2), *lists])
    return Timeline.of(spans.T.ravel(), np.repeat(to_array([1, -1]), len(spans)))


def sum_timelines(timelines: Sequence[Timeline]) -> Timeline:
    """Return the sum of the timelines."""
    if len(timelines) == 1:
        return timelines[0]
    times = np.concatenate([to_array([]), *(timeline._times for timeline in timelines)])
    changes = np.concatenate([to_array([]), *(np.diff(timeline._values, prepend=0) for timeline in timelines)])
    return Timeline.of(times, changes)


def highest(first: Timeline, second: Timeline) -> Timeline:
    """Return the larger value of two timelines over time."""
    times = np.union1d(first._times, second._times)
    values = np.maximum(first._values_at(times), second._values_at(times))
    return Timeline.of_sorted(times, np.diff(values, prepend=0))
