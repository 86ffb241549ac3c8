"""The stack of one Region that watches its queues."""

from collections.abc import Sequence
from typing import Any, Unpack

from constructs import Construct

from fairlane.environment import AlarmSettings, Environment, RegionModel
from fairlane.monitoring import AlarmTopic, JobMetrics, MonitoringCost, QueueAlarms, QueueDashboard, Target
from fairlane_stacks.images_stacks import ReplicasStack
from fairlane_stacks.notification_targets import targets_of
from fairlane_stacks.regional_stack import RegionalStack, StackSettings
from fairlane_stacks.training_stack import TrainingStack


class MonitoringStack(RegionalStack):
    """What watches the queues of one Region: it knows them by their names, and refers to nothing in another stack.

    Args:
        scope: where it goes.
        construct_id: its id, and the stack's name.
        training: the stack that has the queues.
        model: what the environment file says of the Region.
        settings: Account, Region, tags and termination protection.

    Attributes:
        job_metrics: the exporter.
        topics: those that alarms publish to, as far as they are made here.
        alarms: on the queues and the exporter, if there are any.
        dashboards: in one of several Regions, those of all.
        cost: there too, what all of it costs a month.
    """

    suppress_indentation = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        training: TrainingStack,
        model: RegionModel,
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
            **dict(model.job_metrics),
        )
        alarms = model.alarms or AlarmSettings()
        self._runbooks = alarms.runbooks
        self.topics: list[AlarmTopic] = []
        self.dashboards: list[QueueDashboard] = []
        self.cost: MonitoringCost | None = None
        self.alarms = self._alarms(alarms, model) if alarms.enabled else None

    def _alarms(self, alarms: AlarmSettings, model: RegionModel) -> QueueAlarms:
        limits = alarms.queue_limits
        special = {name: queue.alarms.over(limits) for name, queue in model.queues.items() if queue.alarms}
        return QueueAlarms(
            self,
            "Alarms",
            metrics=self.job_metrics,
            notify=self._notify(alarms),
            limits=limits,
            queue_limits=special,
            exporter_limits=alarms.exporter_limits,
            runbooks=alarms.runbooks,
        )

    def _notify(self, alarms: AlarmSettings) -> list[Target] | dict[str, list[Target]]:
        if not isinstance(alarms.notify, dict):
            return targets_of(self, "AlarmTopic", alarms.notify, self.topics)
        inside = Construct(self, "AlarmTopics")
        return {severity: targets_of(inside, severity, some, self.topics) for severity, some in alarms.notify.items()}

    def show(
        self,
        name: str,
        environment: Environment,
        stacks: Sequence["MonitoringStack"],
        replicas: Sequence[ReplicasStack],
    ) -> None:
        """Makes the dashboard of all queues in all Regions and one of each team, and tells what monitoring costs.

        Where one dashboard has no room for all queues, others follow it: `fairlane-<name>-2` and so on.

        Args:
            name: of the environment.
            environment: its file.
            stacks: those of all Regions.
            replicas: the stacks of images, which have alarms, too.
        """
        dashboard, metrics = environment.dashboard, [stack.job_metrics for stack in stacks]
        common: Any = {"metrics": metrics, "percentiles": dashboard.percentiles, "runbooks": self._runbooks}
        if dashboard.enabled:
            of_all, prefix = [self.alarms] if self.alarms else [], f"fairlane-{name}"
            groups = QueueDashboard.groups(metrics, percentiles=dashboard.percentiles)
            for number, queues in enumerate(groups, 1):
                end = f"-{number}" if number > 1 else ""
                one = QueueDashboard(
                    self,
                    f"Dashboard{end}",
                    dashboard_name=f"{prefix}{end}",
                    alarms=of_all,
                    queues=queues,
                    **common,
                )
                self.dashboards.append(one)
            teams = Construct(self, "Teams")
            self.dashboards += [
                QueueDashboard(teams, team, dashboard_name=f"{prefix}-{team}", shares=shares, **common)
                for team, shares in dashboard.teams.items()
            ]
        self.cost = MonitoringCost(
            self,
            "Cost",
            metrics=metrics,
            alarms=[stack.alarms for stack in stacks if stack.alarms],
            dashboards=self.dashboards,
            keys=sum(len(stack.topics) for stack in stacks) + sum(len(stack.topics) for stack in replicas),
            other_alarms=len([stack for stack in replicas if stack.alarm]),
            limit_usd=environment.monitoring_cost_limit,
        )
