"""Alarms on the events of a HyperPod cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.hyperpod.monitoring.event_metrics import ClusterSeries, failed_invocations
from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, HOUR, IGNORE, NOT_BREACHING, Condition
from fairlane.monitoring.alarms.kinds.limit import DAY_MINUTES, DurationLimit, Limit

_SHORTEST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodFailed(Limit):
    """Alarm on a cluster that failed or rolls back an update. It lasts until the cluster is in service."""

    first_step: ClassVar = "read the failure message of the cluster and the latest events of the level Error"

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield the condition of a cluster."""
        yield Condition(
            meaning="the cluster failed, or it rolls back an update",
            series={"failed": cluster.metric("HyperPodClusterFailed")},
            comparison=GREATER_OR_EQUAL,
            threshold=1,
            missing_data=IGNORE,  # the state is known until the next event
            period=60,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodUnhealthy(Limit):
    """Limit on the number of nodes that HyperPod found unhealthy in an hour. It repairs them by itself, if it may.

    Args:
        minimum_nodes: Number of unhealthy nodes in an hour that triggers the alarm, 1 or more. Default: 1.
    """

    first_step: ClassVar = "check whether HyperPod replaces the node, and whether its job has restarted"
    minimum_nodes: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("minimum_nodes",), self.minimum_nodes, 1, unit="nodes")

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield the condition of a cluster."""
        yield Condition(
            meaning=f"HyperPod found {self.minimum_nodes} or more unhealthy nodes in the last hour",
            series={"unhealthy": cluster.metric("HyperPodUnhealthyNodes")},
            expression="FILL(unhealthy, 0)",
            comparison=GREATER_OR_EQUAL,
            threshold=self.minimum_nodes,
            missing_data=NOT_BREACHING,
            period=HOUR,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodErrors(Limit):
    """Limit on the number of cluster events of the level Error in an hour.

    Instances that could not be provisioned do not count: `HyperPodCapacity` is about them. Warnings that nodes lost
    their orchestration-ready status do not count either, because HyperPod sends them while a cluster scales.

    Args:
        minimum_events: Number of events in an hour that triggers the alarm, 1 or more. Default: 1.
    """

    first_step: ClassVar = "list the events of the level Error, and read the failure message of each"
    minimum_events: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("minimum_events",), self.minimum_events, 1, unit="events")

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield the condition of a cluster."""
        yield Condition(
            meaning=f"{self.minimum_events} or more cluster events of the level Error in the last hour",
            series={"errors": cluster.metric("HyperPodErrors")},
            expression="FILL(errors, 0)",
            comparison=GREATER_OR_EQUAL,
            threshold=self.minimum_events,
            missing_data=NOT_BREACHING,
            period=HOUR,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodCapacity(DurationLimit):
    """Limit on the time that an instance group gets no instance while HyperPod tries, one alarm for each group.

    In each half of the time at least one attempt failed and no instance was provisioned, so that a scale-up that makes
    progress does not trigger the alarm.

    Args:
        minutes: Number of minutes without an instance, 10 to 1,440. Default: 60.
    """

    first_step: ClassVar = "read the failure message of the latest event: most often AWS has no such instances"
    minutes: int = 60

    def problems(self) -> Iterator[Problem]:
        """Yield minutes out of range."""
        yield from check_whole_number(("minutes",), self.minutes, _SHORTEST, DAY_MINUTES, unit="minutes")

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield a condition for each instance group."""
        for group in cluster.instance_groups:
            yield Condition(
                part=group,
                meaning=f"instance group {group} got no instance for {self.minutes} minutes, and attempts failed",
                series={
                    "failures": cluster.metric("HyperPodProvisioningFailures", group),
                    "provisioned": cluster.metric("HyperPodProvisionedInstances", group),
                },
                # A missing side of a comparison of two series counts as 0, also if a metric never had data.
                expression="IF(FILL(failures, 0) > 1000000 * FILL(provisioned, 0), 1, 0)",
                comparison=GREATER_OR_EQUAL,
                threshold=1,
                missing_data=NOT_BREACHING,
                period=60 * -(-self.minutes // 2),
                periods=2,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperPodUndelivered(Limit):
    """Limit on the number of events in an hour that did not reach the log group. Other alarms do not see them.

    Args:
        minimum_events: Number of events in an hour that triggers the alarm, 1 or more. Default: 1.
    """

    first_step: ClassVar = "check that the log group exists, with its resource policy and its key"
    minimum_events: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("minimum_events",), self.minimum_events, 1, unit="events")

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield the condition of the rules of a cluster."""
        series = {f"rule{number}": failed_invocations(rule) for number, rule in enumerate(cluster.rules)}
        yield Condition(
            meaning=f"EventBridge could not write {self.minimum_events} or more events of the cluster to the log group",
            series=series,
            expression=" + ".join(f"FILL({name}, 0)" for name in series),
            comparison=GREATER_OR_EQUAL,
            threshold=self.minimum_events,
            missing_data=NOT_BREACHING,
            period=HOUR,
        )
