"""Base class of the stacks of one Region."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NotRequired, TypedDict, Unpack

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.checks import alternatives
from fairlane.catalog.region_catalog import batch_regions
from fairlane.costs import EnvironmentCost


class StackSettings(TypedDict):
    """Settings that all stacks of an environment take from its file.

    Attributes:
        env: Account and Region.
        tags: Tags for all resources.
        termination_protection: True protects the stack against deletion, and its queues against removal.
        permissions_boundary: ARN of the permissions boundary of all roles. Default: none.
        qualifier: Qualifier of the bootstrap stack. Default: the qualifier of the app.
        acknowledge: Reasons for acknowledged warnings, by the id of the warning. Default: none.
    """

    env: cdk.Environment
    tags: Mapping[str, str]
    termination_protection: bool
    permissions_boundary: NotRequired[str | None]
    qualifier: NotRequired[str | None]
    acknowledge: NotRequired[Mapping[str, str]]


class RegionalStack(cdk.Stack):
    """Stack of one Region of an environment.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        settings: Account, Region, tags and termination protection.

    Attributes:
        environment_cost: Function that returns the estimated cost of the whole environment, in the first stack only.
    """

    environment_cost: Callable[[], EnvironmentCost] | None = None

    def __init__(self, scope: Construct, construct_id: str, **settings: Unpack[StackSettings]) -> None:
        tags = dict(settings["tags"])
        boundary, qualifier = settings.get("permissions_boundary"), settings.get("qualifier")
        super().__init__(
            scope,
            construct_id,
            env=settings["env"],
            tags=tags,
            termination_protection=settings["termination_protection"],
            permissions_boundary=cdk.PermissionsBoundary.from_arn(boundary) if boundary else None,
            synthesizer=cdk.DefaultStackSynthesizer(qualifier=qualifier) if qualifier else None,
            suppress_template_indentation=self.suppress_indentation,
        )
        for warning, reason in settings.get("acknowledge", {}).items():
            cdk.Annotations.of(self).acknowledge_warning(warning, reason)
            cdk.Annotations.of(self).acknowledge_info(warning, reason)
        if self.region not in batch_regions():
            similar = sorted(get_close_matches(self.region, batch_regions(), 2))
            question = f" (did you mean {alternatives(similar)}?)" if similar else ""
            cdk.Annotations.of(self).add_warning_v2(
                "fairlane:RegionalStack.unknownRegion",
                f"{self.region} is not in this release's list of Regions with AWS Batch{question}: check the name, or "
                "acknowledge the warning if the Region is new",
            )

    suppress_indentation: bool | None = None
    """True for templates that may come close to the limit of 1 MB: indentation is a quarter of their size."""


def set_log_retention(stack: cdk.Stack, days: int) -> None:
    """Set the number of days that all log groups of a stack keep their events."""
    for construct in stack.node.find_all():
        if isinstance(construct, logs.CfnLogGroup):
            construct.retention_in_days = days
