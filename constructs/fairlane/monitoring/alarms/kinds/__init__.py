"""Kinds of alarms: the limits, the metrics and the description texts, one module for each kind. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
