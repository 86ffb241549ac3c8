"""Problems of the arguments of `QueueAlarms`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from aws_cdk import aws_sns as sns

from fairlane._internal.checks import check_list
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
    place: Claims,
    metrics: JobMetrics,
    limits: AlarmLimits,
    queue_limits: Mapping[str, AlarmLimits],
    exporter_limits: ExporterLimits,
    notify: Notify,
    runbooks: object,
) -> Iterator[Problem]:
    """Yield all problems of the arguments of `QueueAlarms`; `place` is the account and Region of the alarms."""
    if not hasattr(metrics, "node"):
        yield Problem(("metrics",), metrics, "a JobMetrics")
        return
    exporter = Claims.regional(metrics)
    if (place.account, place.region) != (exporter.account, exporter.region):
        yield Problem.relation(
            ("metrics",),
            f"{metrics.node.path} is in another account or Region: "
            "create QueueAlarms in the account and Region of its JobMetrics",
        )
    yield from check_runbooks(runbooks)
    yield from notify_problems(notify, place.region)
    problems = list(_limit_problems(metrics, limits, queue_limits, exporter_limits))
    yield from problems
    if problems:
        return  # the checks below read shares, reasons and severities from valid limits
    parts = {
        name: {"shares": queue.entitled_shares if queue.exclusive else [], "reasons": queue.blocked_reasons}
        for name, queue in metrics.queues.items()
    }
    yield from (problem for problem, _ in unknown_part_problems(parts, limits, queue_limits))
    if isinstance(notify, Mapping):
        yield from check_notify(notify, severities(limits, *queue_limits.values(), exporter_limits))


def queue_choice_problems(metrics: JobMetrics, queues: object) -> Iterator[Problem]:
    """Yield the problems of the names of the queues that have alarms; None stands for all queues of `metrics`."""
    if queues is None or not hasattr(metrics, "queues"):
        return
    yield from (problems := list(check_list(("queues",), queues, str, "names of queues")))
    for index, name in enumerate(queues if not problems and isinstance(queues, Sequence) else ()):
        if name not in metrics.queues:
            yield Problem(
                ("queues", index), name, f"the name of a queue of the JobMetrics: {', '.join(metrics.queues)}"
            )


def target_arns(targets: Sequence[Target]) -> list[str]:
    """Return the ARNs of the targets, each once."""
    return list(dict.fromkeys(target if isinstance(target, str) else target.topic_arn for target in targets))


def _limit_problems(
    metrics: JobMetrics, limits: object, queue_limits: object, exporter_limits: object
) -> Iterator[Problem]:
    interval = round(metrics.period.to_minutes())
    groups: dict[Path, tuple[object, type[AlarmLimits] | type[ExporterLimits]]] = {
        ("limits",): (limits, AlarmLimits),
        ("exporter_limits",): (exporter_limits, ExporterLimits),
    }
    if not isinstance(queue_limits, Mapping):
        yield Problem(("queue_limits",), queue_limits, "AlarmLimits by queue name")
    else:
        groups |= {("queue_limits", str(name)): (group, AlarmLimits) for name, group in queue_limits.items()}
    for field, (group, group_type) in groups.items():
        if field[0] == "queue_limits" and field[1] not in metrics.queues:
            yield Problem(field, field[1], f"the name of a queue of the JobMetrics: {', '.join(metrics.queues)}")
        if isinstance(group, group_type):
            yield from (problem.within(*field) for problem in group.problems(interval))
        else:
            yield Problem(field, group, f"{group_type.__name__}(...)")


def notify_problems(notify: object, region: str) -> Iterator[Problem]:
    """Yield the problems of the targets of notifications from alarms in a Region."""
    lists: Mapping[Path, object] = (
        {("notify", str(severity)): targets for severity, targets in notify.items()}
        if isinstance(notify, Mapping)
        else {("notify",): notify}
    )
    for field, targets in lists.items():
        if is_token(targets) and not isinstance(targets, str):
            continue  # a list that is known only at deployment
        if isinstance(targets, str) or not isinstance(targets, Sequence):
            yield Problem(field, targets, "a list of topics or ARNs")
            continue
        problems = [
            problem for n, target in enumerate(targets) for problem in _target_problems((*field, n), target, region)
        ]
        yield from problems
        if not problems and (count := len(target_arns(targets))) > MOST_ACTIONS:
            yield Problem.relation(
                field,
                f"an alarm has at most {MOST_ACTIONS} actions: remove {count - MOST_ACTIONS} of the {count} targets",
            )


def _target_problems(field: Path, target: object, region: str) -> Iterator[Problem]:
    if isinstance(target, str):
        yield from check_action(field, target, region)
    elif isinstance(target, AlarmTopic):
        yield Problem.relation(field, f"{target.node.path} is an AlarmTopic: use its attribute topic")
    elif not hasattr(target, "topic_arn"):
        yield Problem(field, target, "an SNS topic or an ARN")
    elif (other := target.env.region) != region and not is_token(other) and not is_token(region):  # type: ignore[attr-defined]
        yield Problem.relation(
            field, f"the topic is in {other} and the alarms are in {region}: use a topic in {region}"
        )
