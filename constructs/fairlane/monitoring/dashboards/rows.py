"""Rows of a dashboard, and groups of queues that fit on one dashboard."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane._internal.claims import Claims
from fairlane.monitoring.alarms.fan_out_alarms import FanOutAlarms
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.dashboards.exporter_rows import console, exporter_rows
from fairlane.monitoring.dashboards.fan_out_rows import fan_out_rows
from fairlane.monitoring.dashboards.queue_rows import OTHER, QueueRows
from fairlane.monitoring.dashboards.widgets import Widget, alarm_states, size_problems, text
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut

_MAX_ALARM_WIDGETS: Final = 10
"""Upper bound: a stack has at most 500 resources, each alarm is shown once, and a widget has room for 100 alarms."""


def dashboard_rows(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms | FanOutAlarms],
    fan_outs: Sequence[MonitoredFanOut],
    queues: Collection[str],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    runbooks: str,
    stack: cdk.Stack,
) -> Iterator[list[Widget]]:
    """Yield the rows of a dashboard in `stack`; arguments as in `QueueDashboard`, `queues` with all names."""
    yield from _alarm_rows(alarms, queues)
    if shares is not None:
        for rows in _queue_rows(metrics, queues, shares, percentiles):
            yield from rows.team()
        return
    queue_rows = list(_queue_rows(metrics, queues, None, percentiles))
    pages = f"[runbooks]({runbooks}/README.md)" if "://" in runbooks else f"runbooks: {runbooks}"
    yield [text(f"# Now\n[queues and jobs]({console(stack.region, 'batch')}#queues) · {pages}", height=2)]
    for rows in queue_rows:
        yield rows.now()
    for fan_out in fan_outs:
        yield from fan_out_rows(fan_out)
    for rows in queue_rows:
        yield from rows.details()
    for exporter in metrics:
        home = cdk.Stack.of(exporter)
        yield from exporter_rows(exporter, queues, region=home.region, same_stack=home is stack)


def fitting_groups(
    metrics: Sequence[JobMetrics], percentiles: Sequence[float], fan_outs: Sequence[MonitoredFanOut]
) -> list[list[str]]:
    """Return the names of all queues in groups that each fit on one dashboard; arguments as in `QueueDashboard`."""
    names = dict.fromkeys(name for exporter in metrics for name in exporter.queues)
    common = [[text("")] * (_MAX_ALARM_WIDGETS + 1)]
    for exporter in metrics:
        common += exporter_rows(exporter, names, region="", same_stack=True)
    for fan_out in fan_outs:
        common += fan_out_rows(fan_out)
    groups: list[list[str]] = []
    group_rows: list[list[Widget]] = []
    for name in names:
        queue_rows = _queue_rows(metrics, [name], None, percentiles)
        own = [row for rows in queue_rows for row in (rows.now(), *rows.details())]
        if groups and not any(size_problems([*common, *group_rows, *own])):
            groups[-1].append(name)
            group_rows += own
        else:
            groups.append([name])
            group_rows = own
    return groups


def _queue_rows(
    metrics: Sequence[JobMetrics],
    queues: Collection[str],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
) -> Iterator[QueueRows]:
    for exporter in metrics:
        region = Claims.regional(exporter).region
        for name, queue in exporter.queues.items():
            # A queue of the same name in another Region may have other shares.
            selected = (
                _all_shares(queue)
                if shares is None
                else [share for share in shares.get(name, ()) if share in queue.shares]
            )
            if name in queues and (selected or shares is None):
                yield QueueRows(
                    queue, namespace=exporter.namespace, region=region, shares=selected, percentiles=percentiles
                )


def _all_shares(queue: MonitoredQueue) -> list[str]:
    """Return the shares of a queue, with `other` for jobs of undeclared shares."""
    return list(dict.fromkeys([*queue.shares, *([OTHER] if queue.shares and not queue.quota_management else [])]))


def _alarm_rows(alarms: Sequence[QueueAlarms | FanOutAlarms], queues: Collection[str]) -> Iterator[list[Widget]]:
    notifying: list[cloudwatch.CfnCompositeAlarm] = []
    children: list[str] = []
    fan_outs = [own for own in alarms if isinstance(own, FanOutAlarms)]
    for queue_alarms in (own for own in alarms if isinstance(own, QueueAlarms)):
        notifying += [alarm for (name, _), alarm in queue_alarms.composites.items() if name in queues]
        notifying += queue_alarms.exporter_composites.values()
        children += [arn for path, arn in queue_alarms.arns.items() if _concerns(path, queues)]
    fan_out_notifying = [alarm.attr_arn for own in fan_outs for alarm in own.composites.values()]
    fan_out_children = [arn for own in fan_outs for arn in own.arns.values()]
    for widget in (
        *alarm_states("Notifying alarms of each queue and of the exporter", [alarm.attr_arn for alarm in notifying]),
        *alarm_states("Notifying alarms of fan-outs", fan_out_notifying),
        *alarm_states("Alarms of queues and of the exporter in state ALARM", children, states=["ALARM"]),
        *alarm_states("Alarms of fan-outs in state ALARM", fan_out_children, states=["ALARM"]),
    ):
        yield [widget]


def _concerns(path: str, queues: Collection[str]) -> bool:
    """Return True if an alarm's path, such as `Queues/training/blocked`, names one of the queues or no queue."""
    _, has_queue, rest = f"/{path}".partition("/Queues/")
    return not has_queue or rest.partition("/")[0] in queues
