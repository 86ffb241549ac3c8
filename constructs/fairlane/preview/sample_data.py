"""Reproducible samples of the metrics of dashboards and alarms, generated from a seed."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Final

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane.cloudwatch.units import metric_unit
from fairlane.preview.queue_day import Capacity, QueueUsage, queue_day

_QUEUE: Final = "JobQueueName"
_REASONS: Final = {
    "JobFailures": ("ExitCode", "OutOfMemory", "SpotReclaim"),
    "QueueBlocked": ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",),
}
_SHARES: Final = ("production", "research")
_HOSTS: Final = tuple(f"training-{number}/algo-1" for number in range(1, 5))
_CLUSTER: Final = "HyperPod"
_INSTANCES: Final = ("HyperPodInstances", "HyperPodTargetInstances")
_QUIET: Final = ("HyperPodClusterFailed",)
_CLUSTER_INSTANCES: Final = 4
_FAN_OUTS: Final = {
    "FanOutLinesWaiting": 120.0,
    "FanOutLinesSubmitted": 30.0,
    "FanOutLinesRunning": 24.0,
    "FanOutLinesDone": 400.0,
    "FanOutOldestUnsubmittedAge": 5400.0,
}
"""Typical values of the metrics of fan-outs, besides that of failed lines, which is 0."""
_SEARCH: Final = re.compile(r"SEARCH\(\s*'\s*\{([^}]*)\}([^']*)'", re.IGNORECASE)
_TERM: Final = re.compile(r"(?:\b(\w+)\s*=\s*)?(?:\"([^\"]*)\"|([^\s()\"=]+))")
_ZERO_IF_HEALTHY: Final = re.compile(r"Error|Throttl|Dropped|Rejected|Truncated|Failed|Dead|Violation|Missed")

_Values = Callable[[QueueUsage, Random], Iterable[float]]


def _rare_events(use: QueueUsage, random: Random, part: float) -> Iterator[float]:
    return (sum(random.random() < part for _ in range(ended)) for ended in use.ended)


def _blocked_minutes(use: QueueUsage, random: Random) -> Iterator[float]:
    part = 0.05 * random.random() ** 6
    return (float(age > 7200 and random.random() < part) for age in use.oldest)


def _started_jobs(use: QueueUsage, _: Random) -> Iterator[float]:
    running = [*map(use.jobs, use.used)]
    before = [running[0], *running]
    return (max(0.0, now - last + ended) for last, now, ended in zip(before, running, use.ended, strict=False))


def _submitted_jobs(use: QueueUsage, random: Random) -> Iterator[float]:
    before = [use.waiting[0], *use.waiting]
    rows = zip(before, use.waiting, _started_jobs(use, random), strict=False)
    return (max(0.0, now - last + started) for last, now, started in rows)


_GAUGES: Final[dict[str, _Values]] = {
    "CapacityInUse": lambda use, _: use.used,
    "CapacityLimit": lambda use, _: [use.entitled] * len(use.used),
    "CapacityEntitlement": lambda use, _: [use.entitled] * len(use.used),
    "CapacityUtilization": lambda use, _: (100 * used / use.entitled if use.entitled else 0 for used in use.used),
    "CapacityBorrowed": lambda use, _: (max(0.0, used - use.entitled) for used in use.used),
    "CapacityLent": lambda use, _: use.lent,
    "GpusInUse": lambda use, _: (round(use.gpus * used) for used in use.used),
    "GpusWanted": lambda use, _: (use.job_gpus * jobs for jobs in use.waiting),
    "RunnableJobs": lambda use, _: use.waiting,
    "RunningJobs": lambda use, _: map(use.jobs, use.used),
    "OldestRunnableAge": lambda use, _: use.oldest,
    "HeadOfQueueAge": lambda use, _: (age * 0.7 for age in use.oldest),
    "SubmittedJobs": lambda use, random: (float(random.random() < 0.1) for _ in use.used),
    "PendingJobs": lambda use, random: (float(random.random() < 0.05) for _ in use.used),
    "ScheduledJobs": lambda use, random: (float(ended and random.randint(0, 2)) for ended in use.ended),
    "StartingJobs": lambda use, random: (float(ended and random.randint(0, 2)) for ended in use.ended),
    "PollSeconds": lambda use, random: (random.uniform(0.9, 1.6) for _ in use.used),
}
_COUNTS: Final[dict[str, _Values]] = {
    "JobsSubmitted": _submitted_jobs,
    "JobsMovedToRunnable": _submitted_jobs,
    "JobsMovedToScheduled": _started_jobs,
    "JobsMovedToStarting": _started_jobs,
    "JobsMovedToRunning": _started_jobs,
    "GpuSeconds": lambda use, _: (use.gpus * 60 * used for used in use.used),
    "JobsFailed": lambda use, random: _rare_events(use, random, 0.02),
    "JobFailures": lambda use, random: _rare_events(use, random, 0.04 * random.random() ** 4),
    "JobsMovedToFailed": lambda use, random: _rare_events(use, random, 0.02),
    "JobsCancelled": lambda use, random: _rare_events(use, random, 0.01),
    "JobsTerminated": lambda use, random: _rare_events(use, random, 0.005),
    "JobsPreempted": lambda use, random: (float(lent > 0 and random.random() < 0.02) for lent in use.lent),
    "JobRetries": lambda use, random: _rare_events(use, random, 0.03),
    "JobsRetried": lambda use, random: _rare_events(use, random, 0.03),
    "QueueBlocked": _blocked_minutes,
    "EventsRejected": lambda use, _: [0.0] * len(use.used),
}
_WAIT_METRICS: Final = ("WaitTime", "RunnableToScheduled", "RunnableToStarting", "ToFirstScheduled", "ToFirstStarting")
_START_METRICS: Final = ("StartTime", "StartingToRunning", "ScheduledToStarting", "SubmittedToRunnable")


def generate_samples(
    periods: Mapping[MetricKey, int], *, start: int, end: int, seed: int, capacities: Mapping[str, Capacity]
) -> Samples:
    """Return generated samples of metrics.

    Args:
        periods: Shortest period over which each metric is aggregated, in seconds.
        start: Start of the samples, a whole hour, in seconds since 1970.
        end: End of the samples, a whole hour, in seconds since 1970.
        seed: Seed of the random numbers.
        capacities: Capacity of queues, by name. The capacity of other queues is generated.
    """
    samples = Samples()
    days: dict[str, dict[str, QueueUsage]] = {}
    minutes = (end - start) // 60
    complete = _complete_capacities(periods, capacities)
    for metric in sorted(periods):
        dimensions = dict(metric.dimensions)
        random = Random(f"{seed} {metric}")
        queue = dimensions.get(_QUEUE)
        use = None
        if queue is not None:
            if queue not in days:
                days[queue] = queue_day(complete[queue], start, minutes, Random(f"{seed} {queue}"))
            use = days[queue].get(dimensions.get("Share", ""))
        step = 5 if periods[metric] >= 300 else 1
        gpus = _host_gpus(dimensions.get("Host", ""), capacities)
        for minute, values in _metric_samples(metric, use, minutes, step, random, gpus):
            samples.add(metric.namespace, metric.name, dimensions, start + 60 * minute, values)
    return samples


def matching_metrics(expression: str, shares: Mapping[str, Iterable[str]]) -> Iterator[MetricKey]:
    """Yield the metrics that the SEARCH functions of an expression may find.

    Args:
        expression: Metric-math expression.
        shares: Shares of queues, by queue name.
    """
    for schema, condition in _SEARCH.findall(expression):
        namespace, *names = [part.strip().strip('"') for part in schema.split(",")]
        terms = [(field, quoted or bare) for field, quoted, bare in _TERM.findall(condition)]
        filters = {field: [value for term, value in terms if term == field] for field in names}
        metrics = [
            value
            for field, value in terms
            if field == "MetricName" or (not field and value in metrics_catalog()["metrics"])
        ]
        for queue in filters.pop(_QUEUE, None) or ([*shares] if _QUEUE in names else [""]):
            for name in metrics:
                combinations = [{_QUEUE: queue} if _QUEUE in names else {}]
                for field, values in filters.items():
                    defaults = {
                        "Share": shares.get(queue, _SHARES),
                        "Reason": _REASONS.get(name, ()),
                        "Host": _HOSTS,
                    }
                    choices = values or defaults.get(field, ())
                    combinations = [{**dimensions, field: value} for dimensions in combinations for value in choices]
                yield from (MetricKey.from_dimensions(namespace, name, dimensions) for dimensions in combinations)


def _complete_capacities(metrics: Iterable[MetricKey], capacities: Mapping[str, Capacity]) -> dict[str, Capacity]:
    """Return the capacities of all queues of metrics, with all their shares."""
    shares_by_queue: dict[str, set[str]] = {}
    for metric in metrics:
        dimensions = dict(metric.dimensions)
        if _QUEUE in dimensions:
            shares = {dimensions["Share"]} if "Share" in dimensions else set()
            shares_by_queue.setdefault(dimensions[_QUEUE], set()).update(shares)
    complete = {
        queue: Capacity(limit=100, shares=dict.fromkeys(sorted(shares), 0.0))
        for queue, shares in shares_by_queue.items()
    }
    for queue, capacity in capacities.items():
        more = dict.fromkeys(sorted(shares_by_queue.get(queue, set()) - set(capacity.shares)), 0.0)
        complete[queue] = replace(capacity, shares={**capacity.shares, **more})
    return complete


def _metric_samples(
    metric: MetricKey, use: QueueUsage | None, minutes: int, step: int, random: Random, gpus: int
) -> Iterator[tuple[int, list[float]]]:
    """Yield the minutes with samples, and the values of the samples. `gpus` is the number of GPUs of a host."""
    name = metric.name
    if use and name in _GAUGES:
        values = enumerate(_GAUGES[name](use, random))
        yield from ((minute, [value]) for minute, value in values if minute % step == 0)
    elif use and (name in _COUNTS or name.startswith("Jobs")):
        ended: _Values = lambda use, _: use.ended  # noqa: E731
        if dict(metric.dimensions).get("Reason", "") not in {"", *_REASONS.get(name, ())}:
            return
        counts = list(_COUNTS.get(name, ended)(use, random))
        for minute in range(0, minutes, step):
            if sum(counts[minute : minute + step]):  # A counter publishes nothing in a minute without events.
                yield minute, [float(sum(counts[minute : minute + step]))]
    elif use and metric_unit(metric) in {"Seconds", "Milliseconds"} and not _ZERO_IF_HEALTHY.search(name):
        for minute in range(0, minutes, step):
            jobs = sum(use.ended[minute : minute + step])
            if jobs:
                yield minute, [_duration(name, use.oldest[minute], random) for _ in range(min(jobs, 20))]
    elif metric.namespace == "/aws/sagemaker/TrainingJobs":
        start = random.randint(0, minutes // 2)
        level = random.uniform(70, 97)
        most = gpus if name.startswith("GPU") else 1  # SageMaker adds up the percentages of all GPUs.
        for minute in range(start, min(minutes, start + random.randint(minutes // 3, minutes)), step):
            yield minute, [most * min(100.0, max(0.0, level + random.gauss(0, 3)))]
    elif name in _INSTANCES:
        yield from ((minute, [float(_CLUSTER_INSTANCES)]) for minute in range(0, minutes, step))
    elif name.startswith(_CLUSTER):
        part = 0.0 if name in _QUIET else 0.001
        yield from ((minute, [1.0]) for minute in range(0, minutes, step) if random.random() < part * step)
    else:
        is_zero = bool(_ZERO_IF_HEALTHY.search(name)) or metric.namespace == "AWS/SQS"
        unit, factor = metric_unit(metric), step if "Invocations" in name else 1
        typical_value = 0.0 if is_zero else _FAN_OUTS.get(name, _typical_value(unit))
        for minute in range(0, minutes, step):
            wave = 1 + 0.4 * math.sin(2 * math.pi * minute / 1440) + random.gauss(0, 0.05)
            value = typical_value * wave * factor
            yield minute, [float(round(value)) if unit == "Count" else value]


def _host_gpus(host: str, capacities: Mapping[str, Capacity]) -> int:
    """Return the GPUs of a host, which is an instance of one of the queues for training jobs."""
    queues = [capacity.job_gpus for _, capacity in sorted(capacities.items()) if capacity.job_size == 1]
    number = _HOSTS.index(host) if host in _HOSTS else 0
    return (queues[number % len(queues)] if queues else Capacity(limit=1, shares={}).job_gpus) or 1


def _duration(name: str, oldest: float, random: Random) -> float:
    factor = 1000 if name.endswith("Duration") else 1
    if any(word in name for word in _WAIT_METRICS):
        return factor * (random.uniform(15, 90) + oldest * random.uniform(0.2, 0.9))
    if any(word in name for word in _START_METRICS):
        return factor * random.uniform(120, 260)
    return factor * random.lognormvariate(math.log(6000), 0.5)


def _typical_value(unit: str) -> float:
    return {"Percent": 50.0, "Milliseconds": 300.0, "Bytes": 2e6, "Count": 1.0}.get(unit, 10.0)
