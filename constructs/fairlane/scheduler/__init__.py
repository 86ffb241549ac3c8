"""Model of the job scheduler of AWS Batch, in simulated time. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
