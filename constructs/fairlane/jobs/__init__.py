"""What jobs are: job definitions for GPU machines, and the role that SageMaker training jobs run with.

Names are loaded when they are first used: a synth without job definitions does not wait for what they need of the CDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane._gpu.retries import JobRetries as JobRetries
    from fairlane._gpu.retries import RetryAction as RetryAction
    from fairlane._gpu.retries import RetryRule as RetryRule
    from fairlane._gpu.volumes import EfsVolume as EfsVolume
    from fairlane._gpu.volumes import HostVolume as HostVolume
    from fairlane.jobs._gpu_job_definition import GpuJobDefinition as GpuJobDefinition
    from fairlane.jobs._multi_node import MultiNodeGpuJobDefinition as MultiNodeGpuJobDefinition
    from fairlane.jobs._training_execution_role import TrainingExecutionRole as TrainingExecutionRole

_HOMES = {
    "EfsVolume": "fairlane._gpu.volumes",
    "GpuJobDefinition": "fairlane.jobs._gpu_job_definition",
    "HostVolume": "fairlane._gpu.volumes",
    "JobRetries": "fairlane._gpu.retries",
    "MultiNodeGpuJobDefinition": "fairlane.jobs._multi_node",
    "RetryAction": "fairlane._gpu.retries",
    "RetryRule": "fairlane._gpu.retries",
    "TrainingExecutionRole": "fairlane.jobs._training_execution_role",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
