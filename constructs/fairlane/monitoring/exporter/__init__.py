"""Exporter of job metrics: Lambda functions that publish metrics that AWS Batch does not publish."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
