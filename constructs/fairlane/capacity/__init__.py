"""Capacity: service environments for SageMaker training, GPU compute environments on EC2, and their VPC."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
