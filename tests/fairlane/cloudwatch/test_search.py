import pytest

from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.search import search_metrics

QUEUES = [
    {"JobQueueName": "training"},
    {"JobQueueName": "training", "Share": "red"},
    {"JobQueueName": "training", "Share": "blue"},
    {"JobQueueName": "other", "Share": "red"},
]


def samples() -> Samples:
    samples = Samples()
    for dimensions in QUEUES:
        samples.add("Fairlane", "RunnableJobs", dimensions, 0, [1])
        samples.add("Fairlane", "RunningJobs", dimensions, 60, [2])
    samples.add("My Space", 'odd "name"', {"A (b)": "1"}, 0, [3])
    return samples


def labels(expression: str) -> list[str]:
    return [series.label for series in search_metrics(samples(), expression, "Sum", 60, times=[0, 60])]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('{Fairlane,JobQueueName} MetricName="RunnableJobs"', ["training"]),
        ('{Fairlane,Share,JobQueueName} MetricName="RunnableJobs" JobQueueName="training"', ["blue", "red"]),
        ('{Fairlane, JobQueueName, Share}, MetricName="RunnableJobs" AND Share="red"', ["other", "training"]),
        ('{"Fairlane","JobQueueName","Share"} "RunnableJobs" NOT "other"', ["blue", "red"]),
        ('{Fairlane,JobQueueName,Share} "RunnableJobs" Share=("red" OR "blue") "training"', ["blue", "red"]),
        ('{Fairlane,JobQueueName,Share} "training" "blue"', ["RunnableJobs", "RunningJobs"]),
        ('"blue" AND "RunnableJobs" OR "odd \\"name\\""', ["RunnableJobs training blue", 'odd "name" 1']),
        ('{"My Space","A (b)"}', ["1"]),
        ('Namespace="My Space"', ["1"]),
        ('"A (b)"', ["1"]),
        ("{Fairlane}", []),
        ('{Fairlane,JobQueueName} MetricName="Runnable"', []),
        ('{Fairlane,JobQueueName,Share} NOT ("red" OR "blue")', []),
    ],
)
def test_a_search_returns_the_matching_metrics(expression: str, expected: list[str]) -> None:
    assert sorted(labels(expression)) == sorted(expected)


def test_a_series_has_the_points_that_have_arrived() -> None:
    expression = '{Fairlane,JobQueueName} "RunningJobs"'
    assert [series.points for series in search_metrics(samples(), expression, "Sum", 60, times=[0, 60])] == [{60: 2}]
    assert [
        series.points for series in search_metrics(samples(), expression, "Sum", 60, times=[0, 60], read_time=59)
    ] == [{}]


@pytest.mark.parametrize(
    "expression",
    ["{Fairlane} runnable", 'MetricName=x "y"', '("a"', '"a" OR', '"a" )', "= 3", "{}", '{"a" b} "x"', "}"],
)
def test_invalid_searches_are_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="search"):
        labels(expression)
