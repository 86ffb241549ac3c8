"""The environment file: one account of a platform team, in YAML. Knows no aws_cdk."""

from fairlane.environment._alarm_models import AlarmsModel, DashboardModel, QueueAlarmsModel, is_topic
from fairlane.environment._gpu_models import GivenNetworkModel, GpuComputeEnvironmentModel, MadeNetworkModel
from fairlane.environment._image_models import ImageModel
from fairlane.environment._job_models import GpuJobDefinitionModel, MultiNodeGpuJobDefinitionModel
from fairlane.environment._loader import environment_names, find_environment, load_environment
from fairlane.environment._models import Environment, RegionModel
from fairlane.environment._monitoring_models import JobMetricsModel
from fairlane.environment._queue_models import (
    GpuQueueModel,
    ServiceEnvironmentModel,
    TrainingExecutionRoleModel,
    TrainingQueueModel,
)
from fairlane.environment._scheduling_models import (
    FairShareModel,
    FifoModel,
    QuotaManagementModel,
    QuotaShareModel,
    TimeLimitActionModel,
)
from fairlane.environment._schema import environment_json_schema

__all__ = [
    "AlarmsModel",
    "DashboardModel",
    "Environment",
    "FairShareModel",
    "FifoModel",
    "GivenNetworkModel",
    "GpuComputeEnvironmentModel",
    "GpuJobDefinitionModel",
    "GpuQueueModel",
    "ImageModel",
    "JobMetricsModel",
    "MadeNetworkModel",
    "MultiNodeGpuJobDefinitionModel",
    "QueueAlarmsModel",
    "QuotaManagementModel",
    "QuotaShareModel",
    "RegionModel",
    "ServiceEnvironmentModel",
    "TimeLimitActionModel",
    "TrainingExecutionRoleModel",
    "TrainingQueueModel",
    "environment_json_schema",
    "environment_names",
    "find_environment",
    "is_topic",
    "load_environment",
]
