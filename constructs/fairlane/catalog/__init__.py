"""What machines there are. Knows no aws_cdk."""

from fairlane.catalog._fit import JobNeeds, closest, shortcomings
from fairlane.catalog._gpu_instance_types import (
    GpuInstanceType,
    check_gpu_instance_type,
    gpu_instance_type,
    gpu_instance_types,
    is_unverified,
    training_gpus,
)
from fairlane.catalog._training_instance_types import training_instance_types

__all__ = [
    "GpuInstanceType",
    "JobNeeds",
    "check_gpu_instance_type",
    "closest",
    "gpu_instance_type",
    "gpu_instance_types",
    "is_unverified",
    "shortcomings",
    "training_gpus",
    "training_instance_types",
]
