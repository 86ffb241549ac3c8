"""Archive of ended jobs: records in Amazon S3, with tables and queries."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
