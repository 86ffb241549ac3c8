"""Construct that estimates and limits the monthly cost of monitoring."""

from collections.abc import Iterator, Sequence
from functools import partial

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.costs import MonitoringUse, MonthlyCost, QueueUse, monthly_cost
from fairlane.monitoring.costs.estimate import limit_problems
from fairlane.monitoring.dashboards.dashboard_problems import constructs_once, metrics_problems
from fairlane.monitoring.dashboards.queue_dashboard import QueueDashboard
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue


class MonitoringCost(Construct):
    """Estimate of the monthly cost of monitoring at list prices, with an optional limit.

    Creates no AWS resources; `print(cost.estimate.table())` shows the estimate at synth. The estimate includes metrics,
    alarms, dashboards, functions, SQS queues, logs and keys, as if every series had data all the time. Free tiers are
    not deducted.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        metrics: Exporters, including the exporters of all `alarms`.
        alarms: Alarms on the exporters. Default: none.
        dashboards: Dashboards of the exporters. Default: none.
        keys: Number of KMS keys of topics. Default: 0.
        other_alarms: Number of other alarms on one metric each. Default: 0.
        limit_usd: Maximum of the estimate, in USD a month. It is checked once, with the alarms at that time, so call
            `add_alarm` first. Default: no limit.

    Raises:
        ConfigurationError: If an argument is not valid, or if the estimate exceeds the limit.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: Sequence[JobMetrics],
        alarms: Sequence[QueueAlarms] = (),
        dashboards: Sequence[QueueDashboard] = (),
        keys: int = 0,
        other_alarms: int = 0,
        limit_usd: float | None = None,
    ) -> None:
        problems = list(_problems(metrics, alarms, dashboards))
        estimate = partial(_estimate, [*metrics], [*alarms], len(dashboards), keys, other_alarms)
        if not problems and limit_usd is not None:
            problems = list(limit_problems(estimate(), limit_usd))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self._estimate = estimate

    @property
    def estimate(self) -> MonthlyCost:
        """Estimate with the current alarms; `estimate.table()` returns it as text."""
        return self._estimate()


def _problems(
    metrics: Sequence[JobMetrics], alarms: Sequence[QueueAlarms], dashboards: Sequence[QueueDashboard]
) -> Iterator[Problem]:
    yield from (exporter_problems := list(metrics_problems(metrics)))
    yield from (alarm_problems := list(constructs_once("alarms", alarms, QueueAlarms)))
    yield from constructs_once("dashboards", dashboards, QueueDashboard)
    if exporter_problems or alarm_problems:
        return
    for index, queue_alarms in enumerate(alarms):
        if queue_alarms.metrics not in metrics:
            exporter = queue_alarms.metrics.node.path
            sentence = f"{queue_alarms.node.path} watches {exporter}, which is missing in metrics: add it"
            yield Problem.relation(("alarms", index), sentence)


def _estimate(
    metrics: Sequence[JobMetrics], alarms: Sequence[QueueAlarms], dashboards: int, keys: int, other_alarms: int
) -> MonthlyCost:
    uses = []
    for exporter in metrics:
        own_alarms = [queue_alarms for queue_alarms in alarms if queue_alarms.metrics is exporter]
        is_first = exporter is metrics[0]
        uses.append(
            MonitoringUse(
                region=cdk.Stack.of(exporter).region,
                queues=tuple(map(_use, exporter.queues.values())),
                interval_minutes=round(exporter.period.to_minutes()),
                alarm_metrics=sum(queue_alarms.metric_count for queue_alarms in own_alarms)
                + (other_alarms if is_first else 0),
                composite_alarms=sum(queue_alarms.composite_count for queue_alarms in own_alarms),
                dashboards=dashboards if is_first else 0,
                keys=keys if is_first else 0,
            )
        )
    return monthly_cost(uses, metrics_catalog())


def _use(queue: MonitoredQueue) -> QueueUse:
    return QueueUse(
        service=queue.service,
        shares=len(queue.shares),
        entitled=len(queue.entitled_shares),
        other=queue.imported or (bool(queue.shares) and not queue.quota_management),
        preemption=queue.quota_management or (queue.service and queue.imported),
        limit=bool(queue.limit),
    )
