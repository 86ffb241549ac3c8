"""What jobs are: job definitions for GPU machines, and the role that SageMaker training jobs run with."""

from fairlane._gpu_jobs import JobRetries, RetryAction, RetryRule
from fairlane.jobs._gpu_job_definition import GpuJobDefinition
from fairlane.jobs._multi_node import MultiNodeGpuJobDefinition
from fairlane.jobs._training_execution_role import TrainingExecutionRole
from fairlane.jobs._volumes import EfsVolume, HostVolume

__all__ = [
    "EfsVolume",
    "GpuJobDefinition",
    "HostVolume",
    "JobRetries",
    "MultiNodeGpuJobDefinition",
    "RetryAction",
    "RetryRule",
    "TrainingExecutionRole",
]
