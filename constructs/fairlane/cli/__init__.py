"""The command `fairlane`. Knows no aws_cdk."""

from fairlane.cli._main import main

__all__ = ["main"]
