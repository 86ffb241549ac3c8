from fairlane.monitoring.alarms import AlarmTopic as AlarmTopic
from fairlane.monitoring.alarms import FanOutAlarms as FanOutAlarms
from fairlane.monitoring.alarms import QueueAlarms as QueueAlarms
from fairlane.monitoring.alarms import Target as Target
from fairlane.monitoring.costs import MonitoringCost as MonitoringCost
from fairlane.monitoring.dashboards import QueueDashboard as QueueDashboard
from fairlane.monitoring.exporter import JobMetrics as JobMetrics
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut as MonitoredFanOut
