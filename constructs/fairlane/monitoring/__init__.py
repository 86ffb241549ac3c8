"""What jobs and queues do, as metrics: the exporter of what AWS Batch does not publish."""

from fairlane.monitoring._job_metrics import JobMetrics

__all__ = ["JobMetrics"]
