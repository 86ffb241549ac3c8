"""Queues as the exporter, alarms, dashboards and costs see them. Imports no aws_cdk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlane.scheduling.time_limits import blocked_reasons

_PAGES: Final = {"service": 60, "compute": 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredQueue:
    """A queue, as the exporter sees it.

    Args:
        name: the queue's name.
        arn: its ARN.
        service: whether it is one of SageMaker training jobs.
        elsewhere: whether it was made elsewhere, so that its policy is not known.
        quotas: whether it has quota shares, as far as is known.
        shares: the entitlement of each declared share by capacity unit, empty where it is not known.
        limit: the most capacity by unit, empty where it is not known.
        alone: whether none of the queues that are watched with it uses the same environments.
        gpus: how many GPUs its jobs can use together, None where that is not known.
        spot: whether it is known to have Spot machines.
        instance_type: what GPUs are counted by where instances of any type are counted.
    """

    name: str
    arn: str
    service: bool
    elsewhere: bool
    quotas: bool
    shares: Mapping[str, Mapping[str, float]]
    limit: Mapping[str, float]
    alone: bool
    gpus: int | None
    spot: bool
    instance_type: str | None

    def poll(self) -> dict[str, Any]:
        """What the poller is told of it."""
        kind = "service" if self.service else "compute"
        told = {
            "name": self.name,
            "kind": kind,
            "quota": self.quotas,
            "shares": {name: dict(units) for name, units in self.shares.items()},
            "limit": dict(self.limit),
            "max_pages": _PAGES[kind],
        }
        return told | ({"instance_type": self.instance_type} if self.instance_type else {})

    @property
    def entitled_shares(self) -> list[str]:
        """Return the shares whose entitlement is known."""
        return [share for share, units in self.shares.items() if units]

    @property
    def blocked_reasons(self) -> list[str]:
        """Return the reasons why AWS Batch may say that the queue is blocked."""
        return blocked_reasons(training=self.service)
