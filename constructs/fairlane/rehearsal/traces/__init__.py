"""Traces of jobs: read from files, written to files, or generated."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
