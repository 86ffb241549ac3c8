"""Stack with the monitoring of the queues of one Region, and of the fan-outs whose home it is."""

from collections.abc import Sequence
from typing import Any, Unpack

from constructs import Construct

from fairlane.environment import AlarmSettings, Environment, RegionModel
from fairlane.monitoring import (
    AlarmTopic,
    FanOutAlarms,
    JobMetrics,
    MonitoredFanOut,
    MonitoringCost,
    QueueAlarms,
    QueueDashboard,
)
from fairlane.monitoring.alarms import AlarmLimits
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane_stacks.notification_targets import Notify, alarm_targets
from fairlane_stacks.regional_stack import RegionalStack, StackSettings
from fairlane_stacks.training_stack import TrainingStack


class MonitoringStack(RegionalStack):
    """Monitoring of the queues of one Region. The stack has the names of the queues, and no reference to other stacks.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        training: Stack with the queues.
        model: Settings of the Region.
        name_prefix: Prefix of the names of the alarms. Default: the name of the stack.
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
        name_prefix: str | None = None,
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
        self._runbooks, self._name_prefix = alarms.runbooks, name_prefix
        self.topics: list[AlarmTopic] = []
        self.dashboards: list[QueueDashboard] = []
        self.cost: MonitoringCost | None = None
        self.fan_outs = list(fan_outs)
        queue_limits = {
            name: queue.alarms.with_fallback(alarms.queue_limits)
            for name, queue in model.queues.items()
            if queue.alarms
        }
        used = severities(alarms.queue_limits, *queue_limits.values(), alarms.exporter_limits)
        own = severities(alarms.fan_out_limits) if self.fan_outs else []
        notify = alarm_targets(self, alarms, [*used, *own], self.topics) if alarms.enabled else []
        self.alarms = self._alarms(alarms, queue_limits, _of_severities(notify, used)) if alarms.enabled else None
        self.fan_out_alarms = self._fan_out_alarms(alarms, notify) if alarms.enabled else []

    @property
    def all_alarms(self) -> list[QueueAlarms | FanOutAlarms]:
        """Alarms of the stack."""
        return [*([self.alarms] if self.alarms else []), *self.fan_out_alarms]

    def _alarms(self, alarms: AlarmSettings, queue_limits: dict[str, AlarmLimits], notify: Notify) -> QueueAlarms:
        return QueueAlarms(
            self,
            "Alarms",
            metrics=self.job_metrics,
            notify=notify,
            limits=alarms.queue_limits,
            queue_limits=queue_limits,
            exporter_limits=alarms.exporter_limits,
            runbooks=alarms.runbooks,
            name_prefix=self._name_prefix,
        )

    def _fan_out_alarms(self, alarms: AlarmSettings, notify: Notify) -> list[FanOutAlarms]:
        if not self.fan_outs:
            return []
        parent = Construct(self, "FanOuts")
        common: Any = {
            "notify": notify,
            "limits": alarms.fan_out_limits,
            "runbooks": alarms.runbooks,
            "name_prefix": self._name_prefix,
        }
        return [FanOutAlarms(parent, fan_out.name, fan_out=fan_out, **common) for fan_out in self.fan_outs]

    def add_dashboards(self, name: str, environment: Environment, stacks: Sequence["MonitoringStack"]) -> None:
        """Add the dashboards of all Regions and of the teams.

        If the queues do not fit on one dashboard, there are further dashboards `<prefix>-<name>-2`, `-3` and so on.

        Args:
            name: Name of the environment.
            environment: Content of the environment file.
            stacks: Monitoring stacks of all Regions.
        """
        dashboard, metrics = environment.dashboard, [stack.job_metrics for stack in stacks]
        common: Any = {"metrics": metrics, "percentiles": dashboard.percentiles, "runbooks": self._runbooks}
        fan_outs = [fan_out for stack in stacks for fan_out in stack.fan_outs]
        if dashboard.enabled:
            alarms, prefix = self.all_alarms, environment.stack_name(name, environment.region)
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


def _of_severities(notify: Notify, used: Sequence[str]) -> Notify:
    """Return the targets of the severities that alarms use."""
    return {key: targets for key, targets in notify.items() if key in used} if isinstance(notify, dict) else notify
