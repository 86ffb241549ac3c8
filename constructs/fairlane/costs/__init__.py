"""Cost of an environment: monitoring, network, and instances at full use."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
