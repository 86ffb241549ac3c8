"""Fair-share GPU training on AWS, as AWS CDK constructs.

Names are loaded when they are first used: importing `fairlane` starts no jsii kernel.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane._problems import ConfigurationError as ConfigurationError
    from fairlane._problems import Problem as Problem
    from fairlane.capacity import AllocationStrategy as AllocationStrategy
    from fairlane.capacity import GpuComputeEnvironment as GpuComputeEnvironment
    from fairlane.capacity import LustreMount as LustreMount
    from fairlane.capacity import Purchase as Purchase
    from fairlane.capacity import ServiceEnvironment as ServiceEnvironment
    from fairlane.capacity import TrainingVpc as TrainingVpc
    from fairlane.jobs import EfsVolume as EfsVolume
    from fairlane.jobs import GpuJobDefinition as GpuJobDefinition
    from fairlane.jobs import HostVolume as HostVolume
    from fairlane.jobs import JobRetries as JobRetries
    from fairlane.jobs import MultiNodeGpuJobDefinition as MultiNodeGpuJobDefinition
    from fairlane.jobs import RetryAction as RetryAction
    from fairlane.jobs import RetryRule as RetryRule
    from fairlane.jobs import TrainingExecutionRole as TrainingExecutionRole
    from fairlane.monitoring import JobMetrics as JobMetrics
    from fairlane.queues import GpuQueue as GpuQueue
    from fairlane.queues import TrainingQueue as TrainingQueue
    from fairlane.scheduling import FairShare as FairShare
    from fairlane.scheduling import Fifo as Fifo
    from fairlane.scheduling import JobAction as JobAction
    from fairlane.scheduling import JobStateTimeLimitAction as JobStateTimeLimitAction
    from fairlane.scheduling import QuotaManagement as QuotaManagement
    from fairlane.scheduling import QuotaShare as QuotaShare
    from fairlane.scheduling import Sharing as Sharing
    from fairlane.scheduling import State as State
    from fairlane.scheduling import TimeLimitReason as TimeLimitReason

_HOMES = {
    "AllocationStrategy": "fairlane.capacity",
    "ConfigurationError": "fairlane._problems",
    "EfsVolume": "fairlane.jobs",
    "FairShare": "fairlane.scheduling",
    "Fifo": "fairlane.scheduling",
    "GpuComputeEnvironment": "fairlane.capacity",
    "GpuJobDefinition": "fairlane.jobs",
    "GpuQueue": "fairlane.queues",
    "HostVolume": "fairlane.jobs",
    "JobAction": "fairlane.scheduling",
    "JobMetrics": "fairlane.monitoring",
    "JobRetries": "fairlane.jobs",
    "JobStateTimeLimitAction": "fairlane.scheduling",
    "LustreMount": "fairlane.capacity",
    "MultiNodeGpuJobDefinition": "fairlane.jobs",
    "Problem": "fairlane._problems",
    "Purchase": "fairlane.capacity",
    "QuotaManagement": "fairlane.scheduling",
    "QuotaShare": "fairlane.scheduling",
    "RetryAction": "fairlane.jobs",
    "RetryRule": "fairlane.jobs",
    "ServiceEnvironment": "fairlane.capacity",
    "Sharing": "fairlane.scheduling",
    "State": "fairlane.scheduling",
    "TimeLimitReason": "fairlane.scheduling",
    "TrainingExecutionRole": "fairlane.jobs",
    "TrainingQueue": "fairlane.queues",
    "TrainingVpc": "fairlane.capacity",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
