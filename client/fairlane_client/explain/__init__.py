"""Answers to the question why a job of AWS Batch waits. The command is `fairlane explain`."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
