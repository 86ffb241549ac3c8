"""What cannot be right of alarms, found before they are deployed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from aws_cdk import aws_sns as sns

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action, check_notify, check_runbooks
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane.monitoring.alarms.alarm_topic import AlarmTopic
from fairlane.monitoring.alarms.part_rules import unknown_part_problems
from fairlane.monitoring.exporter.job_metrics import JobMetrics

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
    parts = {
        name: {"shares": queue.entitled_shares if queue.alone else [], "reasons": queue.blocked_reasons}
        for name, queue in metrics.queues.items()
    }
    yield from (problem for problem, _ in unknown_part_problems(parts, limits, queue_limits))
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
