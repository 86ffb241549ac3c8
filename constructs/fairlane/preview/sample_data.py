"""Made-up samples for what dashboards and alarms name: the same seed makes the same."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any, Final

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.catalog import training_gpus
from fairlane.cloudwatch.samples import MetricKey, Samples
from fairlane.cloudwatch.template import plain, resources
from fairlane.cloudwatch.units import unit_of
from fairlane.preview.queue_day import Capacity, Use, queue_day

_QUEUE: Final = "JobQueueName"
_REASONS: Final = {
    "JobFailures": ("ExitCode", "OutOfMemory", "SpotReclaim"),
    "QueueBlocked": ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",),
}
_GPUS_OF_A_VCPU: Final = 1 / 24
_SHARES: Final = ("production", "research")
_HOSTS: Final = tuple(f"training-{number}/algo-1" for number in range(1, 5))
_SEARCH: Final = re.compile(r"SEARCH\(\s*'\s*\{([^}]*)\}([^']*)'", re.IGNORECASE)
_TERM: Final = re.compile(r"(?:\b(\w+)\s*=\s*)?(?:\"([^\"]*)\"|([^\s()\"=]+))")
_HEALTHY: Final = re.compile(r"Error|Throttl|Dropped|Rejected|Truncated|Failed|Dead|Violation|Missed")

_NOT_OURS: Final = (AttributeError, LookupError, RecursionError, TypeError, ValueError)  # schedules of other things

_Values = Callable[[Use, Random], Iterable[float]]


def _rarely(use: Use, random: Random, part: float) -> Iterator[float]:
    return (sum(random.random() < part for _ in range(ended)) for ended in use.ended)


def _blocked(use: Use, random: Random) -> Iterator[float]:
    part = 0.05 * random.random() ** 6
    return (float(age > 7200 and random.random() < part) for age in use.oldest)


def _began(use: Use, _: Random) -> Iterator[float]:
    running = [*map(use.jobs, use.used)]
    before = [running[0], *running]
    return (max(0.0, now - then + ended) for then, now, ended in zip(before, running, use.ended, strict=False))


def _submitted(use: Use, random: Random) -> Iterator[float]:
    before = [use.waiting[0], *use.waiting]
    rows = zip(before, use.waiting, _began(use, random), strict=False)
    return (max(0.0, now - then + began) for then, now, began in rows)


_GAUGES: Final[dict[str, _Values]] = {
    "CapacityInUse": lambda use, _: use.used,
    "CapacityLimit": lambda use, _: [use.entitled] * len(use.used),
    "CapacityEntitlement": lambda use, _: [use.entitled] * len(use.used),
    "CapacityUtilization": lambda use, _: (100 * used / use.entitled if use.entitled else 0 for used in use.used),
    "CapacityBorrowed": lambda use, _: (max(0.0, used - use.entitled) for used in use.used),
    "CapacityLent": lambda use, _: use.lent,
    "GpusInUse": lambda use, _: (round(use.gpus * used) for used in use.used),
    "GpusWanted": lambda use, _: (round(max(1, use.gpus)) * jobs for jobs in use.waiting),
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
    "JobsSubmitted": _submitted,
    "JobsMovedToRunnable": _submitted,
    "JobsMovedToScheduled": _began,
    "JobsMovedToStarting": _began,
    "JobsMovedToRunning": _began,
    "GpuSeconds": lambda use, _: (use.gpus * 60 * used for used in use.used),
    "JobsFailed": lambda use, random: _rarely(use, random, 0.02),
    "JobFailures": lambda use, random: _rarely(use, random, 0.04 * random.random() ** 4),
    "JobsMovedToFailed": lambda use, random: _rarely(use, random, 0.02),
    "JobsCancelled": lambda use, random: _rarely(use, random, 0.01),
    "JobsTerminated": lambda use, random: _rarely(use, random, 0.005),
    "JobsPreempted": lambda use, random: (float(lent > 0 and random.random() < 0.02) for lent in use.lent),
    "JobRetries": lambda use, random: _rarely(use, random, 0.03),
    "JobsRetried": lambda use, random: _rarely(use, random, 0.03),
    "QueueBlocked": _blocked,
    "EventsRejected": lambda use, _: [0.0] * len(use.used),
}
_WAITS: Final = ("WaitTime", "RunnableToScheduled", "RunnableToStarting", "ToFirstScheduled", "ToFirstStarting")
_STARTS: Final = ("StartTime", "StartingToRunning", "ScheduledToStarting", "SubmittedToRunnable")


def generated(
    wanted: Mapping[MetricKey, int], *, start: int, end: int, seed: int, capacity: Mapping[str, Capacity]
) -> Samples:
    """Makes samples up.

    Args:
        wanted: the metrics, each with the shortest period that it is looked at over, in seconds.
        start: of the samples, in seconds since 1970, a whole hour.
        end: likewise.
        seed: what chance depends on.
        capacity: what is known of queues, by name; the rest is made up.
    """
    samples = Samples()
    days: dict[str, dict[str, Use]] = {}
    minutes = (end - start) // 60
    known = _with_shares(wanted, capacity)
    for metric in sorted(wanted):
        dimensions = dict(metric.dimensions)
        random = Random(f"{seed} {metric}")
        queue = dimensions.get(_QUEUE)
        use = None
        if queue is not None:
            if queue not in days:
                days[queue] = queue_day(known[queue], start, minutes, Random(f"{seed} {queue}"))
            use = days[queue].get(dimensions.get("Share", ""))
        step = 5 if wanted[metric] >= 300 else 1
        for minute, values in _of_metric(metric, use, minutes, step, random):
            samples.add(metric.namespace, metric.name, dimensions, start + 60 * minute, values)
    return samples


def searched_metrics(expression: str, known: Mapping[str, Iterable[str]]) -> Iterator[MetricKey]:
    """What the SEARCH functions of an expression could find.

    Args:
        expression: metric math.
        known: the shares of queues, by the queue's name.
    """
    for schema, condition in _SEARCH.findall(expression):
        namespace, *names = [part.strip().strip('"') for part in schema.split(",")]
        terms = [(field, quoted or bare) for field, quoted, bare in _TERM.findall(condition)]
        given = {field: [value for named, value in terms if named == field] for field in names}
        metrics = [
            value
            for field, value in terms
            if field == "MetricName" or (not field and value in metrics_catalog()["metrics"])
        ]
        for queue in given.pop(_QUEUE, None) or ([*known] if _QUEUE in names else [""]):
            for name in metrics:
                found = [{_QUEUE: queue} if _QUEUE in names else {}]
                for field, values in given.items():
                    made_up = {
                        "Share": known.get(queue, _SHARES),
                        "Reason": _REASONS.get(name, ()),
                        "Host": _HOSTS,
                    }
                    some = values or made_up.get(field, ())
                    found = [{**one, field: value} for one in found for value in some]
                yield from (MetricKey.of(namespace, name, one) for one in found)


def capacity_of(template: Mapping[str, Any]) -> dict[str, Capacity]:
    """What a template's exporter of job metrics is told of queues, by their names."""
    found: dict[str, Capacity] = {}
    for _, properties in resources(template, "AWS::Scheduler::Schedule"):
        with suppress(*_NOT_OURS):
            found |= _told(json.loads(plain(properties["Target"]["Input"])))
    return found


def _told(event: Mapping[str, Any]) -> dict[str, Capacity]:
    found = {}
    for queue in event["queues"]:
        shares = {name: float(sum(units.values())) for name, units in queue.get("shares", {}).items()}
        limit = float(sum(queue.get("limit", {}).values())) or sum(shares.values())
        if limit:
            found[queue["name"]] = Capacity(limit=limit, shares=shares, gpus=_gpus(queue))
    return found


def _gpus(queue: Mapping[str, Any]) -> float:
    units = [*queue.get("limit", {}), *(unit for share in queue.get("shares", {}).values() for unit in share)]
    if "VCPU" in units:
        return _GPUS_OF_A_VCPU
    known = (training_gpus(name) for name in (queue.get("instance_type", ""), *units))
    return next((gpus for gpus in known if gpus is not None), 0)


def _with_shares(wanted: Iterable[MetricKey], capacity: Mapping[str, Capacity]) -> dict[str, Capacity]:
    named: dict[str, set[str]] = {}
    for metric in wanted:
        dimensions = dict(metric.dimensions)
        if _QUEUE in dimensions:
            named.setdefault(dimensions[_QUEUE], set()).update({dimensions["Share"]} if "Share" in dimensions else ())
    made_up = {queue: Capacity(limit=100, shares=dict.fromkeys(sorted(shares), 0.0)) for queue, shares in named.items()}
    for queue, known in capacity.items():
        more = dict.fromkeys(sorted(named.get(queue, set()) - set(known.shares)), 0.0)
        made_up[queue] = Capacity(limit=known.limit, shares={**known.shares, **more}, gpus=known.gpus)
    return made_up


def _of_metric(
    metric: MetricKey, use: Use | None, minutes: int, step: int, random: Random
) -> Iterator[tuple[int, list[float]]]:
    """Minutes, each with what is published in it."""
    name = metric.name
    if use and name in _GAUGES:
        yield from ((at, [value]) for at, value in enumerate(_GAUGES[name](use, random)) if at % step == 0)
    elif use and (name in _COUNTS or name.startswith("Jobs")):
        ended: _Values = lambda use, _: use.ended  # noqa: E731
        if dict(metric.dimensions).get("Reason", "") not in {"", *_REASONS.get(name, ())}:
            return
        counts = list(_COUNTS.get(name, ended)(use, random))
        for at in range(0, minutes, step):
            if sum(counts[at : at + step]):  # what counts events says nothing when there are none
                yield at, [float(sum(counts[at : at + step]))]
    elif use and unit_of(metric) in {"Seconds", "Milliseconds"} and not _HEALTHY.search(name):
        for at in range(0, minutes, step):
            jobs = sum(use.ended[at : at + step])
            if jobs:
                yield at, [_duration(name, use.oldest[at], random) for _ in range(min(jobs, 20))]
    elif metric.namespace == "/aws/sagemaker/TrainingJobs":
        began = random.randint(0, minutes // 2)
        level = random.uniform(70, 97)
        for at in range(began, min(minutes, began + random.randint(minutes // 3, minutes)), step):
            yield at, [min(100.0, max(0.0, level + random.gauss(0, 3)))]
    else:
        quiet = bool(_HEALTHY.search(name)) or metric.namespace == "AWS/SQS"
        for at in range(0, minutes, step):
            wave = 1 + 0.4 * math.sin(2 * math.pi * at / 1440) + random.gauss(0, 0.05)
            yield at, [0.0 if quiet else _usual(unit_of(metric)) * wave * (step if "Invocations" in name else 1)]


def _duration(name: str, oldest: float, random: Random) -> float:
    factor = 1000 if name.endswith("Duration") else 1
    if any(word in name for word in _WAITS):
        return factor * (random.uniform(15, 90) + oldest * random.uniform(0.2, 0.9))
    if any(word in name for word in _STARTS):
        return factor * random.uniform(120, 260)
    return factor * random.lognormvariate(math.log(6000), 0.5)


def _usual(unit: str) -> float:
    return {"Percent": 50.0, "Milliseconds": 300.0, "Bytes": 2e6, "Count": 1.0}.get(unit, 10.0)
