"""Stack with the monitoring of one HyperPod cluster."""

from dataclasses import fields
from typing import Any, Unpack

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import AlarmSettings, HyperPodModel, RegionModel
from fairlane.hyperpod import HyperPodMonitoring, quota_rows
from fairlane.monitoring import AlarmTopic, MonitoringCost
from fairlane.monitoring.alarms import HyperPodLimits
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane_stacks.notification_targets import alarm_targets
from fairlane_stacks.regional_stack import RegionalStack, StackSettings


class HyperPodMonitoringStack(RegionalStack):
    """Monitoring of one HyperPod cluster. The stack has names only, so its changes never update the cluster.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        cluster_name: Name of the cluster.
        cluster: Settings of the cluster.
        model: Settings of the Region.
        name_prefix: Prefix of the names of the alarms. Default: the name of the stack.
        dashboard_name: Name of the dashboard. None for no dashboard.
        settings: Account, Region, tags and termination protection.

    Attributes:
        topics: New SNS topics of the alarms.
        monitoring: Monitoring of the cluster.
        cost: Estimated cost of all monitoring, in the first stack of an environment without queues only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        cluster: HyperPodModel,
        model: RegionModel,
        name_prefix: str | None = None,
        dashboard_name: str | None,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        alarms = model.alarms or AlarmSettings()
        no_alarms: dict[str, Any] = {kind.name: {} for kind in fields(HyperPodLimits)}
        limits = alarms.hyperpod_limits if alarms.enabled else HyperPodLimits(**no_alarms)
        self.topics: list[AlarmTopic] = []
        self.cost: MonitoringCost | None = None
        self.monitoring = HyperPodMonitoring(
            self,
            "Monitoring",
            cluster_name=cluster_name,
            instance_groups=[group.group_name for group in cluster.instance_groups],
            notify=alarm_targets(self, alarms, severities(limits), self.topics) if alarms.enabled else [],
            limits=limits,
            quotas=quota_rows(cluster.governance, cluster.teams, cluster.instance_groups, cluster.node_pools),
            prometheus_workspace=cluster.prometheus_workspace,
            prometheus_labels=cluster.prometheus_labels,
            dashboard_name=dashboard_name,
            namespace=model.job_metrics.namespace if model.job_metrics else None,
            log_encryption_key=model.log_encryption_key,
            runbooks=alarms.runbooks,
            name_prefix=name_prefix,
        )
        if cluster.prometheus_workspace is not None and alarms.enabled:
            for topic in self.topics:
                topic.allow_alert_manager(cluster.prometheus_workspace)
        if self.monitoring.alert_manager_definition is not None:
            cdk.CfnOutput(self, "AlertManagerDefinition", value=self.monitoring.alert_manager_definition)
