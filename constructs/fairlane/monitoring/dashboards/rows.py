"""What stands on a dashboard, row by row, and which queues there is room for on one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane._internal.claims import Claims
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.dashboards.exporter_rows import console, exporter_rows
from fairlane.monitoring.dashboards.queue_rows import OTHER, QueueRows
from fairlane.monitoring.dashboards.widgets import Widget, alarm_states, size_problems, text
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue

_ALARM_WIDGETS: Final = 10
"""More than there are: of 500 resources in a stack, each alarm is shown once, and a widget has room for 100."""


def dashboard_rows(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms],
    queues: Collection[str],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
    runbooks: str,
    stack: cdk.Stack,
) -> Iterator[list[Widget]]:
    """The rows of a dashboard in `stack`, of `queues` by their names; arguments as for `QueueDashboard`."""
    yield from _alarm_rows(alarms, queues)
    if shares is not None:
        for rows in _of_queues(metrics, queues, shares, percentiles):
            yield from rows.of_team()
        return
    shown = list(_of_queues(metrics, queues, None, percentiles))
    pages = f"[runbooks]({runbooks}/README.md)" if "://" in runbooks else f"runbooks in {runbooks}"
    yield [text(f"# Now\n[queues and jobs]({console(stack.region, 'batch')}#queues) · {pages}", height=2)]
    for rows in shown:
        yield rows.now()
    for rows in shown:
        yield from rows.whole()
    for exporter in metrics:
        of = cdk.Stack.of(exporter)
        yield from exporter_rows(exporter, queues, region=of.region, same_stack=of is stack)


def groups_that_fit(metrics: Sequence[JobMetrics], percentiles: Sequence[float]) -> list[list[str]]:
    """The names of queues in groups, each of which has room on a dashboard; arguments as for `QueueDashboard`."""
    names = dict.fromkeys(name for exporter in metrics for name in exporter.queues)
    around = [[text("")] * (_ALARM_WIDGETS + 1)]
    for exporter in metrics:
        around += exporter_rows(exporter, names, region="", same_stack=True)
    groups: list[list[str]] = []
    taken: list[list[Widget]] = []
    for name in names:
        shown = _of_queues(metrics, [name], None, percentiles)
        own = [row for rows in shown for row in (rows.now(), *rows.whole())]
        if groups and not any(size_problems([*around, *taken, *own])):
            groups[-1].append(name)
            taken += own
        else:
            groups.append([name])
            taken = own
    return groups


def _of_queues(
    metrics: Sequence[JobMetrics],
    queues: Collection[str],
    shares: Mapping[str, Sequence[str]] | None,
    percentiles: Sequence[float],
) -> Iterator[QueueRows]:
    for exporter in metrics:
        region = Claims.at(exporter).region
        for name, queue in exporter.queues.items():
            # A queue of the same name in another Region may have other shares.
            of = _shares(queue) if shares is None else [one for one in shares.get(name, ()) if one in queue.shares]
            if name in queues and (of or shares is None):
                yield QueueRows(queue, namespace=exporter.namespace, region=region, shares=of, percentiles=percentiles)


def _shares(queue: MonitoredQueue) -> list[str]:
    """The shares of a queue, and what all others are together."""
    return list(dict.fromkeys([*queue.shares, *([OTHER] if queue.shares and not queue.quotas else [])]))


def _alarm_rows(alarms: Sequence[QueueAlarms], queues: Collection[str]) -> Iterator[list[Widget]]:
    notifying: list[cloudwatch.CfnCompositeAlarm] = []
    below: list[str] = []
    for some in alarms:
        notifying += [one for (name, _), one in some.composites.items() if name in queues]
        notifying += some.exporter_composites.values()
        below += [arn for path, arn in some.arns.items() if _is_of(path, queues)]
    for widget in alarm_states(
        "Alarms that notify, of each queue and of the exporter", [one.attr_arn for one in notifying]
    ):
        yield [widget]
    title = "Alarms of queues and of the exporter that are in state ALARM now"
    for widget in alarm_states(title, below, states=["ALARM"]):
        yield [widget]


def _is_of(path: str, queues: Collection[str]) -> bool:
    """Whether an alarm is of some queues, by its path such as `Queues/training/blocked`, or of none at all."""
    _, of_queue, rest = f"/{path}".partition("/Queues/")
    return not of_queue or rest.partition("/")[0] in queues
