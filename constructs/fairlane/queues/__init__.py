"""Job queues for SageMaker training jobs and for GPU containers."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
