"""Stack with the monitoring of the queues of one Region, and of the fan-outs whose home it is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias, Unpack

from constructs import Construct

from fairlane import ConfigurationError, Problem
from fairlane.environment import AlarmSettings, Environment, RegionModel
from fairlane.monitoring import (
    AlarmTopic,
    FanOutAlarms,
    JobMetrics,
    MonitoredFanOut,
    MonitoringCost,
    QueueAlarms,
    QueueDashboard,
    Target,
)
from fairlane_stacks.images_stacks import ReplicasStack
from fairlane_stacks.notification_targets import notification_targets
from fairlane_stacks.regional_stack import RegionalStack, StackSettings
from fairlane_stacks.training_stack import TrainingStack

_Notify: TypeAlias = list[Target] | dict[str, list[Target]]


class MonitoringStack(RegionalStack):
    """Monitoring of the queues of one Region. The stack has the names of the queues, and no reference to other stacks.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        training: Stack with the queues.
        model: Settings of the Region.
        fan_outs: Fan-outs whose home is the Region. Default: none.
        settings: Account, Region, tags and termination protection.

    Attributes:
        job_metrics: Exporter of the metrics.
        topics: New SNS topics of the alarms.
        alarms: Alarms on the queues and the exporter. None if alarms are turned off.
        fan_outs: Fan-outs whose home is the Region.
        fan_out_alarms: Alarms on the fan-outs.
        dashboards: Dashboards of all Regions, in the first monitoring stack only.
        cost: Estimated cost of the monitoring of all Regions, in the first monitoring stack only.
    """

    suppress_indentation = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        training: TrainingStack,
        model: RegionModel,
        fan_outs: Sequence[MonitoredFanOut] = (),
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        assert model.job_metrics is not None
        hints = {name: queue.instance_type for name, queue in model.training_queues.items() if queue.instance_type}
        self.job_metrics = JobMetrics(
            self,
            "JobMetrics",
            queues=[*training.training_queues.values(), *training.gpu_queues.values()],
            instance_types=hints,
            log_encryption_key=model.log_encryption_key,
            **dict(model.job_metrics),
        )
        alarms = model.alarms or AlarmSettings()
        self._runbooks = alarms.runbooks
        self.topics: list[AlarmTopic] = []
        self.dashboards: list[QueueDashboard] = []
        self.cost: MonitoringCost | None = None
        self.fan_outs = list(fan_outs)
        notify = self._notify(alarms) if alarms.enabled else []
        self.alarms = self._alarms(alarms, model, notify) if alarms.enabled else None
        self.fan_out_alarms = self._fan_out_alarms(alarms, notify) if alarms.enabled else []

    @property
    def all_alarms(self) -> list[QueueAlarms | FanOutAlarms]:
        """Alarms of the stack."""
        return [*([self.alarms] if self.alarms else []), *self.fan_out_alarms]

    def _alarms(self, alarms: AlarmSettings, model: RegionModel, notify: _Notify) -> QueueAlarms:
        limits = alarms.queue_limits
        queue_limits = {
            name: queue.alarms.with_fallback(limits) for name, queue in model.queues.items() if queue.alarms
        }
        return QueueAlarms(
            self,
            "Alarms",
            metrics=self.job_metrics,
            notify=notify,
            limits=limits,
            queue_limits=queue_limits,
            exporter_limits=alarms.exporter_limits,
            runbooks=alarms.runbooks,
        )

    def _fan_out_alarms(self, alarms: AlarmSettings, notify: _Notify) -> list[FanOutAlarms]:
        if not self.fan_outs:
            return []
        parent = Construct(self, "FanOuts")
        limits, runbooks = alarms.fan_out_limits, alarms.runbooks
        return [
            FanOutAlarms(parent, fan_out.name, fan_out=fan_out, notify=notify, limits=limits, runbooks=runbooks)
            for fan_out in self.fan_outs
        ]

    def _notify(self, alarms: AlarmSettings) -> _Notify:
        if not isinstance(alarms.notify, dict):
            return notification_targets(self, "AlarmTopic", alarms.notify, self.topics)
        parent = Construct(self, "AlarmTopics")
        return {
            severity: notification_targets(parent, severity, targets, self.topics)
            for severity, targets in alarms.notify.items()
        }

    def add_dashboards_and_cost(
        self,
        name: str,
        environment: Environment,
        stacks: Sequence["MonitoringStack"],
        replicas: Sequence[ReplicasStack],
    ) -> None:
        """Add the dashboards of all Regions and of the teams, and the estimated cost of all monitoring.

        If the queues do not fit on one dashboard, there are further dashboards `fairlane-<name>-2`, `-3` and so on.

        Args:
            name: Name of the environment.
            environment: Content of the environment file.
            stacks: Monitoring stacks of all Regions.
            replicas: Stacks of replicas, which also have alarms.

        Raises:
            ConfigurationError: If the estimated cost is above `monitoring_cost_limit`.
        """
        dashboard, metrics = environment.dashboard, [stack.job_metrics for stack in stacks]
        common: Any = {"metrics": metrics, "percentiles": dashboard.percentiles, "runbooks": self._runbooks}
        fan_outs = [fan_out for stack in stacks for fan_out in stack.fan_outs]
        if dashboard.enabled:
            alarms, prefix = self.all_alarms, f"fairlane-{name}"
            groups = QueueDashboard.groups(metrics, percentiles=dashboard.percentiles, fan_outs=fan_outs)
            for number, queues in enumerate(groups, 1):
                suffix = f"-{number}" if number > 1 else ""
                queue_dashboard = QueueDashboard(
                    self,
                    f"Dashboard{suffix}",
                    dashboard_name=f"{prefix}{suffix}",
                    alarms=alarms,
                    fan_outs=fan_outs if number == 1 else [],
                    queues=queues,
                    **common,
                )
                self.dashboards.append(queue_dashboard)
            teams = Construct(self, "Teams")
            self.dashboards += [
                QueueDashboard(teams, team, dashboard_name=f"{prefix}-{team}", shares=shares, **common)
                for team, shares in dashboard.teams.items()
            ]
        try:
            self.cost = MonitoringCost(
                self,
                "Cost",
                metrics=metrics,
                alarms=[alarms for stack in stacks for alarms in stack.all_alarms],
                dashboards=self.dashboards,
                fan_outs=fan_outs,
                keys=sum(len(stack.topics) for stack in stacks) + sum(len(stack.topics) for stack in replicas),
                other_alarms=len([stack for stack in replicas if stack.alarm]),
                limit_usd=environment.monitoring_cost_limit,
            )
        except ConfigurationError as error:
            problems = (_in_file_keys(problem) for problem in error.problems)
            raise ConfigurationError(error.subject, problems) from error


def _in_file_keys(problem: Problem) -> Problem:
    """Return the problem with the path of the key in the environment file."""
    return replace(problem, field=("monitoring_cost_limit",)) if problem.field == ("limit_usd",) else problem
