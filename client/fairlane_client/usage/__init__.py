"""Use and cost of a queue by share: own, borrowed, lost to preemption, lent and idle. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
