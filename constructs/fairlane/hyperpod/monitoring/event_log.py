"""Log group of the events of a HyperPod cluster, with its rules and metric filters."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.hyperpod.monitoring.event_metrics import EventMetric, event_metrics

LOG_PREFIX: Final = "/aws/events/fairlane/hyperpod"

_RETENTION_DAYS: Final = 30
_EVENT: Final = "SageMaker HyperPod Cluster Event"
_STATES: Final = ("SageMaker HyperPod Cluster State Change", "SageMaker HyperPod Cluster Node Health Event")
_WRITERS: Final = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]


def log_group_name(cluster_name: str) -> str:
    """Return the name of the log group of a cluster."""
    return f"{LOG_PREFIX}/{cluster_name}"


class EventLog(Construct):
    """Log group of a cluster's events. EventBridge writes them, and metric filters count them: no function runs.

    The policy that lets EventBridge write is part of the log group. A Region has room for 10 other policies of
    CloudWatch Logs, which this construct does not use.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        cluster_name: Name of the cluster.
        group_count: Number of instance groups.
        namespace: Namespace of the metrics.
        log_key: ARN of the KMS key. None for a key of CloudWatch Logs.

    Attributes:
        log_group: Log group.
        rules: EventBridge rules.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        group_count: int,
        namespace: str,
        log_key: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        home, name = Claims.regional(scope), log_group_name(cluster_name)
        arn = f"{ARN}:logs:{home.region}:{home.account}:log-group:{name}"
        self.log_group = logs.CfnLogGroup(
            self,
            "Resource",
            log_group_name=name,
            retention_in_days=_RETENTION_DAYS,
            log_group_class="STANDARD",  # no other class has metric filters
            kms_key_id=log_key,
            resource_policy_document=_write_policy(arn, home),
        )
        self.log_group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        by_name = {"ClusterName": [cluster_name]}
        patterns: Mapping[str, Mapping[str, Any]] = {
            "States": {"detail-type": [*_STATES], "detail": by_name},
            "Events": {"detail-type": [_EVENT], "detail": {"EventDetails": by_name}},
        }
        self.rules = [self._rule(construct_id, pattern, arn) for construct_id, pattern in patterns.items()]
        for number, metric in enumerate(event_metrics(group_count)):
            self._filter(f"{metric.name}{number}", metric, namespace)

    def _rule(self, construct_id: str, pattern: Mapping[str, Any], log_group_arn: str) -> events.CfnRule:
        rule = events.CfnRule
        target = rule.TargetProperty(arn=log_group_arn, id="Log")
        own = rule(self, construct_id, event_pattern={"source": ["aws.sagemaker"], **pattern}, targets=[target])
        own.add_resource_dependency(self.log_group)
        return own

    def _filter(self, construct_id: str, metric: EventMetric, namespace: str) -> None:
        own = logs.CfnMetricFilter
        own(
            self,
            construct_id,
            log_group_name=self.log_group.ref,
            filter_pattern=metric.pattern,
            metric_transformations=[
                own.MetricTransformationProperty(
                    metric_name=metric.name,
                    metric_namespace=namespace,
                    metric_value=metric.value,
                    unit="Count",
                    dimensions=[
                        own.DimensionProperty(key=key, value=selector) for key, selector in metric.dimensions.items()
                    ],
                )
            ],
        )


def _write_policy(log_group_arn: str, home: Claims) -> dict[str, Any]:
    """Return the policy of "CloudWatch Logs permissions" in the EventBridge documentation."""
    statement = {"Effect": "Allow", "Principal": {"Service": _WRITERS}, "Resource": f"{log_group_arn}:*"}
    rules = f"{ARN}:events:{home.region}:{home.account}:rule/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "CreateStreams", "Action": ["logs:CreateLogStream"], **statement},
            {
                "Sid": "PutEvents",
                "Action": ["logs:PutLogEvents"],
                "Condition": {"ArnLike": {"aws:SourceArn": rules}},
                **statement,
            },
        ],
    }
