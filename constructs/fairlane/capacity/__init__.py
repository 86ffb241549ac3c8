"""Where jobs run: service environments for SageMaker training, and EC2 machines with GPUs in a network."""

from fairlane._gpu.capacity import AllocationStrategy, Purchase
from fairlane._gpu.volumes import LustreMount
from fairlane.capacity._gpu_compute_environment import GpuComputeEnvironment
from fairlane.capacity._service_environment import (
    SERVICE_ENVIRONMENT,
    ServiceEnvironment,
    ServiceEnvironmentBase,
    warn_of_unknown_instance_types,
)
from fairlane.capacity._training_vpc import TrainingVpc

__all__ = [
    "SERVICE_ENVIRONMENT",
    "AllocationStrategy",
    "GpuComputeEnvironment",
    "LustreMount",
    "Purchase",
    "ServiceEnvironment",
    "ServiceEnvironmentBase",
    "TrainingVpc",
    "warn_of_unknown_instance_types",
]
