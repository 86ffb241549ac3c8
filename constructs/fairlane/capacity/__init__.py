"""Service environments for SageMaker training jobs, compute environments for GPU instances, and their VPC."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
