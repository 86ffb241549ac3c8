"""Alarms on queues, their shares and the exporter: what wakes somebody, and what it says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import methodcaller
from typing import Final, cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits, Limit
from fairlane.monitoring.alarms.alarm_problems import Notify, alarm_problems, arns_of
from fairlane.monitoring.alarms.composite_alarm import CompositeAlarm
from fairlane.monitoring.alarms.condition import Condition, ExporterQueues, QueueSeries
from fairlane.monitoring.alarms.custom_alarms import custom_alarm_problems, metrics_in
from fairlane.monitoring.alarms.descriptions import RUNBOOKS, describe, describe_all, slug
from fairlane.monitoring.alarms.metric_alarm import metric_alarm
from fairlane.monitoring.exporter.job_metrics import JobMetrics

_EXPORTER: Final = "The exporter of job metrics"
_CUSTOM: Final = "its metric on the dashboard that it is from"

_Made = list[tuple[str, str]]
"""Severities and ARNs of alarms."""


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
    stack has room for the alarms of about 22 queues with 5 shares each. Nothing of it has been run against an AWS
    account. Sources: "Alarm evaluation", "Combining alarms" and "Configuring how CloudWatch alarms treat missing data"
    in the CloudWatch documentation.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        metrics: the exporter of the queues, in the same account and Region.
        notify: topics, or ARNs of what else an alarm may call, all in its Region, for all severities or by severity; at
            most 5 each. They hear of OK, too. A Lambda function has to let `lambda.alarms.cloudwatch.amazonaws.com`
            invoke it.
        limits: of every queue; by default those of `AlarmLimits`.
        queue_limits: by a queue's name, its limits instead of those; `dataclasses.replace(limits, ...)` changes some.
        exporter_limits: of the exporter.
        runbooks: the address of the folder with the runbooks, which the alarms' descriptions link to.

    Attributes:
        metrics: as given.
        alarms: every alarm by its path below this, such as `Queues/training-p4/oldest-wait-Warning`; with those that
            are added.
        arns: ARN of every alarm, by the same paths.
        composites: those that notify, by queue and severity.
        exporter_composites: those of the exporter, by severity.
        metric_count: how many metrics the alarms watch together, by which CloudWatch bills.

    Raises:
        ConfigurationError: With every limit, target, share and reason that cannot be right.
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
        limits = AlarmLimits() if limits is None else limits
        exporter_limits = ExporterLimits() if exporter_limits is None else exporter_limits
        queue_limits = {} if queue_limits is None else queue_limits
        given = (limits, queue_limits, exporter_limits, notify, runbooks)
        if problems := list(alarm_problems(Claims.at(scope), metrics, *given)):
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        interval = round(metrics.period.to_minutes())
        self.metrics = metrics
        self.alarms: dict[str, cloudwatch.CfnAlarm] = {}
        self.arns: dict[str, str] = {}
        self.metric_count = 0
        self._runbooks = runbooks.rstrip("/")
        queues, exporter = Construct(self, "Queues"), Construct(self, "Exporter")
        of_exporter: _Made = []
        of_queues: dict[str, _Made] = {}
        self._queues: dict[str, Construct] = {}
        below = Construct(exporter, "Queues")
        watched = list(exporter_limits.limits(interval))
        for name, queue in metrics.queues.items():
            series = QueueSeries(queue=queue, namespace=metrics.namespace, interval_minutes=interval)
            conditions = methodcaller("of_queue", series)
            self._queues[name] = Construct(queues, name)
            own = queue_limits.get(name, limits).limits(interval)
            of_queues[name] = self._make(self._queues[name], f"Queues/{name}", name, own, conditions)
            path = f"Exporter/Queues/{name}"
            of_exporter += self._make(Construct(below, name), path, name, watched, conditions)
        sqs = ExporterQueues(
            events=metrics.events.queue_name,
            unused=metrics.dead_letters.queue_name,
            undelivered=metrics.rule_dead_letters.queue_name,
        )
        of_exporter += self._make(exporter, "Exporter", _EXPORTER, watched, methodcaller("of_exporter", sqs))
        made = [alarm for some in (*of_queues.values(), of_exporter) for alarm in some]
        known = list(dict.fromkeys(severity for severity, _ in made))
        self._actions = {
            severity: arns_of(targets)
            for severity, targets in (notify if isinstance(notify, Mapping) else dict.fromkeys(known, notify)).items()
        }
        self._composites = {
            (name, severity): one
            for name, some in of_queues.items()
            for severity, one in self._compose(self._queues[name], name, some)
        }
        self._of_exporter = dict(self._compose(exporter, _EXPORTER, of_exporter))
        self.composites = {where: one.alarm for where, one in self._composites.items()}
        self.exporter_composites = {severity: one.alarm for severity, one in self._of_exporter.items()}
        for severity in known:
            if not self._actions.get(severity):
                text = f"{severity} alarms notify nobody: give `notify` a topic"
                cdk.Annotations.of(self).add_warning_v2(f"fairlane:QueueAlarms.noAction.{severity}", text)

    @property
    def composite_count(self) -> int:
        """How many composite alarms there are."""
        return sum(one.count for one in (*self._composites.values(), *self._of_exporter.values()))

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
            name: of the alarm, part of its path; no other of the queue and severity has it.
            metric: one, or metric math of at most 10, in the Region of the alarms; an alarm cannot search.
            threshold: what the metric is compared with.
            says: what it means, for the alarm's description, which has room for some 700 characters of it.
            severity: one that the queue has alarms of.
            comparison_operator: how.
            evaluation_periods: how many periods to look at; a week together, or a day if they are under an hour.
            datapoints_to_alarm: how many of them must breach; all by default.
            treat_missing_data: what to make of periods without data.

        Raises:
            ConfigurationError: with every mistake.
        """
        together = self._composites.get((queue, severity))
        region = Claims.at(self).region
        problems = list(custom_alarm_problems(self.metrics, region, metric, evaluation_periods, datapoints_to_alarm))
        alarm_id = f"custom-{name}-{severity}"
        path = f"Queues/{queue}/{alarm_id}"
        if path in self.alarms:
            problems.insert(0, Problem(("name",), name, "a name that no other alarm of the queue and severity has"))
        if together is None:
            known = ", ".join(map(" ".join, self.composites))
            problems.insert(0, Problem(("queue",), f"{queue} {severity}", f"a queue and a severity of it: {known}"))
        if together is None or problems:
            raise ConfigurationError(f"{self.node.path}/{queue}/{name}", problems)
        alarm = cloudwatch.Alarm(
            self._queues[queue],
            alarm_id,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison_operator,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=treat_missing_data,
            alarm_description=describe(queue, "custom", says, _CUSTOM, self._runbooks),
        )
        self.arns[path] = alarm.alarm_arn
        together.add(self.arns[path])
        self.alarms[path] = cast(cloudwatch.CfnAlarm, alarm.node.default_child)
        self.metric_count += len(metrics_in(metric))
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
                name = "-".join(filter(None, (slug(kind), condition.part, severity)))
                description = describe(subject, kind, condition.meaning, limit.look_at, self._runbooks)
                alarm = metric_alarm(scope, name, condition, description)
                self.alarms[f"{path}/{name}"] = alarm
                self.arns[f"{path}/{name}"] = alarm.attr_arn
                self.metric_count += len(condition.series)
                made.append((severity, self.arns[f"{path}/{name}"]))
        return made

    def _compose(self, scope: Construct, subject: str, made: _Made) -> Iterator[tuple[str, CompositeAlarm]]:
        for severity in dict.fromkeys(severity for severity, _ in made):
            arns = [arn for of, arn in made if of == severity]
            actions = self._actions.get(severity) or None
            says = describe_all(subject, severity, self._runbooks)
            told = {"alarm_description": says, "alarm_actions": actions, "ok_actions": actions}
            yield severity, CompositeAlarm(scope, severity, arns, **told)
