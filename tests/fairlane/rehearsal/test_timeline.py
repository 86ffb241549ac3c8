"""Timelines and spans: the same as second by second."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fairlane.rehearsal.timeline import (
    Span,
    Timeline,
    as_spans,
    count_lists,
    highest,
    intersect_spans,
    list_spans,
    sum_timelines,
)

SECONDS = range(-3, 33)
CHANGES = st.dictionaries(st.integers(0, 29), st.integers(-3, 3)).map(
    lambda changes: {**changes, 30: -sum(changes.values())}
)
SPANS = st.lists(st.integers(0, 30), unique=True, max_size=8).map(
    lambda edges: [*zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)]
)


def values(changes: dict[int, int]) -> list[int]:
    return [sum(change for time, change in changes.items() if time <= second) for second in SECONDS]


def seconds_of(spans: Iterable[Span]) -> set[int]:
    return {second for start, stop in spans for second in range(start, stop)}


@given(CHANGES, st.lists(st.integers(-3, 33), min_size=1).map(sorted))
def test_values_sums_and_means_are_those_of_the_seconds(changes: dict[int, int], grid: list[int]) -> None:
    timeline, expected = Timeline(changes), values(changes)
    assert [timeline.value_at(second) for second in SECONDS] == expected
    assert timeline.peak == max(timeline.values, default=0)
    assert all(before != after for before, after in pairwise([0, *timeline.values])), "each step is a change"
    sums = [sum(expected[: second - SECONDS[0]]) for second in grid]
    assert [timeline.sum_until(second) for second in grid] == sums
    steps = zip(pairwise(sums), pairwise(grid), strict=True)
    assert timeline.means(grid) == [
        (after - before) / (stop - start) for (before, after), (start, stop) in steps if stop > start
    ]


@given(CHANGES, SPANS)
def test_spans_are_those_of_the_seconds(changes: dict[int, int], within: list[Span]) -> None:
    timeline, expected = Timeline(changes), dict(zip(SECONDS, values(changes), strict=True))
    high = list_spans(timeline.spans_at_least(1))
    assert seconds_of(high) == {second for second in SECONDS if expected[second] >= 1}
    assert all(stop < start for (_, stop), (start, _) in pairwise(high)), "spans do not touch"
    assert not len(timeline.spans_below(0, as_spans(within)))
    for number in (1, 2):
        below = list_spans(timeline.spans_below(number, as_spans(within)))
        assert seconds_of(below) == {second for second in seconds_of(within) if expected[second] < number}
    assert timeline.integral(within) == sum(expected[second] for second in seconds_of(within))


@given(SPANS, SPANS)
def test_spans_are_intersected_and_counted(first: list[Span], second: list[Span]) -> None:
    both = list_spans(intersect_spans(as_spans(first), as_spans(second)))
    assert both == sorted(both)
    assert seconds_of(both) == seconds_of(first) & seconds_of(second)
    counted = count_lists([as_spans(first), as_spans(second)])
    lists = (seconds_of(first), seconds_of(second))
    assert [counted.value_at(time) for time in SECONDS] == [sum(time in each for each in lists) for time in SECONDS]


@given(st.lists(CHANGES, max_size=3))
def test_timelines_are_added(many: list[dict[int, int]]) -> None:
    total = sum_timelines([Timeline(changes) for changes in many])
    expected = [sum(each) for each in zip(*map(values, [{}, *many]), strict=True)]
    assert [total.value_at(second) for second in SECONDS] == expected


@given(CHANGES, CHANGES)
def test_the_larger_of_two_timelines(first: dict[int, int], second: dict[int, int]) -> None:
    larger = highest(Timeline(first), Timeline(second))
    expected = [max(pair) for pair in zip(values(first), values(second), strict=True)]
    assert [larger.value_at(time) for time in SECONDS] == expected


@given(
    SPANS.map(lambda spans: {edge: sign for span in spans for edge, sign in zip(span, (1, -1), strict=True)}),
    st.integers(1, 12),
)
def test_the_busiest_span_has_the_largest_mean(changes: dict[int, int], width: int) -> None:
    timeline, expected = Timeline(changes), values(changes)
    largest = max(sum(expected[start : start + width]) for start in range(len(expected)))
    assert timeline.integral([timeline.highest_span(width)]) == largest


def test_sums_beyond_64_bits_are_exact() -> None:
    timeline = Timeline({0: 10**9, 10**11: -(10**9)})
    assert timeline.integral([(0, 10**11)]) == 10**20
    assert timeline.sum_until(10**11 + 5) == 10**20
