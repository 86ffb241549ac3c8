"""Sweeps: many runs of one training job with different parameters, and their leaderboard."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
