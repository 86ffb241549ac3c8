"""Job definitions for containers on GPU instances, and the execution role of SageMaker training jobs."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
