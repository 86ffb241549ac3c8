"""The environment file: one account of a platform team, in YAML. Knows no aws_cdk."""

from fairlane.environment._loader import environment_names, find_environment, load_environment
from fairlane.environment._models import (
    Environment,
    RegionModel,
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
    "Environment",
    "FairShareModel",
    "FifoModel",
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
    "load_environment",
]
