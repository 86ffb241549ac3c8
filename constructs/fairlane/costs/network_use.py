"""Use of a VPC of `TrainingVpc`, which AWS bills. Imports no aws_cdk."""

from dataclasses import dataclass
from typing import Final

from fairlane.monitoring.costs.estimate import LOG_RETENTION_DAYS, stored

HOURS: Final = 730
"""Number of hours of a month."""
FLOW_RECORD_BYTES: Final = 120
"""Assumed bytes of a flow-log record: the default format has 14 fields."""
FLOW_RECORDS_PER_MINUTE: Final = 100
"""Assumed number of flow-log records of an instance in a minute."""

FLOW_LOG_ASSUMPTION: Final = (
    f"Flow logs have {FLOW_RECORDS_PER_MINUTE} records of {FLOW_RECORD_BYTES} bytes a minute for each instance at full "
    "use. The number depends on the connections of your jobs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUse:
    """Use of one VPC. Gateway endpoints are free.

    Args:
        region: Region.
        availability_zones: Number of Availability Zones, each of which has all interface endpoints.
        interface_endpoints: Number of interface endpoints. Default: 9, as in a `TrainingVpc`.
        nat_gateways: Number of NAT gateways. Default: 0.
        instances: Number of instances at full use, for the flow log. Default: 0.
        log_retention_days: Number of days that the flow log keeps its records. Default: 30.
    """

    region: str
    availability_zones: int
    interface_endpoints: int = 9
    nat_gateways: int = 0
    instances: int = 0
    log_retention_days: int = LOG_RETENTION_DAYS

    def amounts(self) -> dict[str, float]:
        """Return the amounts in a month, by name of the price."""
        logged = self.instances * HOURS * 60 * FLOW_RECORDS_PER_MINUTE * FLOW_RECORD_BYTES
        return {
            "endpoint_hours": self.availability_zones * self.interface_endpoints * HOURS,
            "nat_gateway_hours": self.nat_gateways * HOURS,
            "flow_log_bytes": logged,
            "flow_log_stored_bytes": stored(logged, self.log_retention_days),
        }
