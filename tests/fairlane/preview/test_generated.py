"""Generated data: plausible, consistent, and reproducible by seed."""

from functools import cache

import pytest

from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane.preview.queue_day import Capacity
from fairlane.preview.sample_data import generate_samples, matching_metrics, queue_capacities

START, HOURS = 1_772_560_800, 24
TIMES = range(START, START + HOURS * 3600, 300)
CAPACITY = {"p4": Capacity(limit=100, shares={"a": 60, "b": 40}, gpus=8)}
SHARE_METRICS = (
    "CapacityInUse",
    "CapacityEntitlement",
    "CapacityBorrowed",
    "CapacityLent",
    "GpusInUse",
    "RunnableJobs",
)
QUEUE_METRICS = (
    "CapacityInUse",
    "CapacityLimit",
    "CapacityUtilization",
    "GpusInUse",
    "RunnableJobs",
    "OldestRunnableAge",
)


def queue_metric(name: str, share: str | None = None) -> MetricKey:
    return MetricKey.from_dimensions("Fairlane", name, {"JobQueueName": "p4"} | ({"Share": share} if share else {}))


@cache
def sample_day(seed: int = 0) -> Samples:
    metrics = [queue_metric(name) for name in QUEUE_METRICS]
    metrics += [queue_metric(name, share) for name in SHARE_METRICS for share in "ab"]
    return generate_samples(dict.fromkeys(metrics, 60), start=START, end=TIMES.stop, seed=seed, capacities=CAPACITY)


def values(samples: Samples, key: MetricKey, statistic: str = "Maximum") -> list[float]:
    return [*samples.aggregate(key, statistic, 60, range(START, TIMES.stop, 60)).values()]


@pytest.mark.parametrize("seed", range(3))
def test_the_usage_of_shares_adds_up_and_never_exceeds_the_limit(seed: int) -> None:
    samples = sample_day(seed)
    for name in ("CapacityInUse", "GpusInUse", "RunnableJobs"):
        shares = zip(values(samples, queue_metric(name, "a")), values(samples, queue_metric(name, "b")), strict=True)
        assert [sum(pair) for pair in shares] == values(samples, queue_metric(name))
    in_use = values(samples, queue_metric("CapacityInUse"))
    assert len(in_use) == HOURS * 60
    assert max(in_use) <= 100
    assert values(samples, queue_metric("CapacityUtilization")) == in_use
    assert set(values(samples, queue_metric("CapacityLimit"))) == {100}


@pytest.mark.parametrize("seed", range(3))
def test_borrowed_capacity_equals_lent_capacity(seed: int) -> None:
    samples = sample_day(seed)
    for share, entitled in (("a", 60), ("b", 40)):
        assert set(values(samples, queue_metric("CapacityEntitlement", share))) == {entitled}
        in_use = values(samples, queue_metric("CapacityInUse", share))
        assert values(samples, queue_metric("CapacityBorrowed", share)) == [max(0, used - entitled) for used in in_use]
    borrowed, lent = (
        [sum(pair) for pair in zip(*(values(samples, queue_metric(name, share)) for share in "ab"), strict=True)]
        for name in ("CapacityBorrowed", "CapacityLent")
    )
    assert lent == pytest.approx(borrowed)
    assert max(borrowed) > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_oldest_wait_grows_in_a_full_queue_and_is_zero_without_waiting_jobs(seed: int) -> None:
    samples = sample_day(seed)
    waiting = values(samples, queue_metric("RunnableJobs"))
    oldest = values(samples, queue_metric("OldestRunnableAge"))
    assert [age > 0 for age in oldest] == [jobs > 0 for jobs in waiting]
    assert max(oldest) > 1800
    assert min(waiting) == 0


def test_the_same_seed_gives_the_same_samples() -> None:
    key = queue_metric("CapacityInUse")
    assert values(sample_day(1), key) == values(sample_day.__wrapped__(1), key) != values(sample_day(2), key)


def test_samples_of_a_metric_do_not_depend_on_other_metrics() -> None:
    key = queue_metric("CapacityInUse")
    periods = {key: 60, MetricKey.from_dimensions("AWS/Lambda", "Duration", {"FunctionName": "f"}): 60}
    separate = generate_samples(periods, start=START, end=TIMES.stop, seed=0, capacities=CAPACITY)
    assert values(separate, key) == values(sample_day(), key)


@pytest.mark.parametrize(
    ("namespace", "name", "dimension"),
    [
        ("Fairlane", "PollErrors", "JobQueueName"),
        ("Fairlane", "Truncated", "JobQueueName"),
        ("AWS/Lambda", "Errors", "FunctionName"),
        ("AWS/Lambda", "Throttles", "FunctionName"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    ],
)
def test_error_metrics_of_the_exporter_are_zero(namespace: str, name: str, dimension: str) -> None:
    key = MetricKey.from_dimensions(namespace, name, {dimension: "x"})
    samples = generate_samples({key: 60}, start=START, end=TIMES.stop, seed=0, capacities={})
    assert set(values(samples, key)) == {0}


def test_metrics_of_aws_batch_have_counts_and_durations() -> None:
    succeeded, failed, duration = (
        MetricKey.from_dimensions("AWS/Batch", name, {"JobQueueName": "p4"})
        for name in ("JobsMovedToSucceeded", "JobsMovedToFailed", "JobAttemptExecutionDuration")
    )
    samples = generate_samples(
        dict.fromkeys((succeeded, failed, duration), 300), start=START, end=TIMES.stop, seed=0, capacities=CAPACITY
    )
    assert 0 < sum(values(samples, failed, "Sum")) < sum(values(samples, succeeded, "Sum")) / 10
    assert 600_000 < max(values(samples, duration)) < 86_400_000


def test_longer_periods_have_fewer_samples_with_the_same_sum() -> None:
    key = queue_metric("GpuSeconds")
    long, short = (
        generate_samples({key: period}, start=START, end=TIMES.stop, seed=0, capacities=CAPACITY)
        for period in (300, 60)
    )
    count, total = ("SampleCount", "Sum")
    assert sum(values(long, key, count)) * 5 == sum(values(short, key, count))
    assert sum(values(long, key, total)) == pytest.approx(sum(values(short, key, total)))


def test_searches_match_generated_shares_reasons_and_hosts() -> None:
    share = "SEARCH('{Fairlane,JobQueueName,Share} MetricName=\"GpusInUse\" JobQueueName=\"p4\"', 'Average', 60)"
    assert [*matching_metrics(f"SUM({share})", {"p4": ["a", "b"]})] == [
        queue_metric("GpusInUse", name) for name in "ab"
    ]
    reason = 'SEARCH(\'{"Fairlane",JobQueueName,Reason} MetricName="JobFailures"\', "Sum", 60)'
    assert MetricKey.from_dimensions("Fairlane", "JobFailures", {"JobQueueName": "p4", "Reason": "SpotReclaim"}) in set(
        matching_metrics(reason, {"p4": []})
    )
    host = "SEARCH('{/aws/sagemaker/TrainingJobs,Host} MetricName=\"GPUUtilization\"', 'Average', 60)"
    assert {key.namespace for key in matching_metrics(host, {})} == {"/aws/sagemaker/TrainingJobs"}
    assert [*matching_metrics("SEARCH('{Other,Thing} MetricName=\"X\"', 'Sum', 60)", {})] == []


def test_capacities_are_those_of_the_exporter_input() -> None:
    event = (
        '{"queues":[{"name":"g6","shares":{"x":{"NUM_INSTANCES":12}},"limit":{"NUM_INSTANCES":16},'
        '"instance_type":"ml.g6.12xlarge"},{"name":"old","shares":{},"limit":{}}]}'
    )
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": {"Input": event}}}
    assert queue_capacities({"Resources": {"Z": None, "Schedule": schedule}}) == {
        "g6": Capacity(limit=16, shares={"x": 12}, gpus=4)
    }


@pytest.mark.parametrize(
    "properties",
    [
        None,
        {},
        {"Target": {}},
        {"Target": {"Input": {"Ref": "Input"}}},
        {"Target": {"Input": "not JSON"}},
        {"Target": {"Input": "[]"}},
        {"Target": {"Input": "[" * 100_000}},
        {"Target": {"Input": '{"queues": 5}'}},
        {"Target": {"Input": '{"queues": ["p4"]}'}},
        {"Target": {"Input": '{"queues": [{"limit": {"NUM_INSTANCES": "all"}}]}'}},
        {"Target": {"Input": '{"queues": [{"limit": {"NUM_INSTANCES": 5}}]}'}},
    ],
)
def test_schedules_of_other_targets_are_ignored(properties: object) -> None:
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": properties}
    assert queue_capacities({"Resources": {"Other": schedule}}) == {}
