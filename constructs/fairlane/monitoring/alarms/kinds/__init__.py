"""Kinds of alarms, a module each: what is watched, the limit, the text of the alarm. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
