"""Made-up data: plausible, consistent, and the same for the same seed."""

from functools import cache

import pytest

from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane.preview.queue_day import Capacity
from fairlane.preview.sample_data import capacity_of, generated, searched_metrics

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


def of_queue(name: str, share: str | None = None) -> MetricKey:
    return MetricKey.of("Fairlane", name, {"JobQueueName": "p4"} | ({"Share": share} if share else {}))


@cache
def make(seed: int = 0) -> Samples:
    wanted = [of_queue(name) for name in QUEUE_METRICS]
    wanted += [of_queue(name, share) for name in SHARE_METRICS for share in "ab"]
    return generated(dict.fromkeys(wanted, 60), start=START, end=TIMES.stop, seed=seed, capacity=CAPACITY)


def values(samples: Samples, key: MetricKey, statistic: str = "Maximum") -> list[float]:
    return [*samples.aggregate(key, statistic, 60, range(START, TIMES.stop, 60)).values()]


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_the_queue_and_never_above_its_limit(seed: int) -> None:
    samples = make(seed)
    for name in ("CapacityInUse", "GpusInUse", "RunnableJobs"):
        shares = zip(values(samples, of_queue(name, "a")), values(samples, of_queue(name, "b")), strict=True)
        assert [sum(pair) for pair in shares] == values(samples, of_queue(name))
    in_use = values(samples, of_queue("CapacityInUse"))
    assert len(in_use) == HOURS * 60
    assert max(in_use) <= 100
    assert values(samples, of_queue("CapacityUtilization")) == in_use
    assert set(values(samples, of_queue("CapacityLimit"))) == {100}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_borrowed_is_lent(seed: int) -> None:
    samples = make(seed)
    for share, entitled in (("a", 60), ("b", 40)):
        assert set(values(samples, of_queue("CapacityEntitlement", share))) == {entitled}
        in_use = values(samples, of_queue("CapacityInUse", share))
        assert values(samples, of_queue("CapacityBorrowed", share)) == [max(0, used - entitled) for used in in_use]
    borrowed, lent = (
        [sum(pair) for pair in zip(*(values(samples, of_queue(name, share)) for share in "ab"), strict=True)]
        for name in ("CapacityBorrowed", "CapacityLent")
    )
    assert lent == pytest.approx(borrowed)
    assert max(borrowed) > 0


@pytest.mark.parametrize("seed", range(3))
def test_jobs_wait_longer_while_the_queue_is_full_and_not_at_all_while_none_wait(seed: int) -> None:
    samples = make(seed)
    waiting = values(samples, of_queue("RunnableJobs"))
    oldest = values(samples, of_queue("OldestRunnableAge"))
    assert [age > 0 for age in oldest] == [jobs > 0 for jobs in waiting]
    assert max(oldest) > 1800
    assert min(waiting) == 0


def test_the_same_seed_makes_the_same() -> None:
    key = of_queue("CapacityInUse")
    assert values(make(1), key) == values(make.__wrapped__(1), key) != values(make(2), key)


def test_what_else_is_made_up_changes_nothing() -> None:
    key = of_queue("CapacityInUse")
    wanted = {key: 60, MetricKey.of("AWS/Lambda", "Duration", {"FunctionName": "f"}): 60}
    alone = generated(wanted, start=START, end=TIMES.stop, seed=0, capacity=CAPACITY)
    assert values(alone, key) == values(make(), key)


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
def test_the_exporter_is_healthy(namespace: str, name: str, dimension: str) -> None:
    key = MetricKey.of(namespace, name, {dimension: "x"})
    samples = generated({key: 60}, start=START, end=TIMES.stop, seed=0, capacity={})
    assert set(values(samples, key)) == {0}


def test_jobs_of_aws_batch_are_counted_and_timed() -> None:
    done, failed, ran = (
        MetricKey.of("AWS/Batch", name, {"JobQueueName": "p4"})
        for name in ("JobsMovedToSucceeded", "JobsMovedToFailed", "JobAttemptExecutionDuration")
    )
    samples = generated(dict.fromkeys((done, failed, ran), 300), start=START, end=TIMES.stop, seed=0, capacity=CAPACITY)
    assert 0 < sum(values(samples, failed, "Sum")) < sum(values(samples, done, "Sum")) / 10
    assert 600_000 < max(values(samples, ran)) < 86_400_000


def test_longer_periods_have_fewer_samples_of_the_same_sum() -> None:
    key = of_queue("GpuSeconds")
    rare, often = (
        generated({key: period}, start=START, end=TIMES.stop, seed=0, capacity=CAPACITY) for period in (300, 60)
    )
    count, total = ("SampleCount", "Sum")
    assert sum(values(rare, key, count)) * 5 == sum(values(often, key, count))
    assert sum(values(rare, key, total)) == pytest.approx(sum(values(often, key, total)))


def test_searches_find_made_up_shares_reasons_and_hosts() -> None:
    share = "SEARCH('{Fairlane,JobQueueName,Share} MetricName=\"GpusInUse\" JobQueueName=\"p4\"', 'Average', 60)"
    assert [*searched_metrics(f"SUM({share})", {"p4": ["a", "b"]})] == [of_queue("GpusInUse", name) for name in "ab"]
    reason = 'SEARCH(\'{"Fairlane",JobQueueName,Reason} MetricName="JobFailures"\', "Sum", 60)'
    assert MetricKey.of("Fairlane", "JobFailures", {"JobQueueName": "p4", "Reason": "SpotReclaim"}) in set(
        searched_metrics(reason, {"p4": []})
    )
    host = "SEARCH('{/aws/sagemaker/TrainingJobs,Host} MetricName=\"GPUUtilization\"', 'Average', 60)"
    assert {key.namespace for key in searched_metrics(host, {})} == {"/aws/sagemaker/TrainingJobs"}
    assert [*searched_metrics("SEARCH('{Other,Thing} MetricName=\"X\"', 'Sum', 60)", {})] == []


def test_capacity_is_what_the_exporter_is_told() -> None:
    told = (
        '{"queues":[{"name":"g6","shares":{"x":{"NUM_INSTANCES":12}},"limit":{"NUM_INSTANCES":16},'
        '"instance_type":"ml.g6.12xlarge"},{"name":"old","shares":{},"limit":{}}]}'
    )
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": {"Input": told}}}
    assert capacity_of({"Resources": {"Z": None, "Every": schedule}}) == {
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
def test_schedules_of_other_things_say_nothing(properties: object) -> None:
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": properties}
    assert capacity_of({"Resources": {"Other": schedule}}) == {}
