"""Stacks with the monitoring of the queues of one Region, and of the fan-outs whose home it is."""

from collections.abc import Sequence
from typing import Any, Final, Unpack

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from fairlane.environment import AlarmSettings, RegionModel
from fairlane.monitoring import (
    AlarmTopic,
    FanOutAlarms,
    JobMetrics,
    MonitoredFanOut,
    MonitoringCost,
    QueueAlarms,
    QueueDashboard,
)
from fairlane.monitoring.alarms import ExporterLimits, Target
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane_stacks.monitoring_room import Size
from fairlane_stacks.monitoring_sizes import first_size, queue_sizes
from fairlane_stacks.notification_targets import Notify, alarm_targets
from fairlane_stacks.regional_stack import RegionalStack, StackSettings
from fairlane_stacks.training_stack import TrainingStack

_NO_EXPORTER_ALARMS: Final = ExporterLimits(stale={}, dead_letters={}, truncated={})


class MonitoringStack(RegionalStack):
    """Monitoring of the queues of one Region. The stack has the names of the queues, and no reference to other stacks.

    The alarms of queues that do not fit into the stack are in `further` stacks.

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
        alarms: Alarms on the exporter, and on the queues that are not in further stacks. None before `add_alarms`, and
            if alarms are turned off.
        further: Further stacks of the Region, from number 2.
        fan_outs: Fan-outs whose home is the Region.
        fan_out_alarms: Alarms on the fan-outs.
        dashboards: Dashboards of all Regions, in the first monitoring stack only.
        cost: Estimated cost of the monitoring of all Regions, in the first monitoring stack only.
        settings: Settings of the alarms.
        smallest_number: Smallest number of monitoring stacks of the Region.
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
            interval_minutes=model.job_metrics.interval_minutes,
            namespace=model.job_metrics.namespace,
        )
        self.smallest_number = model.job_metrics.stacks
        self.settings = alarms = model.alarms or AlarmSettings()
        self.topics: list[AlarmTopic] = []
        self.alarms: QueueAlarms | None = None
        self.further: list[FurtherMonitoringStack] = []
        self.fan_outs = list(fan_outs)
        self.fan_out_alarms: list[FanOutAlarms] = []
        self.dashboards: list[QueueDashboard] = []
        self.cost: MonitoringCost | None = None
        self._name_prefix = construct_id if name_prefix is None else name_prefix
        self._queue_limits = {
            name: queue.alarms.with_fallback(alarms.queue_limits)
            for name, queue in model.queues.items()
            if queue.alarms
        }
        self._queue_severities = severities(alarms.queue_limits, *self._queue_limits.values())
        used = [*self._queue_severities, *severities(alarms.exporter_limits)]
        own = severities(alarms.fan_out_limits) if self.fan_outs else []
        self._notify = alarm_targets(self, alarms, [*used, *own], self.topics) if alarms.enabled else []

    @property
    def all_alarms(self) -> list[QueueAlarms | FanOutAlarms]:
        """Alarms of the Region, in this stack and in further stacks."""
        alarms = (self.alarms, *(stack.alarms for stack in self.further))
        return [*(own for own in alarms if own is not None), *self.fan_out_alarms]

    @property
    def queue_sizes(self) -> dict[str, Size]:
        """Estimated size of the alarms of each queue."""
        return queue_sizes(self.job_metrics, self.settings, self._queue_limits) if self.settings.enabled else {}

    @property
    def first_size(self) -> Size:
        """Estimated size of this stack without the alarms of queues and without dashboards."""
        return first_size(self.job_metrics, self.settings, self.fan_outs, len(self.topics))

    def add_alarms(self, queues: Sequence[str] | None = None) -> None:
        """Add the alarms on the exporter, on fan-outs and on queues, unless alarms are turned off.

        Args:
            queues: Names of the queues. Default: all queues.
        """
        alarms = self.settings
        if not alarms.enabled:
            return
        used = [*self._queue_severities, *severities(alarms.exporter_limits)]
        notify = _of_severities(self._notify, used)
        self.alarms = self._queue_alarms(self, queues, alarms.exporter_limits, notify)
        if not self.fan_outs:
            return
        parent = Construct(self, "FanOuts")
        common: Any = {
            "notify": self._notify,
            "limits": alarms.fan_out_limits,
            "runbooks": alarms.runbooks,
            "name_prefix": self._name_prefix,
        }
        self.fan_out_alarms = [
            FanOutAlarms(parent, fan_out.name, fan_out=fan_out, **common) for fan_out in self.fan_outs
        ]

    def add_further(self, construct_id: str, queues: Sequence[str], **settings: Unpack[StackSettings]) -> None:
        """Add a further stack with the alarms of some queues, which is deployed after the stacks before it.

        An update may move alarms to a stack with a higher number: then the stack that loses them is deployed first, or
        CloudFormation refuses the names of the alarms as existing.

        Args:
            construct_id: Id and name of the stack.
            queues: Names of the queues, possibly none.
            settings: Account, Region, tags and termination protection.
        """
        scope = self.node.scope
        assert isinstance(scope, Construct)
        stack = FurtherMonitoringStack(scope, construct_id, **settings)
        stack.add_stack_dependency(self.further[-1] if self.further else self)
        self.further.append(stack)
        if self.settings.enabled and queues:
            notify = self._shared(stack, _of_severities(self._notify, self._queue_severities))
            stack.alarms = self._queue_alarms(stack, queues, _NO_EXPORTER_ALARMS, notify)

    def _queue_alarms(
        self, scope: cdk.Stack, queues: Sequence[str] | None, exporter_limits: ExporterLimits, notify: Notify
    ) -> QueueAlarms:
        return QueueAlarms(
            scope,
            "Alarms",
            metrics=self.job_metrics,
            queues=queues,
            notify=notify,
            limits=self.settings.queue_limits,
            queue_limits=self._queue_limits,
            exporter_limits=exporter_limits,
            runbooks=self.settings.runbooks,
            name_prefix=self._name_prefix,
        )

    def _shared(self, stack: cdk.Stack, notify: Notify) -> Notify:
        """Return the targets for alarms of another stack, which reads the ARNs of new topics from SSM parameters.

        CloudFormation refuses to remove a topic whose ARN another stack imports. With a parameter, it does not.
        """
        if isinstance(notify, dict):
            return {severity: self._shared_targets(stack, targets) for severity, targets in notify.items()}
        return self._shared_targets(stack, notify)

    def _shared_targets(self, stack: cdk.Stack, targets: Sequence[Target]) -> list[Target]:
        names: dict[Target, str] = {topic.topic: self._topic_parameter(topic) for topic in self.topics}
        return [
            target if isinstance(target, str) else ssm.StringParameter.value_for_string_parameter(stack, names[target])
            for target in targets
        ]

    def _topic_parameter(self, topic: AlarmTopic) -> str:
        """Return the name of the SSM parameter with the ARN of a topic."""
        name = f"/{self.stack_name}{topic.node.path.removeprefix(self.node.path)}"
        if topic.node.try_find_child("Arn") is None:
            description = "ARN of the SNS topic of alarms, for further monitoring stacks"
            ssm.CfnParameter(
                topic, "Arn", type="String", name=name, value=topic.topic.topic_arn, description=description
            )
        return name


class FurtherMonitoringStack(RegionalStack):
    """Monitoring stack from number 2 on: alarms of queues, and dashboards.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        settings: Account, Region, tags and termination protection.

    Attributes:
        alarms: Alarms on some queues of the Region. None if there are none.
    """

    suppress_indentation = True
    alarms: QueueAlarms | None = None


def _of_severities(notify: Notify, used: Sequence[str]) -> Notify:
    """Return the targets of the severities that alarms use."""
    return {key: targets for key, targets in notify.items() if key in used} if isinstance(notify, dict) else notify
