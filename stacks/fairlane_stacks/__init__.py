"""From an environment file to stacks: thin, they only compose."""

from fairlane_stacks._app import build_stacks
from fairlane_stacks._sizes import check_template_sizes
from fairlane_stacks._training import TrainingStack

__all__ = ["TrainingStack", "build_stacks", "check_template_sizes"]
