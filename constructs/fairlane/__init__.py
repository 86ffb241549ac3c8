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
    from fairlane.capacity import Purchase as Purchase
    from fairlane.capacity import ServiceEnvironment as ServiceEnvironment
    from fairlane.jobs import TrainingExecutionRole as TrainingExecutionRole
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
    "FairShare": "fairlane.scheduling",
    "Fifo": "fairlane.scheduling",
    "GpuComputeEnvironment": "fairlane.capacity",
    "JobAction": "fairlane.scheduling",
    "JobStateTimeLimitAction": "fairlane.scheduling",
    "Problem": "fairlane._problems",
    "Purchase": "fairlane.capacity",
    "QuotaManagement": "fairlane.scheduling",
    "QuotaShare": "fairlane.scheduling",
    "ServiceEnvironment": "fairlane.capacity",
    "Sharing": "fairlane.scheduling",
    "State": "fairlane.scheduling",
    "TimeLimitReason": "fairlane.scheduling",
    "TrainingExecutionRole": "fairlane.jobs",
    "TrainingQueue": "fairlane.queues",
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
