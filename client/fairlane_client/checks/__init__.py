"""Checks of submissions before AWS Batch gets them: all mistakes at once, and warnings."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
