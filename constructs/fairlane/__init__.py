"""Fair-share GPU training on AWS, as AWS CDK constructs.

Names are loaded when they are first used: importing `fairlane` starts no jsii kernel.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane._problems import ConfigurationError as ConfigurationError
    from fairlane._problems import Problem as Problem
    from fairlane.alarms import AlarmLimits as AlarmLimits
    from fairlane.alarms import DeadLetters as DeadLetters
    from fairlane.alarms import ExporterLimits as ExporterLimits
    from fairlane.alarms import ExporterStale as ExporterStale
    from fairlane.alarms import FailureRate as FailureRate
    from fairlane.alarms import IdleCapacity as IdleCapacity
    from fairlane.alarms import IdleWhileWaiting as IdleWhileWaiting
    from fairlane.alarms import OldestWait as OldestWait
    from fairlane.alarms import Preemptions as Preemptions
    from fairlane.alarms import QueueBlocked as QueueBlocked
    from fairlane.alarms import SpotReclaims as SpotReclaims
    from fairlane.alarms import StarvedShare as StarvedShare
    from fairlane.alarms import Truncated as Truncated
    from fairlane.capacity import AllocationStrategy as AllocationStrategy
    from fairlane.capacity import GpuComputeEnvironment as GpuComputeEnvironment
    from fairlane.capacity import LustreMount as LustreMount
    from fairlane.capacity import Purchase as Purchase
    from fairlane.capacity import ServiceEnvironment as ServiceEnvironment
    from fairlane.capacity import TrainingVpc as TrainingVpc
    from fairlane.images import RegistryReplication as RegistryReplication
    from fairlane.images import ReplicatedRepository as ReplicatedRepository
    from fairlane.images import ReplicaTemplates as ReplicaTemplates
    from fairlane.images import ReplicationAlarm as ReplicationAlarm
    from fairlane.images import ReplicationGate as ReplicationGate
    from fairlane.images import ReplicationMode as ReplicationMode
    from fairlane.jobs import EfsVolume as EfsVolume
    from fairlane.jobs import GpuJobDefinition as GpuJobDefinition
    from fairlane.jobs import HostVolume as HostVolume
    from fairlane.jobs import JobRetries as JobRetries
    from fairlane.jobs import MultiNodeGpuJobDefinition as MultiNodeGpuJobDefinition
    from fairlane.jobs import RetryAction as RetryAction
    from fairlane.jobs import RetryRule as RetryRule
    from fairlane.jobs import TrainingExecutionRole as TrainingExecutionRole
    from fairlane.monitoring import AlarmTopic as AlarmTopic
    from fairlane.monitoring import JobMetrics as JobMetrics
    from fairlane.monitoring import MonitoringCost as MonitoringCost
    from fairlane.monitoring import QueueAlarms as QueueAlarms
    from fairlane.monitoring import QueueDashboard as QueueDashboard
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
    "AlarmLimits": "fairlane.alarms",
    "AlarmTopic": "fairlane.monitoring",
    "AllocationStrategy": "fairlane.capacity",
    "ConfigurationError": "fairlane._problems",
    "DeadLetters": "fairlane.alarms",
    "EfsVolume": "fairlane.jobs",
    "ExporterLimits": "fairlane.alarms",
    "ExporterStale": "fairlane.alarms",
    "FailureRate": "fairlane.alarms",
    "FairShare": "fairlane.scheduling",
    "Fifo": "fairlane.scheduling",
    "GpuComputeEnvironment": "fairlane.capacity",
    "GpuJobDefinition": "fairlane.jobs",
    "GpuQueue": "fairlane.queues",
    "HostVolume": "fairlane.jobs",
    "IdleCapacity": "fairlane.alarms",
    "IdleWhileWaiting": "fairlane.alarms",
    "JobAction": "fairlane.scheduling",
    "JobMetrics": "fairlane.monitoring",
    "JobRetries": "fairlane.jobs",
    "JobStateTimeLimitAction": "fairlane.scheduling",
    "LustreMount": "fairlane.capacity",
    "MonitoringCost": "fairlane.monitoring",
    "MultiNodeGpuJobDefinition": "fairlane.jobs",
    "OldestWait": "fairlane.alarms",
    "Preemptions": "fairlane.alarms",
    "Problem": "fairlane._problems",
    "Purchase": "fairlane.capacity",
    "QueueAlarms": "fairlane.monitoring",
    "QueueBlocked": "fairlane.alarms",
    "QueueDashboard": "fairlane.monitoring",
    "QuotaManagement": "fairlane.scheduling",
    "QuotaShare": "fairlane.scheduling",
    "RegistryReplication": "fairlane.images",
    "ReplicaTemplates": "fairlane.images",
    "ReplicatedRepository": "fairlane.images",
    "ReplicationAlarm": "fairlane.images",
    "ReplicationGate": "fairlane.images",
    "ReplicationMode": "fairlane.images",
    "RetryAction": "fairlane.jobs",
    "RetryRule": "fairlane.jobs",
    "ServiceEnvironment": "fairlane.capacity",
    "Sharing": "fairlane.scheduling",
    "SpotReclaims": "fairlane.alarms",
    "StarvedShare": "fairlane.alarms",
    "State": "fairlane.scheduling",
    "TimeLimitReason": "fairlane.scheduling",
    "TrainingExecutionRole": "fairlane.jobs",
    "TrainingQueue": "fairlane.queues",
    "TrainingVpc": "fairlane.capacity",
    "Truncated": "fairlane.alarms",
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
