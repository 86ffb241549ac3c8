"""Amazon SageMaker HyperPod clusters on Amazon EKS: instance groups, quotas and priorities of teams."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
