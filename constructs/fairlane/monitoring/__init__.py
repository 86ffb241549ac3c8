"""What jobs and queues do: metrics of it, dashboards, and alarms."""

from fairlane.monitoring._alarm_problems import Target
from fairlane.monitoring._alarm_topic import AlarmTopic
from fairlane.monitoring._job_metrics import JobMetrics
from fairlane.monitoring._monitoring_cost import MonitoringCost
from fairlane.monitoring._queue_alarms import QueueAlarms
from fairlane.monitoring._queue_dashboard import QueueDashboard

__all__ = ["AlarmTopic", "JobMetrics", "MonitoringCost", "QueueAlarms", "QueueDashboard", "Target"]
