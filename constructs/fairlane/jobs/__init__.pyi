from fairlane.jobs.gpu_job_definition import GpuJobDefinition as GpuJobDefinition
from fairlane.jobs.multi_node_gpu_job_definition import MultiNodeGpuJobDefinition as MultiNodeGpuJobDefinition
from fairlane.jobs.retries import JobRetries as JobRetries
from fairlane.jobs.retries import RetryAction as RetryAction
from fairlane.jobs.retries import RetryRule as RetryRule
from fairlane.jobs.training_execution_role import TrainingExecutionRole as TrainingExecutionRole
from fairlane.jobs.volumes import EfsVolume as EfsVolume
from fairlane.jobs.volumes import HostVolume as HostVolume
