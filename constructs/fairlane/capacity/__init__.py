"""Where jobs run: service environments for SageMaker training, and EC2 machines with GPUs."""

from fairlane._gpu.capacity import AllocationStrategy, Purchase
from fairlane.capacity._gpu_compute_environment import GpuComputeEnvironment
from fairlane.capacity._service_environment import (
    SERVICE_ENVIRONMENT,
    ServiceEnvironment,
    ServiceEnvironmentBase,
    warn_of_unknown_instance_types,
)

__all__ = [
    "SERVICE_ENVIRONMENT",
    "AllocationStrategy",
    "GpuComputeEnvironment",
    "Purchase",
    "ServiceEnvironment",
    "ServiceEnvironmentBase",
    "warn_of_unknown_instance_types",
]
