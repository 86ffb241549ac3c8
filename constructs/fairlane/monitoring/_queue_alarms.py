"""Alarms on queues, their shares and the exporter: what wakes somebody, and what it says."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._problems import ConfigurationError, Problem
from fairlane.alarms import AlarmLimits, ExporterLimits, Limit, severities
from fairlane.monitoring._alarm_problems import Notify, alarm_problems, custom_alarm_problems, metrics_of
from fairlane.monitoring._alarm_texts import RUNBOOKS, describe, describe_all, slug
from fairlane.monitoring._conditions import Condition, QueueConditions
from fairlane.monitoring._exporter_conditions import exporter_conditions
from fairlane.monitoring._job_metrics import JobMetrics

_EXPORTER: Final = "The exporter of job metrics"
_MOST_TOGETHER: Final = 25
"""Alarms in one rule, which has room for 10,240 characters: an ARN may have 300."""

_Made = list[tuple[str, cloudwatch.CfnAlarm]]


class QueueAlarms(Construct):
    """Alarms on the queues of a `JobMetrics`, on by default, with limits that are sane for training.

    Each alarm has a limit by severity. It notifies nobody itself: a composite alarm of each queue and severity does,
    and one of the exporter, so that one cause pages once. What is missing of gauges keeps an alarm's state, as the
    exporter has alarms of its own; what is missing of counts is 0.

    Alarms of a queue: `oldest_wait`; `blocked`, for each reason; `failure_rate`; `starved_share`, for each share whose
    entitlement is known; `idle_while_waiting` and `idle_capacity`, where the queue's limit is known; `preemptions`,
    with quota shares; `spot_reclaims`, with Spot machines. Of the exporter: `stale`, `dead_letters`, `truncated`.
    Queues that share an environment have none of starved shares and idle capacity: each knows its own use only.

    Updates: limits and who is notified in place. Another name of a queue, a share or a severity makes a new alarm. A
    stack has room for the alarms of about 25 queues with 5 shares each. Nothing of it has been run against an AWS
    account. Sources: "Alarm evaluation", "Combining alarms" and "Configuring how CloudWatch alarms treat missing data"
    in the CloudWatch documentation.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        metrics: the exporter of the queues.
        notify: topics, or ARNs of what else an alarm may call, for all severities or by severity; at most 5 each. They
            hear of OK, too.
        limits: of every queue; by default those of `AlarmLimits`, or the interval of the polls where that is longer.
        queue_limits: by a queue's name, its limits instead of those; `dataclasses.replace(limits, ...)` changes some.
        exporter_limits: of the exporter.
        runbooks: the address of the folder with the runbooks, which the alarms' descriptions link to.

    Attributes:
        metrics: as given.
        alarms: every alarm by its path below this, such as `Queues/training-p4/oldest-wait-Warning`.
        composites: those that notify, by queue and severity.
        exporter_composites: those of the exporter, by severity.
        metric_count: how many metrics the alarms watch together, by which CloudWatch bills.
        composite_count: how many composite alarms there are.

    Raises:
        ConfigurationError: with every mistake.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: JobMetrics,
        notify: Notify = (),
        limits: AlarmLimits | None = None,
        queue_limits: Mapping[str, AlarmLimits] | None = None,
        exporter_limits: ExporterLimits | None = None,
        runbooks: str = RUNBOOKS,
    ) -> None:
        interval = round(metrics.period.to_minutes())
        limits = AlarmLimits.polled_every(interval) if limits is None else limits
        exporter_limits = ExporterLimits.polled_every(interval) if exporter_limits is None else exporter_limits
        queue_limits = queue_limits or {}
        if problems := list(alarm_problems(metrics.queues, interval, limits, queue_limits, exporter_limits, notify)):
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.metrics = metrics
        self.alarms: dict[str, cloudwatch.CfnAlarm] = {}
        self.composites: dict[tuple[str, str], cloudwatch.CfnCompositeAlarm] = {}
        self.metric_count = self.composite_count = 0
        self._runbooks = runbooks.rstrip("/")
        limits_of = {name: queue_limits.get(name, limits) for name in metrics.queues}
        known = severities(*limits_of.values(), exporter_limits)
        by_severity = notify if isinstance(notify, Mapping) else dict.fromkeys(known, notify)
        self._actions = {
            severity: [target if isinstance(target, str) else target.topic_arn for target in targets]
            for severity, targets in by_severity.items()
        }
        queues, exporter = Construct(self, "Queues"), Construct(self, "Exporter")
        self._queues: dict[str, Construct] = {}
        of_exporter: _Made = []
        for name, queue in metrics.queues.items():
            conditions = QueueConditions(queue, namespace=metrics.namespace, interval_minutes=interval)
            inside, below = Construct(queues, name), Construct(exporter, name)
            self._queues[name] = inside
            made = self._make(inside, f"Queues/{name}", name, limits_of[name].limits(), conditions.of)
            self.composites |= {(name, severity): one for severity, one in self._compose(inside, name, made)}
            of_exporter += self._make(below, f"Exporter/{name}", name, exporter_limits.limits(), conditions.of)
        of_exporter += self._make(
            exporter, "Exporter", _EXPORTER, exporter_limits.limits(), lambda limit: exporter_conditions(limit, metrics)
        )
        self.exporter_composites = dict(self._compose(exporter, _EXPORTER, of_exporter))
        for severity in known:
            if not self._actions.get(severity):
                text = f"{severity} alarms notify nobody: give `notify` a topic"
                cdk.Annotations.of(self).add_warning_v2(f"fairlane:QueueAlarms.noAction.{severity}", text)

    def add_alarm(
        self,
        queue: str,
        name: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        says: str,
        severity: str = "Warning",
        comparison_operator: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods: int = 1,
        datapoints_to_alarm: int | None = None,
        treat_missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.MISSING,
    ) -> cloudwatch.Alarm:
        """Adds an alarm on a metric of yours, which notifies with the others of a queue and severity.

        Args:
            queue: the name of one of the queues.
            name: of the alarm, part of its path.
            metric: one, or metric math of at most 10; an alarm cannot search.
            threshold: what the metric is compared with.
            says: what it means, for the alarm's description.
            severity: one that the queue has alarms of.
            comparison_operator: how.
            evaluation_periods: how many periods to look at; a week together, or a day if they are under an hour.
            datapoints_to_alarm: how many of them must breach; all by default.
            treat_missing_data: what to make of periods without data.

        Raises:
            ConfigurationError: with every mistake.
        """
        composite = self.composites.get((queue, severity))
        problems = list(custom_alarm_problems(metric, evaluation_periods, datapoints_to_alarm))
        if composite is None:
            known = ", ".join(map(" ".join, self.composites))
            problems.insert(0, Problem(("queue",), f"{queue} {severity}", f"a queue and a severity of it: {known}"))
        if composite is None or problems:
            raise ConfigurationError(f"{self.node.path}/{queue}/{name}", problems)
        alarm = cloudwatch.Alarm(
            self._queues[queue],
            f"custom-{name}-{severity}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison_operator,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=treat_missing_data,
            alarm_description=describe(queue, "custom", says, self._runbooks),
        )
        composite.alarm_rule = f"{composite.alarm_rule} OR {_any([alarm.alarm_arn])}"
        self.metric_count += len(metrics_of(metric))
        return alarm

    def _make(
        self,
        scope: Construct,
        path: str,
        subject: str,
        limits: Iterable[tuple[str, str, Limit]],
        conditions_of: Callable[[Limit], Iterator[Condition]],
    ) -> _Made:
        made: _Made = []
        for kind, severity, limit in limits:
            for condition in conditions_of(limit):
                name = "-".join(filter(None, (slug(kind), condition.of, severity)))
                alarm = cloudwatch.CfnAlarm(
                    scope,
                    name,
                    alarm_description=describe(subject, kind, condition.says, self._runbooks),
                    metrics=condition.queries(),
                    comparison_operator=condition.comparison,
                    threshold=condition.threshold,
                    evaluation_periods=condition.periods,
                    datapoints_to_alarm=condition.periods,
                    treat_missing_data=condition.missing,
                    warm_up_configuration=condition.warm_up(),
                )
                self.alarms[f"{path}/{name}"] = alarm
                self.metric_count += len(condition.series)
                made.append((severity, alarm))
        return made

    def _compose(
        self, scope: Construct, subject: str, made: _Made
    ) -> Iterator[tuple[str, cloudwatch.CfnCompositeAlarm]]:
        for severity in dict.fromkeys(severity for severity, _ in made):
            arns = [alarm.attr_arn for of, alarm in made if of == severity]
            while len(arns) > _MOST_TOGETHER:
                parts = [arns[start : start + _MOST_TOGETHER] for start in range(0, len(arns), _MOST_TOGETHER)]
                ids = [f"{severity}Part{len(arns)}-{number}" for number in range(len(parts))]
                arns = [self._composite(scope, one, part).attr_arn for one, part in zip(ids, parts, strict=True)]
            actions = self._actions.get(severity) or None
            says = describe_all(subject, severity, self._runbooks)
            yield (
                severity,
                self._composite(
                    scope, severity, arns, alarm_description=says, alarm_actions=actions, ok_actions=actions
                ),
            )

    def _composite(
        self, scope: Construct, construct_id: str, arns: Sequence[str], **told: Any
    ) -> cloudwatch.CfnCompositeAlarm:
        self.composite_count += 1
        return cloudwatch.CfnCompositeAlarm(scope, construct_id, alarm_rule=_any(arns), **told)


def _any(arns: Sequence[str]) -> str:
    return " OR ".join(f'ALARM("{arn}")' for arn in arns)
