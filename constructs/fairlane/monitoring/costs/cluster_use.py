"""Use of monitoring for a HyperPod cluster."""

from dataclasses import dataclass
from typing import Final

from fairlane.hyperpod.monitoring.event_metrics import count_cluster_series
from fairlane.hyperpod.monitoring.prometheus import EVALUATION_SECONDS

CLUSTER_EVENT_BYTES: Final = 1_600
"""Bytes of an event of a HyperPod cluster, without its instance groups: at most 1,300 with names of 24 characters."""
CLUSTER_GROUP_BYTES: Final = 600
"""Bytes of an instance group in a change of the cluster's state."""
CLUSTER_EVENTS: Final = 10_000
"""Assumed number of events of a cluster in a month."""
_SAMPLES_PER_RULE: Final = 5_000  # 40 series with two samples a minute in an hour
_EVALUATIONS: Final = 31 * 24 * 3600 / EVALUATION_SECONDS

RULE_ASSUMPTION: Final = (
    f"Prometheus processes {_SAMPLES_PER_RULE:,} samples for each alert every {EVALUATION_SECONDS} s. The metrics that "
    "the observability add-on sends to the workspace are not included."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterUse:
    """Use of monitoring for one HyperPod cluster.

    Args:
        groups: Number of instance groups.
        rules: Number of alerts in a Prometheus workspace. Default: 0.
    """

    groups: int
    rules: int = 0

    def amounts(self) -> dict[str, float]:
        """Return the amounts in a month, by name of the price."""
        logged = CLUSTER_EVENTS * (CLUSTER_EVENT_BYTES + self.groups * CLUSTER_GROUP_BYTES)
        return {
            "metrics": count_cluster_series(self.groups),
            "log_bytes": logged,
            "events": CLUSTER_EVENTS,
            "prometheus_samples": self.rules * _SAMPLES_PER_RULE * _EVALUATIONS,
        }
