"""All stacks of one environment."""

import os

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import Environment
from fairlane_stacks._training import TrainingStack


def build_stacks(scope: Construct, name: str, environment: Environment) -> list[TrainingStack]:
    """Makes the stacks of an environment, one per Region: `fairlane-<name>-training` in the home Region.

    Stacks in other Regions have the Region in their name: `fairlane-<name>-<region>-training`.

    Args:
        scope: the app or stage that they go into.
        name: the environment's name: letters, digits and hyphens.
        environment: as loaded from its file. Without an account in it, that of the AWS CDK CLI's credentials is
            taken (`CDK_DEFAULT_ACCOUNT`), and none if there are none.
    """
    account = environment.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    return [
        TrainingStack(
            scope,
            f"fairlane-{name}-training" if region == environment.region else f"fairlane-{name}-{region}-training",
            model=model,
            env=cdk.Environment(account=account, region=region),
            tags=environment.tags,
            termination_protection=environment.termination_protection,
        )
        for region, model in environment.by_region().items()
    ]
