from fairlane.queues.gpu_queue import GpuQueue as GpuQueue
from fairlane.queues.gpu_queue import GpuQueueBase as GpuQueueBase
from fairlane.queues.job_definition_base import JobDefinitionBase as JobDefinitionBase
from fairlane.queues.training_queue import TrainingQueue as TrainingQueue
from fairlane.queues.training_queue import TrainingQueueBase as TrainingQueueBase
