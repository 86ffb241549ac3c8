"""An AWS on localhost to deploy to and try things with: moto, and what it lacks of AWS Batch."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
