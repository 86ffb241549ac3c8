"""Queues that jobs are submitted to."""

from fairlane.queues._training_queue import TrainingQueue, TrainingQueueBase

__all__ = ["TrainingQueue", "TrainingQueueBase"]
