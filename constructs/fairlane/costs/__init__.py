"""What monitoring costs a month, at most. Knows no aws_cdk."""

from fairlane.costs._monitoring import MonitoringUse, MonthlyCost, limit_problems, monthly_cost
from fairlane.costs._prices import Line
from fairlane.costs._series import QueueUse, count_series

__all__ = [
    "Line",
    "MonitoringUse",
    "MonthlyCost",
    "QueueUse",
    "count_series",
    "limit_problems",
    "monthly_cost",
]
