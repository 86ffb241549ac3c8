"""Sweep stores: the bucket, tables and queries of hyperparameter sweeps."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
