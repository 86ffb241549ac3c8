"""Rows of a dashboard, and groups of queues that fit on one dashboard."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.monitoring.alarms.fan_out_alarms import FanOutAlarms
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.dashboards.exporter_rows import console, exporter_rows
from fairlane.monitoring.dashboards.fan_out_rows import fan_out_rows
from fairlane.monitoring.dashboards.queue_rows import OTHER, QueueRows
from fairlane.monitoring.dashboards.widgets import Widget, alarm_states, layout, size_problems, text
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut

MAX_CHARACTERS: Final = 430_000
"""Most characters of a dashboard in a template, without its alarms: two dashboards fit into a template of 1 MB."""
_MAX_ALARM_WIDGETS: Final = 20
"""Upper bound for a Region: 50 queues with 25 alarms each, and a widget has room for 100 alarms."""


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
    yield from _alarm_rows(metrics, alarms, queues, stack)
    if shares is not None:
        yield from team_rows(metrics, shares, percentiles)
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


def team_rows(
    metrics: Sequence[JobMetrics], shares: Mapping[str, Sequence[str]], percentiles: Sequence[float]
) -> Iterator[list[Widget]]:
    """Yield the rows of the dashboard of a team, without alarms; arguments as in `QueueDashboard`."""
    for rows in _queue_rows(metrics, list(shares), shares, percentiles):
        yield from rows.team()


def fitting_groups(
    metrics: Sequence[JobMetrics], percentiles: Sequence[float], fan_outs: Sequence[MonitoredFanOut]
) -> list[tuple[list[str], int]]:
    """Return the names of all queues in groups that each fit on one dashboard; arguments as in `QueueDashboard`.

    Each group has the number of characters of its dashboard in a template, without its alarms.
    """
    names = dict.fromkeys(name for exporter in metrics for name in exporter.queues)
    common = [[text("")]] * (_MAX_ALARM_WIDGETS * len(metrics) + 2)
    for exporter in metrics:
        common += exporter_rows(exporter, names, region="", same_stack=True)
    for fan_out in fan_outs:
        common += fan_out_rows(fan_out)
    groups: list[tuple[list[str], int]] = []
    group_rows: list[list[Widget]] = []
    for name in names:
        queue_rows = _queue_rows(metrics, [name], None, percentiles)
        own = [row for rows in queue_rows for row in (rows.now(), *rows.details())]
        group, characters = groups[-1] if groups else ([], row_characters(common))
        larger = characters + row_characters(own)
        if group and larger <= MAX_CHARACTERS and not any(size_problems([*common, *group_rows, *own])):
            groups[-1] = ([*group, name], larger)
            group_rows += own
        else:
            groups.append(([name], row_characters(common) + row_characters(own)))
            group_rows = own
    return groups


def row_characters(rows: Sequence[Sequence[Widget]]) -> int:
    """Return the number of characters of the rows in a template, where the body of a dashboard is JSON in JSON."""
    return len(json.dumps(json.dumps(layout([*rows]), separators=(",", ":"))))


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


def _alarm_rows(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms | FanOutAlarms],
    queues: Collection[str],
    stack: cdk.Stack,
) -> Iterator[list[Widget]]:
    """Yield the rows of the alarms of each Region: first the alarms that notify, then those in state ALARM."""
    by_region: dict[str, list[QueueAlarms | FanOutAlarms]] = {}
    for own in alarms:
        by_region.setdefault(Claims.regional(own).region, []).append(own)
    regions = {Claims.regional(exporter).region for exporter in metrics} | by_region.keys()
    for region, regional in by_region.items():
        suffix = f" · {region}" if len(regions) > 1 else ""
        for widget in _notifying(regional, queues, stack, suffix):
            yield [widget]
    for region, regional in by_region.items():
        suffix = f" · {region}" if len(regions) > 1 else ""
        for widget in _causes(regional, queues, suffix):
            yield [widget]
    if by_region and len(regions) > 1:
        links = " · ".join(f"[{region}]({console(region, 'cloudwatch')}#alarmsV2:)" for region in sorted(regions))
        missing = sorted(regions - by_region.keys())
        rest = f" Alarms of {', '.join(missing)} are not on this dashboard." if missing else ""
        yield [text(f"All alarms of a Region in the console: {links}.{rest}")]


def _notifying(
    alarms: Sequence[QueueAlarms | FanOutAlarms], queues: Collection[str], stack: cdk.Stack, suffix: str
) -> Iterator[Widget]:
    arns: list[str] = []
    exporter_arns: list[str] = []
    fan_out_arns: list[str] = []
    for own in alarms:
        if isinstance(own, QueueAlarms):
            chosen = [alarm for (name, _), alarm in own.composites.items() if name in queues]
            arns += [_arn(own, alarm, stack) for alarm in chosen]
            exporter_arns += [_arn(own, alarm, stack) for alarm in own.exporter_composites.values()]
        else:
            fan_out_arns += [_arn(own, alarm, stack) for alarm in own.composites.values()]
    yield from alarm_states(f"Notifying alarms of each queue and of the exporter{suffix}", [*arns, *exporter_arns])
    yield from alarm_states(f"Notifying alarms of fan-outs{suffix}", fan_out_arns)


def _causes(alarms: Sequence[QueueAlarms | FanOutAlarms], queues: Collection[str], suffix: str) -> Iterator[Widget]:
    queue_alarms = [own for own in alarms if isinstance(own, QueueAlarms)]
    arns = [arn for own in queue_alarms for path, arn in own.arns.items() if _concerns(path, queues)]
    fan_out_arns = [arn for own in alarms if isinstance(own, FanOutAlarms) for arn in own.arns.values()]
    title = f"Alarms of queues and of the exporter in state ALARM{suffix}"
    yield from alarm_states(title, arns, states=["ALARM"])
    yield from alarm_states(f"Alarms of fan-outs in state ALARM{suffix}", fan_out_arns, states=["ALARM"])


def _arn(owner: QueueAlarms | FanOutAlarms, alarm: cloudwatch.CfnCompositeAlarm, stack: cdk.Stack) -> str:
    """Return the ARN of a composite alarm; in another stack, an ARN with its name, which needs no export."""
    if cdk.Stack.of(owner) is stack:
        return alarm.attr_arn
    home = Claims.regional(owner)
    return f"{ARN}:cloudwatch:{home.region}:{home.account}:alarm:{alarm.alarm_name}"


def _concerns(path: str, queues: Collection[str]) -> bool:
    """Return True if an alarm's path, such as `Queues/training/blocked`, names one of the queues or no queue."""
    _, has_queue, rest = f"/{path}".partition("/Queues/")
    return not has_queue or rest.partition("/")[0] in queues
