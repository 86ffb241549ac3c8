"""Local AWS for deployments and experiments: moto with an own model of AWS Batch."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
