"""On-Demand prices of instances by service, instance type and Region. Imports no aws_cdk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class InstanceService(StrEnum):
    """Service that bills instances. The same instance type has another price in each service."""

    EC2 = "Amazon EC2"
    """Amazon EC2: compute environments of AWS Batch."""
    TRAINING = "SageMaker training"
    """SageMaker training jobs: queues and service environments of AWS Batch."""
    HYPERPOD = "SageMaker HyperPod"
    """Clusters of SageMaker HyperPod."""


PriceKey: TypeAlias = tuple[InstanceService, str, str]
"""Service, instance type and Region of a price."""


@dataclass(frozen=True, slots=True)
class InstancePrices:
    """On-Demand prices of instances, for example from `read_prices`.

    Args:
        hourly: Price of an instance-hour in USD, by service, instance type and Region. Default: none.
    """

    hourly: Mapping[PriceKey, float] = field(default_factory=dict)

    def regions(self, service: InstanceService, instance_type: str) -> list[str]:
        """Return the Regions in which the price of an instance type is known.

        Args:
            service: Service that bills the instance.
            instance_type: Instance type of the service.
        """
        return sorted(region for known, name, region in self.hourly if (known, name) == (service, instance_type))
