"""Alarms on queues, their shares and the exporter of job metrics."""

from collections.abc import Mapping
from operator import methodcaller
from typing import Final, cast

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits
from fairlane.monitoring.alarms.alarm_problems import Notify, alarm_problems
from fairlane.monitoring.alarms.composed_alarms import ComposedAlarms, SeverityArns
from fairlane.monitoring.alarms.condition import ExporterQueues, QueueSeries
from fairlane.monitoring.alarms.custom_alarms import custom_alarm_problems, metric_stats
from fairlane.monitoring.alarms.descriptions import RUNBOOKS, describe
from fairlane.monitoring.exporter.job_metrics import JobMetrics

_EXPORTER: Final = "Exporter of job metrics"
_CUSTOM_STEP: Final = "look at the alarm's metric and at the other metrics of the queue on a dashboard"


class QueueAlarms(ComposedAlarms):
    """Alarms on the queues of a `JobMetrics` and on the exporter, with default limits for training.

    Each alarm has limits by severity. The alarms themselves notify nobody: one composite alarm for each queue and
    severity notifies, and one for the exporter and each severity, so that one cause notifies once. A missing gauge
    leaves the state of its alarm unchanged, because the exporter has alarms of its own. A missing count is 0.

    Alarms of a queue: `oldest_wait`; `blocked`, one for each reason; `failure_rate`; `starved_share`, one for each
    share with a known entitlement; `idle_while_waiting` and `idle_capacity`, if the queue's capacity limit is known;
    `preemptions`, with quota shares; `spot_reclaims`, with Spot Instances. Alarms of the exporter: `stale`,
    `dead_letters`, `truncated`. Queues that share an environment have no `starved_share`, `idle_while_waiting` and
    `idle_capacity`, because each queue reports only its own use.

    Updates: limits and notification targets change in place. Another name of a queue, a share or a severity creates a
    new alarm. A stack has room for the alarms of about 22 queues with 5 shares each. Unverified: not run against an AWS
    account. Sources: "Alarm evaluation", "Combining alarms" and "Configuring how CloudWatch alarms treat missing data"
    in the CloudWatch documentation.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        metrics: Exporter of the queues, in the same account and Region.
        notify: SNS topics, or ARNs of other alarm actions, in the Region of the alarms: a list for all severities, or a
            list for each severity, with at most 5 targets each. The targets are also notified of the state OK. A Lambda
            function must allow `lambda.alarms.cloudwatch.amazonaws.com` to invoke it. Default: none.
        limits: Limits of all queues. Default: those of `AlarmLimits`.
        queue_limits: Limits by queue name, which replace `limits` for that queue; `dataclasses.replace(limits, ...)`
            changes some of them. Default: none.
        exporter_limits: Limits of the exporter. Default: those of `ExporterLimits`.
        runbooks: Address of the folder with the runbooks, for links in the descriptions. Default: docs/runbooks.

    Attributes:
        metrics: Exporter of the queues.
        alarms: Alarms by path, for example `Queues/training-p4/oldest-wait-Warning`, added alarms included.
        arns: ARN of each alarm, by the same paths.
        composites: Composite alarms that notify, by queue and severity.
        exporter_composites: Composite alarms of the exporter that notify, by severity.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.

    Raises:
        ConfigurationError: If a limit, a target, a share or a reason is not valid.
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
        place = Claims.regional(scope)
        limits = AlarmLimits() if limits is None else limits
        exporter_limits = ExporterLimits() if exporter_limits is None else exporter_limits
        queue_limits = {} if queue_limits is None else queue_limits
        settings = (limits, queue_limits, exporter_limits, notify, runbooks)
        if problems := list(alarm_problems(place, metrics, *settings)):
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id, runbooks=runbooks)
        interval = round(metrics.period.to_minutes())
        self.metrics = metrics
        queues, exporter = Construct(self, "Queues"), Construct(self, "Exporter")
        exporter_arns: SeverityArns = []
        queue_arns: dict[str, SeverityArns] = {}
        self._queues: dict[str, Construct] = {}
        exporter_queues = Construct(exporter, "Queues")
        exporter_kinds = list(exporter_limits.limits(interval))
        for name, queue in metrics.queues.items():
            series = QueueSeries(queue=queue, namespace=metrics.namespace, interval_minutes=interval)
            conditions, subject = methodcaller("queue_conditions", series), f"Queue {name}"
            self._queues[name] = Construct(queues, name)
            kinds = queue_limits.get(name, limits).limits(interval)
            queue_arns[name] = self._create(self._queues[name], f"Queues/{name}", subject, kinds, conditions)
            path = f"Exporter/Queues/{name}"
            exporter_arns += self._create(Construct(exporter_queues, name), path, subject, exporter_kinds, conditions)
        sqs = ExporterQueues(
            events=metrics.events.queue_name,
            unused=metrics.dead_letters.queue_name,
            undelivered=metrics.rule_dead_letters.queue_name,
        )
        conditions = methodcaller("exporter_conditions", sqs)
        exporter_arns += self._create(exporter, "Exporter", _EXPORTER, exporter_kinds, conditions)
        arns = [pair for pairs in (*queue_arns.values(), exporter_arns) for pair in pairs]
        self._notify(arns, notify)
        self._queue_composites = {
            (name, severity): composite
            for name, pairs in queue_arns.items()
            for severity, composite in self._compose(self._queues[name], f"Queue {name}", pairs)
        }
        self._exporter_composites = dict(self._compose(exporter, _EXPORTER, exporter_arns))
        self.composites = {key: composite.alarm for key, composite in self._queue_composites.items()}
        self.exporter_composites = {key: composite.alarm for key, composite in self._exporter_composites.items()}

    @property
    def composite_count(self) -> int:
        """Number of composite alarms."""
        composites = (*self._queue_composites.values(), *self._exporter_composites.values())
        return sum(composite.count for composite in composites)

    def add_alarm(
        self,
        queue: str,
        name: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        meaning: str,
        severity: str = "Warning",
        comparison_operator: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods: int = 1,
        datapoints_to_alarm: int | None = None,
        treat_missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.MISSING,
    ) -> cloudwatch.Alarm:
        """Add an alarm on a custom metric, which notifies through the composite alarm of a queue and severity.

        Args:
            queue: Name of a queue of the `JobMetrics`.
            name: Name of the alarm, part of its path. Unique for the queue and severity.
            metric: Metric, or metric math of at most 10 metrics, in the Region of the alarms. An alarm cannot search.
            threshold: Threshold that the metric is compared with.
            meaning: Meaning of the state ALARM, for the alarm's description. About 700 characters; a longer text is
                cut.
            severity: Severity of which the queue has alarms. Default: Warning.
            comparison_operator: Comparison of the metric with the threshold. Default: greater than.
            evaluation_periods: Number of periods to evaluate. Together they cover at most a week, or a day if a period
                is under an hour. Default: 1.
            datapoints_to_alarm: Number of periods that must breach. Default: all.
            treat_missing_data: Treatment of periods without data. Default: missing, which leads to INSUFFICIENT_DATA.

        Returns:
            The alarm.

        Raises:
            ConfigurationError: If an argument is not valid.
        """
        composite = self._queue_composites.get((queue, severity))
        region = Claims.regional(self).region
        problems = list(custom_alarm_problems(self.metrics, region, metric, evaluation_periods, datapoints_to_alarm))
        alarm_id = f"custom-{name}-{severity}"
        path = f"Queues/{queue}/{alarm_id}"
        if path in self.alarms:
            sentence = f"queue {queue} already has a {severity} alarm {name}: use another name"
            problems.insert(0, Problem.relation(("name",), sentence))
        if composite is None:
            choices = ", ".join(map(" ".join, self.composites))
            sentence = f"queue {queue} has no {severity} alarms: choose a queue and severity from {choices}"
            problems.insert(0, Problem.relation(("queue",), sentence))
        if composite is None or problems:
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
            alarm_description=describe(f"Queue {queue}", "custom", meaning, _CUSTOM_STEP, self._runbooks),
        )
        self.arns[path] = alarm.alarm_arn
        composite.add(self.arns[path])
        self.alarms[path] = cast(cloudwatch.CfnAlarm, alarm.node.default_child)
        self.metric_count += len(metric_stats(metric))
        return alarm
