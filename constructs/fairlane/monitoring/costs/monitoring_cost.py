"""Construct that estimates and limits the monthly cost of monitoring."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.checks import check_whole_number
from fairlane._internal.lambda_package import metrics_catalog
from fairlane.errors import ConfigurationError, Problem
from fairlane.hyperpod.monitoring.hyperpod_monitoring import HyperPodMonitoring
from fairlane.monitoring.alarms.fan_out_alarms import FanOutAlarms
from fairlane.monitoring.alarms.queue_alarms import QueueAlarms
from fairlane.monitoring.costs import MonitoringUse, MonthlyCost, QueueUse, monthly_cost
from fairlane.monitoring.costs.cluster_use import ClusterUse
from fairlane.monitoring.costs.estimate import LOG_RETENTION_DAYS, limit_problems
from fairlane.monitoring.dashboards.dashboard_problems import alarms_once, constructs_once, metrics_problems
from fairlane.monitoring.dashboards.queue_dashboard import QueueDashboard
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut, fan_out_problems


class MonitoringCost(Construct):
    """Estimate of the monthly cost of monitoring at list prices, with an optional limit.

    Creates no AWS resources; `print(cost.estimate.table())` shows the estimate at synth. The estimate includes metrics,
    alarms, dashboards, functions, SQS queues, logs and keys, as if every series had data all the time. Free tiers are
    not deducted.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        metrics: Exporters, including the exporters of all `alarms`. Empty only with `clusters`.
        alarms: Alarms on the exporters and on fan-outs. Default: none.
        dashboards: Dashboards of the exporters. Default: none.
        fan_outs: Fan-outs, including those of all `alarms`. Default: none.
        clusters: Monitoring of HyperPod clusters, with its alarms and dashboards. Default: none.
        keys: Number of KMS keys of topics. Default: 0.
        other_alarms: Number of other alarms on one metric each. Default: 0.
        log_retention_days: Number of days that the log groups of the constructs keep their events, 1 to 3653. Default:
            30, as the constructs do.
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
        alarms: Sequence[QueueAlarms | FanOutAlarms] = (),
        dashboards: Sequence[QueueDashboard] = (),
        fan_outs: Sequence[MonitoredFanOut] = (),
        clusters: Sequence[HyperPodMonitoring] = (),
        keys: int = 0,
        other_alarms: int = 0,
        log_retention_days: int = LOG_RETENTION_DAYS,
        limit_usd: float | None = None,
    ) -> None:
        problems = list(_problems(metrics, alarms, dashboards, fan_outs, clusters))
        problems += check_whole_number(("log_retention_days",), log_retention_days, 1, 3653, unit="days")
        estimate = partial(
            _estimate,
            [*metrics],
            [*alarms],
            [*fan_outs],
            [*clusters],
            len(dashboards),
            keys,
            other_alarms,
            log_retention_days,
        )
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
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms | FanOutAlarms],
    dashboards: Sequence[QueueDashboard],
    fan_outs: Sequence[MonitoredFanOut],
    clusters: Sequence[HyperPodMonitoring],
) -> Iterator[Problem]:
    yield from constructs_once("clusters", clusters, HyperPodMonitoring)
    exporter_problems = list(metrics_problems(metrics)) if metrics or not clusters else []
    yield from exporter_problems
    yield from (alarm_problems := list(alarms_once(alarms)))
    yield from constructs_once("dashboards", dashboards, QueueDashboard)
    yield from (own_problems := list(fan_out_problems(("fan_outs",), fan_outs)))
    if exporter_problems or alarm_problems or own_problems:
        return
    for index, own in enumerate(alarms):
        if isinstance(own, FanOutAlarms):
            if own.fan_out not in fan_outs:
                sentence = f"{own.node.path} watches fan-out {own.fan_out.name}, which is missing in fan_outs: add it"
                yield Problem.relation(("alarms", index), sentence)
        elif own.metrics not in metrics:
            exporter = own.metrics.node.path
            sentence = f"{own.node.path} watches {exporter}, which is missing in metrics: add it"
            yield Problem.relation(("alarms", index), sentence)


def _estimate(
    metrics: Sequence[JobMetrics],
    alarms: Sequence[QueueAlarms | FanOutAlarms],
    fan_outs: Sequence[MonitoredFanOut],
    clusters: Sequence[HyperPodMonitoring],
    dashboards: int,
    keys: int,
    other_alarms: int,
    log_retention_days: int,
) -> MonthlyCost:
    uses = []
    for exporter in metrics:
        is_first = exporter is metrics[0]
        # The alarms of fan-outs count with the first exporter, as the dashboards do.
        own_alarms = [own for own in alarms if (is_first if isinstance(own, FanOutAlarms) else own.metrics is exporter)]
        uses.append(
            MonitoringUse(
                region=cdk.Stack.of(exporter).region,
                queues=tuple(map(_use, exporter.queues.values())),
                interval_minutes=round(exporter.period.to_minutes()),
                fan_outs=tuple(len(fan_out.regions) for fan_out in fan_outs) if is_first else (),
                alarm_metrics=sum(queue_alarms.metric_count for queue_alarms in own_alarms)
                + (other_alarms if is_first else 0),
                composite_alarms=sum(queue_alarms.composite_count for queue_alarms in own_alarms),
                dashboards=dashboards if is_first else 0,
                keys=keys if is_first else 0,
            )
        )
    for number, cluster in enumerate(clusters):
        is_first = number == 0 and not metrics
        uses.append(_cluster_use(cluster, *(keys, other_alarms) if is_first else (0, 0)))
    uses = [replace(use, log_retention_days=log_retention_days) for use in uses]
    return monthly_cost(uses, metrics_catalog())


def _cluster_use(cluster: HyperPodMonitoring, keys: int, other_alarms: int) -> MonitoringUse:
    own = ClusterUse(groups=len(cluster.series.instance_groups), rules=cluster.rule_count)
    return MonitoringUse(
        region=cdk.Stack.of(cluster).region,
        clusters=(own,),
        alarm_metrics=cluster.metric_count + other_alarms,
        composite_alarms=cluster.composite_count,
        dashboards=int(cluster.dashboard is not None),
        keys=keys,
    )


def _use(queue: MonitoredQueue) -> QueueUse:
    return QueueUse(
        service=queue.service,
        shares=len(queue.shares),
        entitled=len(queue.entitled_shares),
        other=queue.imported or (bool(queue.shares) and not queue.quota_management),
        preemption=queue.quota_management or (queue.service and queue.imported),
        limit=bool(queue.limit),
    )
