"""Alarms on queues, their shares and the exporter of job metrics."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import methodcaller
from typing import Final, cast

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms import AlarmLimits, ExporterLimits, Limit
from fairlane.monitoring.alarms.alarm_names import (
    AlarmGroup,
    alarm_name,
    planned_names,
    prefix_of,
    prefix_problems,
    taken_problems,
)
from fairlane.monitoring.alarms.alarm_problems import Notify, alarm_problems, queue_choice_problems
from fairlane.monitoring.alarms.composed_alarms import ComposedAlarms
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

    The names of alarms are `<prefix>-<queue>-<kind>-<severity>` in lower case, with a share or reason before the
    severity: `fairlane-prod-training-oldest-wait-warning`. Those of composite alarms are `<prefix>-<queue>-<severity>`,
    and `exporter` is in the place of a queue for alarms on the exporter. A name of more than 255 characters is
    shortened, with a hash.

    Updates: limits and notification targets change in place. Another prefix, or another name of a queue, a share or a
    severity, replaces the alarm: the new alarm starts in the state INSUFFICIENT_DATA, and the history stays under the
    old name for as long as CloudWatch keeps it. A stack has room for the alarms of about 22 queues with 5 shares each.
    Unverified: not run against an AWS account. Sources: "Alarm evaluation", "Combining alarms" and "Configuring how
    CloudWatch alarms treat missing data" in the CloudWatch documentation.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        metrics: Exporter of the queues, in the same account and Region.
        queues: Names of the queues that have alarms. The alarms of the exporter do not depend on it. Default: all
            queues of `metrics`.
        notify: SNS topics, or ARNs of other alarm actions, in the Region of the alarms: a list for all severities, or a
            list for each severity, with at most 5 targets each. The targets are also notified of the state OK. A Lambda
            function must allow `lambda.alarms.cloudwatch.amazonaws.com` to invoke it. Default: none.
        limits: Limits of all queues. Default: those of `AlarmLimits`.
        queue_limits: Limits by queue name, which replace `limits` for that queue; `dataclasses.replace(limits, ...)`
            changes some of them. Default: none.
        exporter_limits: Limits of the exporter. Default: those of `ExporterLimits`.
        runbooks: Address of the folder with the runbooks, for links in the descriptions. Default: docs/runbooks.
        name_prefix: Prefix of the names of all alarms, 1 to 128 characters of A-Z, a-z, 0-9, - and _, known at synth.
            Default: the name of the stack.

    Attributes:
        metrics: Exporter of the queues.
        alarms: Alarms by path, for example `Queues/training-p4/oldest-wait-Warning`, added alarms included.
        arns: ARN of each alarm, by the same paths.
        composites: Composite alarms that notify, by queue and severity.
        exporter_composites: Composite alarms of the exporter that notify, by severity.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.

    Raises:
        ConfigurationError: If a limit, a target, a share, a reason or the prefix is not valid, or if another alarm in
            the account and Region has the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: JobMetrics,
        queues: Sequence[str] | None = None,
        notify: Notify = (),
        limits: AlarmLimits | None = None,
        queue_limits: Mapping[str, AlarmLimits] | None = None,
        exporter_limits: ExporterLimits | None = None,
        runbooks: str = RUNBOOKS,
        name_prefix: str | None = None,
    ) -> None:
        place = Claims.regional(scope)
        limits = AlarmLimits() if limits is None else limits
        exporter_limits = ExporterLimits() if exporter_limits is None else exporter_limits
        queue_limits = {} if queue_limits is None else queue_limits
        settings = (limits, queue_limits, exporter_limits, notify, runbooks)
        problems = [*alarm_problems(place, metrics, *settings), *prefix_problems(scope, name_prefix)]
        problems += queue_choice_problems(metrics, queues)
        if not problems:
            self._prefix = prefix_of(scope, name_prefix)
            queue_groups = dict(_queue_groups(self._prefix, metrics, queues, limits, queue_limits))
            exporter_groups = list(_exporter_groups(self._prefix, metrics, exporter_limits))
            names = [*chain(*map(planned_names, queue_groups.values())), *planned_names(*exporter_groups)]
            problems = list(taken_problems(place, names))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id, runbooks=runbooks)
        self.metrics = metrics
        queue_scope, exporter = Construct(self, "Queues"), Construct(self, "Exporter")
        self._queues = {name: Construct(queue_scope, name) for name in queue_groups}
        queue_alarms = {name: self._create(self._queues[name], group) for name, group in queue_groups.items()}
        exporter_queues = Construct(exporter, "Queues")
        scopes = [*(Construct(exporter_queues, name) for name in metrics.queues), exporter]
        exporter_alarms = [pair for pairs in map(self._create, scopes, exporter_groups) for pair in pairs]
        self._notify([*chain(*queue_alarms.values()), *exporter_alarms], notify)
        self._queue_composites = {
            (name, severity): composite
            for name, group in queue_groups.items()
            for severity, composite in self._compose(self._queues[name], group, queue_alarms[name])
        }
        self._exporter_composites = dict(self._compose(exporter, exporter_groups[-1], exporter_alarms))
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
            name: Name of the alarm, part of its path and, as `<prefix>-<queue>-custom-<name>-<severity>` in lower case,
                of its physical name. Unique for the queue and severity. Another name replaces the alarm.
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
        region = self._home.region
        problems = list(custom_alarm_problems(self.metrics, region, metric, evaluation_periods, datapoints_to_alarm))
        alarm_id = f"custom-{name}-{severity}"
        path = f"Queues/{queue}/{alarm_id}"
        physical_name = alarm_name(self._prefix, queue, "custom", name, severity)
        if is_token(name):
            problems.insert(0, Problem(("name",), name, "a name known at synth, because the alarm is named by it"))
        elif path in self.alarms:
            sentence = f"queue {queue} already has a {severity} alarm {name}: use another name"
            problems.insert(0, Problem.relation(("name",), sentence))
        else:
            problems[:0] = taken_problems(self._home, [physical_name], ("name",))
        if composite is None:
            choices = ", ".join(map(" ".join, self.composites))
            sentence = f"queue {queue} has no {severity} alarms: choose a queue and severity from {choices}"
            problems.insert(0, Problem.relation(("queue",), sentence))
        if composite is None or problems:
            raise ConfigurationError(f"{self.node.path}/{queue}/{name}", problems)
        alarm = cloudwatch.Alarm(
            self._queues[queue],
            alarm_id,
            alarm_name=physical_name,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison_operator,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=treat_missing_data,
            alarm_description=describe(f"Queue {queue}", "custom", meaning, _CUSTOM_STEP, self._runbooks),
        )
        underlying = cast(cloudwatch.CfnAlarm, alarm.node.default_child)
        self._add(path, physical_name, underlying)
        composite.add(underlying.ref)
        self.metric_count += len(metric_stats(metric))
        return alarm


def _queue_groups(
    prefix: str,
    metrics: JobMetrics,
    queues: Sequence[str] | None,
    limits: AlarmLimits,
    queue_limits: Mapping[str, AlarmLimits],
) -> Iterator[tuple[str, AlarmGroup]]:
    interval = _interval(metrics)
    for name in metrics.queues if queues is None else (name for name in metrics.queues if name in queues):
        kinds = queue_limits.get(name, limits).limits(interval)
        yield name, _queue_group(f"Queues/{name}", metrics, name, (prefix, name), kinds)


def _exporter_groups(prefix: str, metrics: JobMetrics, limits: ExporterLimits) -> Iterator[AlarmGroup]:
    """Yield the alarms on the polls of each queue, then those on the exporter as a whole."""
    kinds = list(limits.limits(_interval(metrics)))
    for name in metrics.queues:
        yield _queue_group(f"Exporter/Queues/{name}", metrics, name, (prefix, "exporter", name), kinds)
    sqs = ExporterQueues(
        events=metrics.events.queue_name,
        unused=metrics.dead_letters.queue_name,
        undelivered=metrics.rule_dead_letters.queue_name,
    )
    conditions = methodcaller("exporter_conditions", sqs)
    yield AlarmGroup(
        path="Exporter", subject=_EXPORTER, prefix=(prefix, "exporter"), limits=kinds, conditions=conditions
    )


def _queue_group(
    path: str, metrics: JobMetrics, name: str, prefix: tuple[str, ...], limits: Iterable[tuple[str, str, Limit]]
) -> AlarmGroup:
    series = QueueSeries(queue=metrics.queues[name], namespace=metrics.namespace, interval_minutes=_interval(metrics))
    conditions = methodcaller("queue_conditions", series)
    return AlarmGroup(path=path, subject=f"Queue {name}", prefix=prefix, limits=list(limits), conditions=conditions)


def _interval(metrics: JobMetrics) -> int:
    return round(metrics.period.to_minutes())
