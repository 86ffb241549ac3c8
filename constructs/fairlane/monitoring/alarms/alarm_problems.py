"""What cannot be right of alarms, found before they are deployed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from aws_cdk import aws_sns as sns

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits, Limit, QueueBlocked, StarvedShare
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action, check_notify, check_runbooks
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane.monitoring.alarms.alarm_topic import AlarmTopic
from fairlane.monitoring.alarms.conditions import entitled_shares
from fairlane.monitoring.alarms.reasons import blocked_reasons
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue

Target: TypeAlias = sns.ITopic | str
Notify: TypeAlias = Sequence[Target] | Mapping[str, Sequence[Target]]


def alarm_problems(
    where: Claims,
    metrics: JobMetrics,
    limits: AlarmLimits,
    queue_limits: Mapping[str, AlarmLimits],
    exporter_limits: ExporterLimits,
    notify: Notify,
    runbooks: object,
) -> Iterator[Problem]:
    """Yields every mistake; arguments as for `QueueAlarms`, but where it is."""
    there = Claims.at(metrics)
    if (where.account, where.region) != (there.account, there.region):
        allowed = "metrics of the account and Region of the alarms, which watch no others"
        yield Problem(("metrics",), metrics.node.path, allowed)
    yield from check_runbooks(runbooks)
    yield from _targets(notify, where.region)
    wrong = list(_limits(metrics, limits, queue_limits, exporter_limits))
    yield from wrong
    if wrong:
        return  # shares, reasons and severities are read off limits that are right
    yield from _unknown(metrics.queues, limits, queue_limits)
    if isinstance(notify, Mapping):
        yield from check_notify(notify, severities(limits, *queue_limits.values(), exporter_limits))


def arns_of(targets: Sequence[Target]) -> list[str]:
    """The ARNs of targets, each once."""
    return list(dict.fromkeys(target if isinstance(target, str) else target.topic_arn for target in targets))


def _limits(metrics: JobMetrics, limits: object, queue_limits: object, exporter_limits: object) -> Iterator[Problem]:
    interval = round(metrics.period.to_minutes())
    every: dict[Path, tuple[object, type[AlarmLimits] | type[ExporterLimits]]] = {
        ("limits",): (limits, AlarmLimits),
        ("exporter_limits",): (exporter_limits, ExporterLimits),
    }
    if not isinstance(queue_limits, Mapping):
        yield Problem(("queue_limits",), queue_limits, "limits by a queue's name")
    else:
        every |= {("queue_limits", str(name)): (some, AlarmLimits) for name, some in queue_limits.items()}
    for field, (some, of) in every.items():
        if field[0] == "queue_limits" and field[1] not in metrics.queues:
            yield Problem(field, field[1], f"one of the queues: {', '.join(metrics.queues)}")
        if isinstance(some, of):
            yield from (problem.within(*field) for problem in some.problems(interval))
        else:
            yield Problem(field, some, f"{of.__name__}(...)")


def _targets(notify: object, region: str) -> Iterator[Problem]:
    every: Mapping[Path, object] = (
        {("notify", str(severity)): targets for severity, targets in notify.items()}
        if isinstance(notify, Mapping)
        else {("notify",): notify}
    )
    for field, targets in every.items():
        if is_token(targets) and not isinstance(targets, str):
            continue  # a list that is known only at deployment
        if isinstance(targets, str) or not isinstance(targets, Sequence):
            yield Problem(field, targets, "a list of topics or ARNs")
            continue
        wrong = [problem for n, target in enumerate(targets) for problem in _target((*field, n), target, region)]
        yield from wrong
        if not wrong and (count := len(arns_of(targets))) > MOST_ACTIONS:
            yield Problem(field, f"{count} targets", f"at most {MOST_ACTIONS}, as many as an alarm has")


def _target(field: Path, target: object, region: str) -> Iterator[Problem]:
    if isinstance(target, str):
        yield from check_action(field, target, region)
    elif isinstance(target, AlarmTopic):
        yield Problem(field, target.node.path, "its .topic")
    elif not hasattr(target, "topic_arn"):
        yield Problem(field, repr(target), "a topic of Amazon SNS, or an ARN")
    elif (theirs := target.env.region) != region and not is_token(theirs) and not is_token(region):  # type: ignore[attr-defined]
        yield Problem(field, f"a topic in {theirs}", f"one in {region}, as alarms call nothing in another Region")


def _unknown(
    queues: Mapping[str, MonitoredQueue], limits: AlarmLimits, queue_limits: Mapping[str, AlarmLimits]
) -> Iterator[Problem]:
    """Yields shares and reasons to watch that no queue has for which they are named."""
    common = {(kind, severity): limit for kind, severity, limit in limits.limits()}
    having: dict[Path, tuple[Limit, list[MonitoredQueue]]] = {}
    for name, queue in queues.items():
        for kind, severity, limit in queue_limits.get(name, limits).limits():
            where: Path = ("limits",) if common.get((kind, severity)) == limit else ("queue_limits", name)
            having.setdefault((*where, kind, severity), (limit, []))[1].append(queue)
    for field, (limit, some) in having.items():
        wanted, known = _parts(limit, some)
        for one in wanted or ():
            if one not in known:
                of = f"of queue{'s' if len(some) > 1 else ''} {', '.join(queue.name for queue in some)}"
                allowed = f"{of}: {', '.join(known) or 'none, as no entitlement is known'}"
                yield Problem((*field, "reasons" if isinstance(limit, QueueBlocked) else "shares"), one, allowed)


def _parts(limit: Limit, queues: Sequence[MonitoredQueue]) -> tuple[Sequence[str] | None, list[str]]:
    """What of queues a limit is to watch, and what they have of the kind."""
    match limit:
        case StarvedShare():
            known = [share for queue in queues if queue.alone for share in entitled_shares(queue)]
            return limit.shares, list(dict.fromkeys(known))
        case QueueBlocked():
            known = [reason for queue in queues for reason in blocked_reasons(training=queue.service)]
            return limit.reasons, list(dict.fromkeys(known))
    return None, []
