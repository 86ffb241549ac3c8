"""Monitoring of a HyperPod cluster."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import methodcaller
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_aps as aps
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import AnyKey, log_key_arn
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError
from fairlane.hyperpod.monitoring.event_log import EventLog, log_group_name
from fairlane.hyperpod.monitoring.event_metrics import ClusterSeries
from fairlane.hyperpod.monitoring.monitoring_problems import DASHBOARD, LOG_GROUP, monitoring_problems
from fairlane.hyperpod.monitoring.monitoring_rows import cluster_rows
from fairlane.hyperpod.monitoring.prometheus import PrometheusSeries, Rule, alert_manager_text, queries, rules_text
from fairlane.hyperpod.quota_table import QuotaRow
from fairlane.monitoring.alarms import HyperPodLimits
from fairlane.monitoring.alarms.alarm_names import AlarmGroup, planned_names, prefix_of, taken_problems
from fairlane.monitoring.alarms.alarm_problems import Notify
from fairlane.monitoring.alarms.composed_alarms import ComposedAlarms
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.dashboards.widgets import Widget, layout, size_problems

_SNS: Final = re.compile(r"arn:aws[a-z-]*:sns:\S+")


class HyperPodMonitoring(ComposedAlarms):
    """Monitoring of a HyperPod cluster: its events as metrics, alarms, alerts of Prometheus, and a dashboard.

    EventBridge writes changes of the cluster's state, the health of its nodes and its cluster events to a log group,
    and metric filters count them: no function runs. HyperPod sends cluster events only with continuous provisioning.
    The alarms notify through one composite alarm for each severity. They stay quiet while a cluster scales up: HyperPod
    then warns that nodes lost their orchestration-ready status, which does not count, and single failed attempts to
    provision instances do not count either.

    CloudWatch has no metrics of Kueue and of the training operator. With a Prometheus workspace, alerts of the
    workspace are about jobs: nothing is admitted, jobs wait, restart or are evicted. A workspace has one alert manager
    for all its rules, and CloudFormation sets it only as a property of the workspace, so that this construct does not
    change it: `alert_manager_definition` has the text.

    Put it into a stack of its own in the cluster's account and Region: it needs only names. A change of alarms then
    never updates the cluster, and the creation of the cluster is monitored as well.

    The names of alarms are `<prefix>-hyperpod-<cluster>-<kind>-<severity>` in lower case, with an instance group before
    the severity: `fairlane-prod-hyperpod-research-capacity-workers-warning`. Those of composite alarms are
    `<prefix>-hyperpod-<cluster>-<severity>`.

    Updates: all in place. Another prefix, instance group or severity replaces alarms, whose history stays under the old
    names. Another cluster name also creates another log group. Unverified: not run against an AWS account.
    Sources: "SageMaker HyperPod cluster events reference" and "Monitoring events" in the Amazon SageMaker AI Developer
    Guide; "CloudWatch Logs permissions" in the EventBridge documentation; AWS::Logs::LogGroup in the CloudFormation
    documentation, whose policy lets EventBridge write.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        cluster_name: Name of the cluster.
        instance_groups: Names of its instance groups.
        notify: SNS topics, or ARNs of other alarm actions, in the Region: a list for all severities, or a list for each
            severity, with at most 5 targets each. The targets are also notified of the state OK. Default: none.
        limits: Limits. Default: those of `HyperPodLimits`.
        quotas: Rows of the quota table on the dashboard, from `quota_rows`. Default: none.
        prometheus_workspace: ARN of the Amazon Managed Service for Prometheus workspace with the metrics of the
            cluster. Default: none, and no alerts on jobs.
        prometheus_labels: Labels that only the metrics of the cluster have in the workspace, for a workspace of several
            clusters. Default: none.
        dashboard_name: Name of the dashboard, 1 to 255 characters of A-Z, a-z, 0-9, - and _. Default: no dashboard.
        namespace: CloudWatch namespace of the metrics. Default: Fairlane.
        log_encryption_key: KMS key of the log group, or its ARN, as in `TrainingVpc`. Default: encryption with a key of
            CloudWatch Logs.
        runbooks: Address of the folder with the runbooks, for links in the descriptions. Default: docs/runbooks.
        name_prefix: Prefix of the names of all alarms, as in `QueueAlarms`. Default: the name of the stack.

    Attributes:
        cluster_name: Name of the cluster.
        series: Metrics of the cluster.
        event_log: Log group of the events, with its rules.
        alarms: Alarms by path, for example `research/hyperpod-capacity-workers-Warning`.
        arns: ARN of each alarm, by the same paths.
        composites: Composite alarms that notify, by severity.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.
        rule_count: Number of alerts in the workspace.
        rule_groups: Alerts in the workspace. None without a workspace.
        alert_manager_definition: Alert manager definition that sends the alerts to the topics in `notify`. None without
            a workspace or topics.
        dashboard: Dashboard. None without a name.

    Raises:
        ConfigurationError: If a name, a limit, a target or the workspace is not valid, or if another alarm in the
            account and Region has the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        instance_groups: Sequence[str],
        notify: Notify = (),
        limits: HyperPodLimits | None = None,
        quotas: Sequence[QuotaRow] = (),
        prometheus_workspace: str | None = None,
        prometheus_labels: Mapping[str, str] | None = None,
        dashboard_name: str | None = None,
        namespace: str | None = None,
        log_encryption_key: AnyKey | None = None,
        runbooks: str = RUNBOOKS,
        name_prefix: str | None = None,
    ) -> None:
        limits = HyperPodLimits() if limits is None else limits
        labels = {} if prometheus_labels is None else prometheus_labels
        problems = list(
            monitoring_problems(
                scope,
                cluster_name=cluster_name,
                instance_groups=instance_groups,
                notify=notify,
                limits=limits,
                quotas=quotas,
                prometheus_workspace=prometheus_workspace,
                prometheus_labels=labels,
                dashboard_name=dashboard_name,
                namespace=namespace,
                log_encryption_key=log_encryption_key,
                runbooks=runbooks,
                name_prefix=name_prefix,
            )
        )
        if not problems:
            named = {} if namespace is None else {"namespace": namespace}
            series = ClusterSeries(cluster=cluster_name, instance_groups=tuple(instance_groups), **named)
            group = _alarm_group(prefix_of(scope, name_prefix), series, limits)
            problems = list(taken_problems(Claims.regional(scope), planned_names(group)))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id, runbooks=runbooks)
        home = Claims.regional(scope)
        home.adopt(self)
        home.add(LOG_GROUP, log_group_name(cluster_name), self)
        self.cluster_name = cluster_name
        self.event_log = EventLog(
            self,
            "EventLog",
            cluster_name=cluster_name,
            group_count=len(instance_groups),
            namespace=series.namespace,
            log_key=log_key_arn(self, log_encryption_key),
        )
        rule_names = tuple(rule.ref for rule in self.event_log.rules)
        self.series = ClusterSeries(
            cluster=cluster_name, instance_groups=series.instance_groups, rules=rule_names, namespace=series.namespace
        )
        group = _alarm_group(prefix_of(scope, name_prefix), self.series, limits)
        alarms = self._create(Construct(self, "Alarms"), group)
        jobs = PrometheusSeries(labels=labels)
        rules = [
            (kind, severity, rule) for kind, severity, limit in limits.limits() for rule in limit.cluster_rules(jobs)
        ]
        alerts = [] if prometheus_workspace is None else [(severity, "") for _, severity, _ in rules]
        self._notify([*alarms, *alerts], notify)
        self._composites = dict(self._compose(Construct(self, "Notifications"), group, alarms))
        self.composites = {severity: composite.alarm for severity, composite in self._composites.items()}
        self.rule_count = len(alerts)
        self.rule_groups = self._rule_groups(prometheus_workspace, rules) if prometheus_workspace else None
        topics = {
            severity: [arn for arn in self._actions.get(severity, ()) if _is_topic(arn)] for severity, _ in alerts
        }
        topics = {severity: arns for severity, arns in topics.items() if arns}
        self.alert_manager_definition = alert_manager_text(topics, home.region) if topics else None
        self.dashboard = self._dashboard(dashboard_name, quotas, queries(jobs) if prometheus_workspace else {})

    @property
    def composite_count(self) -> int:
        """Number of composite alarms."""
        return sum(composite.count for composite in self._composites.values())

    def _rule_groups(self, workspace: str, rules: Sequence[tuple[str, str, Rule]]) -> aps.CfnRuleGroupsNamespace | None:
        if not rules:
            return None
        return aps.CfnRuleGroupsNamespace(
            self,
            "RuleGroups",
            name=f"fairlane-hyperpod-{self.cluster_name}",
            workspace=workspace,
            data=rules_text(self.cluster_name, rules, self._runbooks),
        )

    def _dashboard(
        self, name: str | None, quotas: Sequence[QuotaRow], shown_queries: Mapping[str, str]
    ) -> cloudwatch.CfnDashboard | None:
        if name is None:
            return None
        rows: Iterator[list[Widget]] = cluster_rows(
            self.series,
            region=cdk.Stack.of(self).region,
            composites=[alarm.attr_arn for alarm in self.composites.values()],
            alarms=list(self.arns.values()),
            quotas=quotas,
            queries=shown_queries,
        )
        widgets = list(rows)
        if problems := list(size_problems(widgets)):
            raise ConfigurationError(self.node.path, problems)
        Claims.account_wide(self).add(DASHBOARD, name, self)
        # Tokens in the body are ARNs and a Region, which contain nothing that JSON escapes.
        body = json.dumps({"start": "-P7D", "widgets": layout(widgets)}, separators=(",", ":"))
        return cloudwatch.CfnDashboard(self, "Dashboard", dashboard_name=name, dashboard_body=body)


def _is_topic(arn: str) -> bool:
    return is_token(arn) or _SNS.fullmatch(arn) is not None


def _alarm_group(prefix: str, series: ClusterSeries, limits: HyperPodLimits) -> AlarmGroup:
    """Return the alarms of a cluster. Their names do not depend on the rules in `series`."""
    return AlarmGroup(
        path=series.cluster,
        subject=f"HyperPod cluster {series.cluster}",
        prefix=(prefix, "hyperpod", series.cluster),
        limits=list(limits.limits()),
        conditions=methodcaller("cluster_conditions", series),
        kind_prefix="hyperpod_",
    )
