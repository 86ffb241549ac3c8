"""Why AWS Batch may say that a queue is blocked."""

from typing import Final

OTHER_REASONS: Final = "Other"
"""All reasons that call for nothing special, as one."""

_CAPACITY: Final = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
_OF_TRAINING: Final = (
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
)
_OF_CONTAINERS: Final = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)

SPECIAL_REASONS: Final = (_CAPACITY, *_OF_TRAINING, *_OF_CONTAINERS)


def blocked_reasons(*, training: bool) -> list[str]:
    """The reasons that a queue can have, of AWS's own words before the explanation.

    Args:
        training: whether it is one of SageMaker training jobs; else of containers.
    """
    return [_CAPACITY, *(_OF_TRAINING if training else _OF_CONTAINERS), OTHER_REASONS]
