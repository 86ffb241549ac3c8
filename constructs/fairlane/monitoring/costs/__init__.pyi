from fairlane.monitoring.costs.estimate import MonitoringUse as MonitoringUse
from fairlane.monitoring.costs.estimate import MonthlyCost as MonthlyCost
from fairlane.monitoring.costs.estimate import monthly_cost as monthly_cost
from fairlane.monitoring.costs.monitoring_cost import MonitoringCost as MonitoringCost
from fairlane.monitoring.costs.prices import Line as Line
from fairlane.monitoring.costs.series_count import QueueUse as QueueUse
from fairlane.monitoring.costs.series_count import count_series as count_series
