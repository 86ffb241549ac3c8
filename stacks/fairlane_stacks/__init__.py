"""CDK stacks composed from an environment file."""

from fairlane._internal.lazy import attach
from fairlane_stacks.temporary_directory import check_temporary_directory

check_temporary_directory()
__getattr__, __dir__, __all__ = attach(__name__, __file__)
