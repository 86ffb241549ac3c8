import json
import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane_lambda.emf import Metrics

MINUTE = 60
KEY = MetricKey.from_dimensions("N", "m", {"Queue": "q"})


def samples_of(*rows: tuple[int, list[float]]) -> Samples:
    samples = Samples()
    for time, values in rows:
        samples.add("N", "m", {"Queue": "q"}, time, values)
    return samples


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("Average", 2.5),
        ("Sum", 10),
        ("Minimum", 1),
        ("Maximum", 4),
        ("SampleCount", 4),
        ("avg", 2.5),
        ("n", 4),
        ("p0", 1),
        ("p50", 2.5),
        ("P90", 3.7),
        ("p99.9", 3.997),
        ("p100", 4),
    ],
)
def test_statistics_of_a_window(statistic: str, value: float) -> None:
    samples = samples_of((0, [4, 1]), (MINUTE, [3, 2]))
    assert samples.aggregate(KEY, statistic, 2 * MINUTE, [0]) == {0: pytest.approx(value)}


def test_an_average_weights_samples_not_minutes() -> None:
    assert samples_of((0, [1, 1, 1]), (MINUTE, [5])).aggregate(KEY, "Average", 120, [0]) == {0: 2}


def test_a_sum_has_no_rounding_errors() -> None:
    assert samples_of(*((minute * MINUTE, [0.1]) for minute in range(10))).aggregate(KEY, "Sum", 600, [0]) == {0: 1.0}


def test_negative_values_have_no_percentile() -> None:
    assert samples_of((0, [-1, 2])).aggregate(KEY, "p50", MINUTE, [0]) == {}


@pytest.mark.parametrize("statistic", ["tm99", "p101", "p", "Median"])
def test_other_statistics_are_refused(statistic: str) -> None:
    with pytest.raises(ValueError, match=statistic):
        samples_of((0, [1])).aggregate(KEY, statistic, MINUTE, [0])


def test_a_window_includes_its_start_and_excludes_its_end() -> None:
    samples = samples_of((0, [1]), (MINUTE, [2]))
    assert samples.aggregate(KEY, "Sum", MINUTE, [-MINUTE, 0, MINUTE, 2 * MINUTE]) == {0: 1, MINUTE: 2}


def test_windows_may_overlap() -> None:
    samples = samples_of(*((minute * MINUTE, [float(minute)]) for minute in range(4)))
    assert samples.aggregate(KEY, "Sum", 2 * MINUTE, [0, MINUTE, 2 * MINUTE]) == {0: 1, MINUTE: 3, 2 * MINUTE: 5}


def test_metrics_with_different_dimensions_are_different_metrics() -> None:
    samples = samples_of((0, [1]))
    assert samples.aggregate(MetricKey.from_dimensions("N", "m", {}), "Sum", MINUTE, [0]) == {}
    assert MetricKey.from_dimensions("N", "m", {"b": "2", "a": "1"}) == MetricKey.from_dimensions(
        "N", "m", {"a": "1", "b": "2"}
    )


def test_late_samples_count_from_their_arrival_on() -> None:
    samples = samples_of((0, [1]))
    samples.add("N", "m", {"Queue": "q"}, 30, [5], arrival=300)
    assert samples.aggregate(KEY, "Sum", MINUTE, [0], 299) == {0: 1}
    assert samples.aggregate(KEY, "Sum", MINUTE, [0], 300) == {0: 6}
    assert samples.aggregate(KEY, "Sum", MINUTE, [0], 299) == {0: 1}
    assert samples.aggregate(KEY, "Sum", MINUTE, [0]) == {0: 6}


def test_samples_can_be_added_after_a_request() -> None:
    samples = samples_of((MINUTE, [1]))
    assert samples.aggregate(KEY, "Sum", 120, [0]) == {0: 1}
    samples.add("N", "m", {"Queue": "q"}, 0, [2])
    assert samples.aggregate(KEY, "Sum", 120, [0]) == {0: 3}


ROWS = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 300), st.lists(st.integers(-50, 50), min_size=1, max_size=3)),
    max_size=30,
)
NAIVE: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}


@given(
    rows=ROWS,
    statistic=st.sampled_from([*NAIVE]),
    period=st.integers(1, 400),
    starts=st.lists(st.integers(-100, 700), max_size=8),
    read_times=st.lists(st.none() | st.integers(0, 1000), min_size=1, max_size=4),
)
def test_statistics_are_those_of_the_samples_in_each_window(
    rows: list[tuple[int, int, list[float]]],
    statistic: str,
    period: int,
    starts: list[int],
    read_times: list[int | None],
) -> None:
    samples = Samples()
    for time, delay, values in rows:
        samples.add("N", "m", {"Queue": "q"}, time, values, arrival=time + delay)
    for read_time in read_times:
        expected = {}
        for start in starts:
            window = [
                value
                for time, delay, values in rows
                for value in values
                if start <= time < start + period and (read_time is None or time + delay <= read_time)
            ]
            if window:
                expected[start] = NAIVE[statistic](window)
        assert samples.aggregate(KEY, statistic, period, starts, read_time) == pytest.approx(expected)


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=40), percentage=st.integers(0, 100))
def test_a_percentile_lies_between_the_samples_next_to_its_rank(values: list[float], percentage: int) -> None:
    result = samples_of((0, values)).aggregate(KEY, f"p{percentage}", MINUTE, [0])[0]
    rank = percentage / 100 * (len(values) - 1)
    ordered = sorted(values)
    assert ordered[math.floor(round(rank, 9))] - 1e-6 <= result <= ordered[math.ceil(round(rank, 9))] + 1e-6


def test_log_lines_of_the_exporter_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    hour = 3_600_000
    metrics.add("RunnableJobs", 3, queue="training", time=hour)
    metrics.add("JobRunTime", 40, queue="training", share="red", time=hour)
    metrics.add("JobRunTime", 60, queue="training", share="red", time=hour)
    metrics.write(2 * hour)
    lines = ["START RequestId: 1", "", '{"level":"INFO"}', "[1]", *capsys.readouterr().out.splitlines()]
    samples = Samples()
    samples.add_emf(lines)
    waiting = MetricKey("Fairlane", "RunnableJobs", (("JobQueueName", "training"),))
    ran = MetricKey("Fairlane", "JobRunTime", (("JobQueueName", "training"), ("Share", "red")))
    assert samples.metrics() == [ran, waiting]
    assert samples.aggregate(waiting, "Average", MINUTE, [3600]) == {3600: 3}
    assert samples.aggregate(ran, "Average", MINUTE, [3600]) == {3600: 50}


def test_each_set_of_dimensions_is_a_metric() -> None:
    directive = {"Namespace": "N", "Dimensions": [["a"], ["a", "b"], []], "Metrics": [{"Name": "m"}, {"Name": "none"}]}
    document = {"_aws": {"Timestamp": 1999, "CloudWatchMetrics": [directive]}, "a": "1", "b": "2", "m": [1, 2]}
    samples = Samples()
    samples.add_emf([json.dumps(document | {"none": True})], arrival=60)
    assert [key.dimensions for key in samples.metrics()] == [(), (("a", "1"),), (("a", "1"), ("b", "2"))]
    assert samples.aggregate(MetricKey.from_dimensions("N", "m", {}), "Sum", 1, [1], 59) == {}
    assert samples.aggregate(MetricKey.from_dimensions("N", "m", {}), "Sum", 1, [1], 60) == {1: 3}


def line(timestamp: str = "1000", value: str = "5") -> str:
    directive = {"Namespace": "N", "Dimensions": [["Queue"]], "Metrics": [{"Name": "m"}]}
    metadata = f'{{"Timestamp": {timestamp}, "CloudWatchMetrics": [{json.dumps(directive)}]}}'
    return f'{{"_aws": {metadata}, "Queue": "q", "m": {value}}}'


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\ufeff",
        "2026-03-04T12:00:07 ",
        "2026-03-04T12:00:07.513000+00:00 2026/03/04/[$LATEST]0a1b2c3d4e5f60718293a4b5c6d7e8f9 ",
        "2026-03-04T12:00:07.513Z\t",
    ],
)
def test_text_before_the_first_brace_of_a_line_is_ignored(before: str) -> None:
    samples = Samples()
    samples.add_emf([before + line() + "\n"])
    assert samples.aggregate(KEY, "Sum", 1, [1]) == {1: 5}


@pytest.mark.parametrize("value", ["NaN", "1e400", "-Infinity", "[NaN]", "1e200", "1" + "0" * 400, '"5"', "[[]]", "[]"])
def test_values_that_are_not_numbers_are_ignored(value: str) -> None:
    samples = Samples()
    samples.add_emf([line(value=value)])
    assert samples.metrics() == []


def test_valid_numbers_of_a_list_with_invalid_numbers_are_read() -> None:
    samples = Samples()
    samples.add_emf([line(value="[1, NaN, 2, 1e400]")])
    assert samples.aggregate(KEY, "Sum", 1, [1]) == {1: 3}


@pytest.mark.parametrize(
    "timestamp", ["99999999999999999", "4102444800000", "NaN", "1e400", "-1", '"1000"', "true", "null", "[]"]
)
def test_an_invalid_timestamp_is_refused(timestamp: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Timestamp: got {json.loads(timestamp)!r}, allowed: milliseconds")):
        Samples().add_emf([line(timestamp)])


def test_deeply_nested_lines_are_ignored() -> None:
    samples = Samples()
    samples.add_emf(['{"a": ' + "[" * 100_000, line("1999.5")])
    assert samples.aggregate(KEY, "Sum", 1, [1]) == {1: 5}
