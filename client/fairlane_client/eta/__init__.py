"""Estimates of the starts of waiting jobs: a live queue in the scheduler, with run times drawn from past jobs."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
