"""Fan-outs: one manifest whose training jobs run in several Regions."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
