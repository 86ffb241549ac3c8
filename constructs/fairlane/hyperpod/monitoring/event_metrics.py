"""Metrics that metric filters of CloudWatch Logs read from the events of a HyperPod cluster. Imports no aws_cdk.

A metric filter publishes no zeros here, because AWS refuses a default value beside dimensions. A wildcard in a pattern
stands only at the start or the end of a text. The patterns do not use `detail.EventDetails.EventDetails.EventMetadata`,
where AWS documents the reason of a failure: on live clusters its parts were null in events
(awslabs/awsome-distributed-ai, July 2026).

Sources: "SageMaker HyperPod cluster events reference" in the Amazon SageMaker AI Developer Guide; "Filter pattern
syntax" in the CloudWatch Logs documentation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.monitoring.series import Series

CLUSTER: Final = "ClusterName"
INSTANCE_GROUP: Final = "InstanceGroupName"
MOST_GROUPS: Final = 40
"""Number of instance groups whose instances are counted: a log group has at most 100 metric filters."""

_EVENT: Final = "$.detail.EventDetails"
_DESCRIPTION: Final = f"{_EVENT}.Description"
_BY_CLUSTER: Final = {CLUSTER: "$.detail.ClusterName"}
_BY_EVENT: Final = {CLUSTER: f"{_EVENT}.ClusterName"}
_BY_EVENT_GROUP: Final = {**_BY_EVENT, INSTANCE_GROUP: f"{_EVENT}.InstanceGroupName"}

_NOISE: Final = '"*lost orchestration-ready status*"'
"""Warnings while a cluster scales, at the level Warn, with the message "Request to service failed"."""
_NOT_PROVISIONED: Final = ('"Failed to provision EC2 Instance*"', '"Instance creation in Cluster *"')
"""Two events of the level Error for the same instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMetric:
    """Metric filter of the events.

    Args:
        name: Name of the metric.
        pattern: Filter pattern of CloudWatch Logs.
        dimensions: Selectors of the values of dimensions, by name.
        value: Number, or selector of the value.
        statistic: Statistic of alarms and graphs.
    """

    name: str
    pattern: str
    dimensions: Mapping[str, str]
    value: str = "1"
    statistic: str = "Sum"


def event_metrics(group_count: int) -> Iterator[EventMetric]:
    """Yield the metric filters of a cluster.

    Args:
        group_count: Number of instance groups. The instances of the first 40 are counted.
    """
    status = "$.detail.ClusterStatus"
    failed = f'{{ {status} = "Failed" || {status} = "RollingBack" }}'
    working = f'{{ {status} = "InService" || {status} = "Deleting" }}'
    for pattern, value in ((failed, "1"), (working, "0")):
        yield EventMetric(
            name="HyperPodClusterFailed", pattern=pattern, value=value, dimensions=_BY_CLUSTER, statistic="Maximum"
        )
    for name, health in (("HyperPodUnhealthyNodes", "Unhealthy"), ("HyperPodRecoveredNodes", "Healthy")):
        pattern = f'{{ $.detail.HealthSummary.HealthStatus = "{health}" }}'
        yield EventMetric(name=name, pattern=pattern, dimensions=_BY_CLUSTER)
    others = " && ".join(f"{_DESCRIPTION} != {text}" for text in (_NOISE, *_NOT_PROVISIONED))
    errors = f'{{ {_EVENT}.EventLevel = "Error" && {others} }}'
    yield EventMetric(name="HyperPodErrors", pattern=errors, dimensions=_BY_EVENT)
    yield EventMetric(name="HyperPodScalingWarnings", pattern=f"{{ {_DESCRIPTION} = {_NOISE} }}", dimensions=_BY_EVENT)
    missing = " || ".join(f"{_DESCRIPTION} = {text}" for text in _NOT_PROVISIONED)
    failures = f'{{ {_EVENT}.EventLevel = "Error" && ({missing}) }}'
    provisioned = f'{{ {_DESCRIPTION} = "EC2 Instance i-*" }}'
    for name, pattern in (("HyperPodProvisioningFailures", failures), ("HyperPodProvisionedInstances", provisioned)):
        yield EventMetric(name=name, pattern=pattern, dimensions=_BY_EVENT_GROUP)
    for index in range(min(group_count, MOST_GROUPS)):
        group = f"$.detail.InstanceGroups[{index}]"
        by_group = {**_BY_CLUSTER, INSTANCE_GROUP: f"{group}.InstanceGroupName"}
        for name, count in (("HyperPodInstances", "CurrentCount"), ("HyperPodTargetInstances", "TargetCount")):
            selector = f"{group}.{count}"
            yield EventMetric(
                name=name,
                pattern=f"{{ {selector} >= 0 }}",
                value=selector,
                dimensions=by_group,
                statistic="Maximum",
            )


def count_cluster_series(group_count: int) -> int:
    """Return the number of series of a cluster, which CloudWatch bills in hours with data."""
    dimensions = {metric.name: metric.dimensions for metric in event_metrics(group_count)}
    return sum(group_count if INSTANCE_GROUP in names else 1 for names in dimensions.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSeries:
    """Metrics of one cluster, for alarms and dashboards.

    Args:
        cluster: Name of the cluster.
        instance_groups: Names of its instance groups.
        rules: Names of the rules that send its events to the log group. Default: none.
        namespace: Namespace of the metrics. Default: Fairlane.
    """

    cluster: str
    instance_groups: Sequence[str]
    rules: Sequence[str] = ()
    namespace: str = field(default_factory=lambda: str(metrics_catalog()["namespace"]))

    def metric(self, name: str, group: str | None = None) -> Series:
        """Return a metric of the cluster, or of one of its instance groups."""
        metric = next(metric for metric in event_metrics(1) if metric.name == name)
        values = {CLUSTER: self.cluster, INSTANCE_GROUP: group}
        dimensions = {dimension: str(values[dimension]) for dimension in metric.dimensions}
        assert (group is None) == (INSTANCE_GROUP not in dimensions), name
        return Series(namespace=self.namespace, name=name, dimensions=dimensions, statistic=metric.statistic)


def failed_invocations(rule: str) -> Series:
    """Return the number of events that a rule could not deliver, which EventBridge publishes free of charge."""
    return Series(namespace="AWS/Events", name="FailedInvocations", dimensions={"RuleName": rule}, statistic="Sum")
