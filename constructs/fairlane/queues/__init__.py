"""Queues that jobs are submitted to."""

from fairlane.queues._gpu_queue import GpuQueue, GpuQueueBase
from fairlane.queues._job_definition import JobDefinitionBase
from fairlane.queues._training_queue import TrainingQueue, TrainingQueueBase

__all__ = ["GpuQueue", "GpuQueueBase", "JobDefinitionBase", "TrainingQueue", "TrainingQueueBase"]
