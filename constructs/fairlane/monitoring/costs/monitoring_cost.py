"""What monitoring costs a month."""

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
    """An estimate of what monitoring costs a month at list prices, and a limit that it must not pass.

    It makes nothing: `print(cost.estimate.table())` tells at synth. Metrics, alarms, dashboards, functions, queues of
    events, logs and keys are in it, as if every series had data all the time; free tiers are not deducted.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        metrics: the exporters, those of all `alarms` among them.
        alarms: on them.
        dashboards: of them.
        keys: how many keys of KMS there are for topics.
        other_alarms: how many other alarms there are, of a metric each.
        limit_usd: the most that it may be estimated at; none by default. It is held to once, with the alarms that there
            are by then: call `add_alarm` before.

    Raises:
        ConfigurationError: with every mistake, or if it is estimated at more than the limit.
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
        """Line by line, with the alarms that there are now; `estimate.table()` for people."""
        return self._estimate()


def _problems(
    metrics: Sequence[JobMetrics], alarms: Sequence[QueueAlarms], dashboards: Sequence[QueueDashboard]
) -> Iterator[Problem]:
    yield from (wrong := list(metrics_problems(metrics)))
    yield from (wrong_alarms := list(constructs_once("alarms", alarms, QueueAlarms)))
    yield from constructs_once("dashboards", dashboards, QueueDashboard)
    if wrong or wrong_alarms:
        return
    for index, some in enumerate(alarms):
        if some.metrics not in metrics:
            yield Problem(("alarms", index), some.node.path, f"with {some.metrics.node.path} in metrics")


def _estimate(
    metrics: Sequence[JobMetrics], alarms: Sequence[QueueAlarms], dashboards: int, keys: int, other_alarms: int
) -> MonthlyCost:
    uses = [
        MonitoringUse(
            region=cdk.Stack.of(one).region,
            queues=tuple(map(_use, one.queues.values())),
            interval_minutes=round(one.period.to_minutes()),
            alarm_metrics=sum(some.metric_count for some in alarms if some.metrics is one)
            + (other_alarms if one is metrics[0] else 0),
            composite_alarms=sum(some.composite_count for some in alarms if some.metrics is one),
            dashboards=dashboards if one is metrics[0] else 0,
            keys=keys if one is metrics[0] else 0,
        )
        for one in metrics
    ]
    return monthly_cost(uses, metrics_catalog())


def _use(queue: MonitoredQueue) -> QueueUse:
    return QueueUse(
        service=queue.service,
        shares=len(queue.shares),
        entitled=len(queue.entitled_shares),
        other=queue.elsewhere or (bool(queue.shares) and not queue.quotas),
        preemption=queue.quotas or (queue.service and queue.elsewhere),
        limit=bool(queue.limit),
    )
