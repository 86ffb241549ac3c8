"""Where jobs run: service environments for SageMaker training."""

from fairlane.capacity._service_environment import (
    SERVICE_ENVIRONMENT,
    ServiceEnvironment,
    ServiceEnvironmentBase,
    warn_of_unknown_instance_types,
)

__all__ = ["SERVICE_ENVIRONMENT", "ServiceEnvironment", "ServiceEnvironmentBase", "warn_of_unknown_instance_types"]
