"""Back-tests: rehearsed waits and use beside the real ones of past jobs. Imports no aws_cdk."""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
