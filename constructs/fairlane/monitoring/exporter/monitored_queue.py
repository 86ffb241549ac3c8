"""Queues as the exporter, alarms, dashboards and costs need them. Imports no aws_cdk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlane.scheduling.time_limits import blocked_reasons

_PAGES: Final = {"service": 60, "compute": 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredQueue:
    """Queue that the exporter publishes metrics of.

    Args:
        name: Name of the queue.
        arn: ARN of the queue.
        service: True if the queue takes SageMaker training jobs (service jobs).
        imported: True if the queue is imported, so its policy is unknown.
        quota_management: True if the queue is known to have quota shares.
        shares: Entitlement of each declared share by capacity unit; empty if it is unknown.
        limit: Capacity limit by capacity unit; empty if it is unknown.
        exclusive: True if no other monitored queue uses the queue's environments.
        gpus: Number of GPUs that all jobs of the queue can use together; None if it is unknown.
        spot: True if the queue is known to have Spot Instances.
        instance_type: Instance type that gives the number of GPUs, if the capacity is a number of instances of any
            type.
    """

    name: str
    arn: str
    service: bool
    imported: bool
    quota_management: bool
    shares: Mapping[str, Mapping[str, float]]
    limit: Mapping[str, float]
    exclusive: bool
    gpus: int | None
    spot: bool
    instance_type: str | None

    def poll(self) -> dict[str, Any]:
        """Return the queue as input of the poller function."""
        kind = "service" if self.service else "compute"
        queue = {
            "name": self.name,
            "kind": kind,
            "quota": self.quota_management,
            "shares": {name: dict(units) for name, units in self.shares.items()},
            "limit": dict(self.limit),
            "max_pages": _PAGES[kind],
        }
        return queue | ({"instance_type": self.instance_type} if self.instance_type else {})

    @property
    def entitled_shares(self) -> list[str]:
        """Shares whose entitlement is known."""
        return [share for share, units in self.shares.items() if units]

    @property
    def blocked_reasons(self) -> list[str]:
        """Reasons why AWS Batch may report the queue as blocked."""
        return blocked_reasons(training=self.service)
