"""Base class of the stacks of one Region."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

import aws_cdk as cdk
from constructs import Construct


class StackSettings(TypedDict):
    """Settings that all stacks of an environment take from its file.

    Attributes:
        env: Account and Region.
        tags: Tags for all resources.
        termination_protection: True protects the stack against deletion, and its queues against removal.
    """

    env: cdk.Environment
    tags: Mapping[str, str]
    termination_protection: bool


class RegionalStack(cdk.Stack):
    """Stack of one Region of an environment.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        settings: Account, Region, tags and termination protection.
    """

    def __init__(self, scope: Construct, construct_id: str, **settings: Unpack[StackSettings]) -> None:
        tags = dict(settings["tags"])
        super().__init__(
            scope,
            construct_id,
            env=settings["env"],
            tags=tags,
            termination_protection=settings["termination_protection"],
            suppress_template_indentation=self.suppress_indentation,
        )

    suppress_indentation: bool | None = None
    """True for templates that may come close to the limit of 1 MB: indentation is a quarter of their size."""
