"""Local AWS for deployments and experiments: moto with the missing parts of AWS Batch."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
