"""AWS CDK constructs for fair-share GPU training on AWS.

Names load at their first use, so that importing `fairlane` starts no jsii kernel.
"""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
