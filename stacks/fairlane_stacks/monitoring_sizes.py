"""Estimated sizes of alarms, exporters and dashboards in templates, slightly above the real sizes."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import methodcaller
from typing import Final

from fairlane.environment import AlarmSettings
from fairlane.monitoring import JobMetrics, MonitoredFanOut
from fairlane.monitoring.alarms import AlarmLimits, Limit
from fairlane.monitoring.alarms.condition import Condition, ExporterQueues, QueueSeries
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES
from fairlane_stacks.monitoring_room import Size

_EXPORTER: Final = Size(40, 32_000)
_TOPIC: Final = Size(8, 6_000)
_RULE: Final = 1_700
_ALARM: Final = 300
"""Characters of an alarm besides its names, metrics and description, with its place in a composite alarm."""
_COMPOSITE: Final = 1_150
_METRIC: Final = 170
_DIMENSION: Final = 45
_NAMES: Final = 9
"""Number of places in a template that have the name of the queue, for each alarm."""
_CHILDREN: Final = 25
"""Most children of a composite alarm that is not nested."""


def queue_sizes(metrics: JobMetrics, alarms: AlarmSettings, queue_limits: Mapping[str, AlarmLimits]) -> dict[str, Size]:
    """Return the size of the alarms of each queue, by name.

    Args:
        metrics: Exporter of the queues.
        alarms: Settings of the alarms of the Region.
        queue_limits: Limits of single queues, by name.
    """
    sizes = {}
    for name, series in _series(metrics).items():
        kinds = queue_limits.get(name, alarms.queue_limits).limits(series.interval_minutes)
        sizes[name] = _alarm_size(name, _conditions(kinds, methodcaller("queue_conditions", series)), alarms.runbooks)
    return sizes


def first_size(metrics: JobMetrics, alarms: AlarmSettings, fan_outs: Iterable[MonitoredFanOut], topics: int) -> Size:
    """Return the size of what the first stack always has: the exporter, its alarms, topics and alarms on fan-outs.

    Args:
        metrics: Exporter.
        alarms: Settings of the alarms of the Region.
        fan_outs: Fan-outs whose home is the Region.
        topics: Number of new topics.
    """
    size = _EXPORTER
    for queue in metrics.queues.values():
        # The names of shares are in two rules, in the rule of preemptions and in the input of the poller.
        size += Size(2, 2 * _RULE + 10 * len(queue.name) + 3 * len(json.dumps(queue.poll())))
    size += Size(topics * _TOPIC.resources, topics * _TOPIC.characters)
    if not alarms.enabled:
        return size
    series = _series(metrics)
    kinds = list(alarms.exporter_limits.limits(round(metrics.period.to_minutes())))
    sqs = ExporterQueues(events="events", unused="unused", undelivered="undelivered")
    own = [*_conditions(kinds, methodcaller("exporter_conditions", sqs))]
    for queue_series in series.values():
        own += _conditions(kinds, methodcaller("queue_conditions", queue_series))
    size += _alarm_size(max(series, key=len), own, alarms.runbooks)
    for fan_out in fan_outs:
        limits = alarms.fan_out_limits.limits(PUBLISHED_MINUTES)
        conditions = _conditions(limits, methodcaller("fan_out_conditions", fan_out))
        size += _alarm_size(fan_out.name, conditions, alarms.runbooks)
    return size


def _series(metrics: JobMetrics) -> dict[str, QueueSeries]:
    interval = round(metrics.period.to_minutes())
    return {
        name: QueueSeries(queue=queue, namespace=metrics.namespace, interval_minutes=interval)
        for name, queue in metrics.queues.items()
    }


def _conditions(
    kinds: Iterable[tuple[str, str, Limit]], conditions: Callable[[Limit], Iterator[Condition]]
) -> Iterator[tuple[str, str, Condition]]:
    """Yield the severity, the first step and the condition of each alarm."""
    for _, severity, limit in kinds:
        for condition in conditions(limit):
            yield severity, limit.first_step, condition


def _alarm_size(name: str, alarms: Iterable[tuple[str, str, Condition]], runbooks: str) -> Size:
    """Return the size of alarms with their composite alarms, one for each severity."""
    counts: Counter[str] = Counter()
    characters = 0
    for severity, first_step, condition in alarms:
        counts[severity] += 1
        characters += _ALARM + _NAMES * (len(name) + len(condition.part)) + len(runbooks)
        characters += len(first_step) + len(condition.meaning) + len(condition.expression or "")
        for series in condition.series.values():
            characters += _METRIC + sum(_DIMENSION + len(text) for text in series.dimensions.values())
    composites = sum(1 + (-(-count // _CHILDREN) if count > _CHILDREN else 0) for count in counts.values())
    return Size(counts.total() + composites, characters + composites * (_COMPOSITE + _NAMES * len(name)))
