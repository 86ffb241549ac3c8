from fairlane.monitoring.exporter.exported_metrics import ExportedMetrics as ExportedMetrics
from fairlane.monitoring.exporter.job_metrics import JobMetrics as JobMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue as MonitoredQueue
