"""Recommendations: the policy with the lowest objective for a trace, and how sure that is. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
