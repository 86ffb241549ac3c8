"""Generated data: plausible, consistent, and reproducible by seed."""

import json
from functools import cache
from typing import Any

import pytest
from aws_cdk import App, Stack

from fairlane import FairShare, Fifo, GpuComputeEnvironment, GpuQueue, JobMetrics, TrainingVpc
from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane.preview.capacities import queue_capacities
from fairlane.preview.queue_day import Capacity
from fairlane.preview.sample_data import generate_samples, matching_metrics
from fairlane.scheduling import SchedulingPolicy
from tests.fairlane.valid_calls import HERE

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


def exporter(*queues: dict[str, Any]) -> dict[str, Any]:
    event = json.dumps({"queues": queues})
    return {
        "Resources": {"Z": None, "S": {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": {"Input": event}}}}
    }


def training(limit: dict[str, int], **more: Any) -> dict[str, Any]:
    return {"name": "q", "shares": {}, "limit": limit, **more}


@pytest.mark.parametrize(
    ("queue", "capacity"),
    [
        (
            training({"NUM_INSTANCES": 16}, shares={"x": {"NUM_INSTANCES": 12}}, instance_type="ml.g6.12xlarge"),
            Capacity(limit=16, shares={"x": 12}, gpus=4),
        ),
        (training({"ml.p4d.24xlarge": 2}), Capacity(limit=2, shares={}, gpus=8)),
        (training({"ml.p4d.24xlarge": 2, "ml.g5.xlarge": 2}), Capacity(limit=4, shares={}, gpus=4.5)),
        (training({}, shares={"x": {"ml.g5.xlarge": 3}}), Capacity(limit=3, shares={"x": 3}, gpus=1)),
        (training({"NUM_INSTANCES": 3}), Capacity(limit=3, shares={}, gpus=0)),
        (training({"VCPU": 240}), Capacity(limit=240, shares={}, gpus=1 / 24, job_size=24)),
    ],
)
def test_capacities_are_those_of_the_exporter_input(queue: dict[str, Any], capacity: Capacity) -> None:
    unknown = {"name": "old", "shares": {}, "limit": {}}
    assert queue_capacities([exporter(queue, unknown)]) == {"q": capacity}


def container_capacity(instance_types: list[str], max_vcpus: int, scheduling: SchedulingPolicy) -> Capacity:
    """Return the capacity of a queue for containers whose exporter is in another stack."""
    app = App()
    queues, monitoring = (Stack(app, name, env=HERE) for name in ("Queues", "Monitoring"))
    pool = GpuComputeEnvironment(
        queues, "Pool", vpc=TrainingVpc(queues, "Vpc"), instance_types=instance_types, max_vcpus=max_vcpus
    )
    queue = GpuQueue(queues, "Queue", queue_name="p4", compute_environments=[pool], scheduling=scheduling)
    JobMetrics(monitoring, "Metrics", queues=[queue])
    assembly = app.synth()
    return queue_capacities([stack.template for stack in assembly.stacks])["p4"]


def test_a_container_job_has_the_gpus_of_an_instance() -> None:
    capacity = container_capacity(["p4d.24xlarge"], 192, Fifo())
    assert (capacity.limit, capacity.job_size, capacity.job_gpus) == (192, 96, 8)
    assert capacity.gpus * 192 == 16


def test_a_container_job_has_one_gpu_if_no_instance_fits_a_share() -> None:
    capacity = container_capacity(["p4d.24xlarge"], 96, FairShare({"a": 1, "b": 1}))
    assert capacity.job_gpus == 1


def test_a_share_without_entitlement_is_not_the_busy_one() -> None:
    capacity = Capacity(limit=100, shares={"other": 0, "production": 60, "research": 40})
    key = queue_metric("CapacityBorrowed", "production")
    samples = generate_samples({key: 60}, start=START, end=TIMES.stop, seed=0, capacities={"p4": capacity})
    assert max(values(samples, key)) > 0


def test_jobs_use_and_want_whole_instances() -> None:
    capacity = Capacity(limit=960, shares={"a": 576, "b": 384}, gpus=8 / 96, job_size=96)
    names = ("CapacityInUse", "GpusInUse", "GpusWanted", "RunningJobs", "RunnableJobs")
    metrics = {name: queue_metric(name, "a") for name in names}
    samples = generate_samples(
        dict.fromkeys(metrics.values(), 60), start=START, end=TIMES.stop, seed=0, capacities={"p4": capacity}
    )
    in_use, gpus, wanted, running, waiting = (values(samples, metrics[name]) for name in names)
    assert max(running) > 2
    assert max(waiting) > 0
    assert gpus == [8 * jobs for jobs in running]
    assert in_use == [96 * jobs for jobs in running]
    assert wanted == [8 * jobs for jobs in waiting]


def host(number: int, name: str = "GPUUtilization") -> MetricKey:
    return MetricKey.from_dimensions("/aws/sagemaker/TrainingJobs", name, {"Host": f"training-{number}/algo-1"})


@pytest.mark.parametrize(("gpus", "most"), [(8, 800), (1, 100), (0, 100)])
def test_utilization_of_a_training_instance_adds_up_the_percentages_of_its_gpus(gpus: int, most: int) -> None:
    capacity = {"q": Capacity(limit=2, shares={}, gpus=gpus)}
    keys = (host(1), host(2, "GPUMemoryUtilization"), host(3, "MemoryUtilization"))
    samples = generate_samples(dict.fromkeys(keys, 60), start=START, end=TIMES.stop, seed=0, capacities=capacity)
    utilization, memory, percentage = (values(samples, key) for key in keys)
    assert 0.6 * most < min(utilization) <= max(utilization) <= most
    assert 0.6 * most < min(memory) <= max(memory) <= most
    assert max(percentage) <= 100


def test_the_training_instances_are_those_of_all_queues() -> None:
    capacity = {"a": Capacity(limit=2, shares={}, gpus=8), "b": Capacity(limit=2, shares={}, gpus=1)}
    keys = (host(1), host(2))
    samples = generate_samples(dict.fromkeys(keys, 60), start=START, end=TIMES.stop, seed=0, capacities=capacity)
    assert min(values(samples, host(1))) > 400
    assert max(values(samples, host(2))) <= 100


def cluster_values(name: str) -> list[float]:
    key = MetricKey.from_dimensions("Fairlane", name, {"ClusterName": "c", "InstanceGroup": "p5"})
    return values(generate_samples({key: 60}, start=START, end=TIMES.stop, seed=0, capacities={}), key)


def test_metrics_of_clusters_are_whole_numbers() -> None:
    assert set(cluster_values("HyperPodInstances")) == set(cluster_values("HyperPodTargetInstances")) == {4}
    assert sum(cluster_values("HyperPodErrors")) < 10
    assert sum(cluster_values("HyperPodClusterFailed")) == 0


def test_metrics_of_fan_outs_are_whole_lines_and_hours() -> None:
    def lines(name: str) -> list[float]:
        key = MetricKey.from_dimensions("Fairlane", name, {"FanOut": "campaigns"})
        return values(generate_samples({key: 300}, start=START, end=TIMES.stop, seed=0, capacities={}), key)

    assert all(number > 1 and number.is_integer() for number in lines("FanOutLinesRunning"))
    assert set(lines("FanOutLinesFailed")) == {0}
    assert min(lines("FanOutOldestUnsubmittedAge")) > 1800


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
    assert queue_capacities([{"Resources": {"Other": schedule}}]) == {}
