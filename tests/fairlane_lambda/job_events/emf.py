"""Reader of CloudWatch's embedded metric format, and comparison with the expected values."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isclose

from tests.fairlane_lambda.job_events.jobs import NOW_MS
from tests.fairlane_lambda.job_events.reference import COUNTS, DURATIONS, UNITS, Dimensions, Expected, Sample

SETS = (["JobQueueName"], ["JobQueueName", "Share"], ["JobQueueName", "Reason"])

Key = tuple[str, Dimensions, int | None]


def read_samples(output: str) -> list[Sample]:
    """Return every published value, and check the format and its limits."""
    samples: list[Sample] = []
    for line in output.splitlines():
        root = json.loads(line)
        timestamp = root["_aws"]["Timestamp"]
        assert isinstance(timestamp, int), line
        for directive in root["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == "Fairlane", line
            assert 1 <= len(directive["Metrics"]) <= 100, line
            for names in directive["Dimensions"]:
                assert names in SETS, line
                dimensions = tuple((name, root[name]) for name in names)
                for metric in directive["Metrics"]:
                    name = metric["Name"]
                    assert metric["Unit"] == UNITS[name], line
                    values = root[name] if isinstance(root[name], list) else [root[name]]
                    assert 1 <= len(values) <= 100, line
                    minute = None if name in COUNTS else timestamp
                    assert minute is not None or timestamp == NOW_MS - NOW_MS % 60_000, line
                    samples += [Sample(name, dimensions, value, minute) for value in values]
    return samples


def compare(samples: Sequence[Sample], expected: Expected) -> None:
    """Check that all required values are published, and no values but the required and the allowed ones."""
    published, must, may = _by_key(samples), _by_key(expected.must), _by_key(expected.may)
    for key in published.keys() | must.keys():
        got, low = published[key], must[key]
        high = low + may[key]
        if key[0] in DURATIONS:
            assert _within(low, got), f"{key}: {sorted(low)} must be in {sorted(got)}"
            assert _within(got, high), f"{key}: {sorted(got)} must be in {sorted(high)}"
        else:
            assert _at_most(sum(low), sum(got)), f"{key}: {sum(got)} is less than {sum(low)}"
            assert _at_most(sum(got), sum(high)), f"{key}: {sum(got)} is more than {sum(high)}"
    assert all(sample.value > 0 for sample in samples if sample.metric in COUNTS)
    assert all(sample.value >= 0 for sample in samples)


def _by_key(samples: Iterable[Sample]) -> defaultdict[Key, list[float]]:
    grouped: defaultdict[Key, list[float]] = defaultdict(list)
    for sample in samples:
        grouped[sample.metric, sample.dimensions, sample.minute].append(sample.value)
    return grouped


def _at_most(low: float, high: float) -> bool:
    return low <= high or isclose(low, high, rel_tol=1e-6, abs_tol=1e-6)


def _within(values: Iterable[float], others: Iterable[float]) -> bool:
    """Return True if each value has its own equal among the others: up to rounding to a whole second from ten on."""
    rest = iter(sorted(others))
    return all(any(_is_as_printed(value, other) for other in rest) for value in sorted(values))


def _is_as_printed(value: float, other: float) -> bool:
    return abs(value - other) <= (0.501 if max(value, other) >= 10 else 0.001 + 1e-9)
