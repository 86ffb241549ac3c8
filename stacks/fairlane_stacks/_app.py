"""All stacks of one environment."""

import os
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import Environment, RegionModel
from fairlane_stacks._training import TrainingStack

if TYPE_CHECKING:
    from fairlane_stacks._monitoring import MonitoringStack


def build_stacks(scope: Construct, name: str, environment: Environment) -> list[cdk.Stack]:
    """Makes the stacks of an environment: `fairlane-<name>-training` and `fairlane-<name>-monitoring` at home.

    There is a monitoring stack where the file asks for what is in it. Stacks in other Regions have the Region in their
    name: `fairlane-<name>-<region>-training`. Dashboards, which show all Regions, are in the first monitoring stack,
    and so is the estimate of what monitoring costs.

    Args:
        scope: the app or stage that they go into.
        name: the environment's name: letters, digits and hyphens.
        environment: as loaded from its file. Without an account in it, that of the AWS CDK CLI's credentials is
            taken (`CDK_DEFAULT_ACCOUNT`), and none if there are none.

    Raises:
        ConfigurationError: for what only constructs can tell, such as a cost that is over the limit.
    """
    stacks: list[cdk.Stack] = []
    watching: list[MonitoringStack] = []
    for region, model in environment.by_region().items():
        where = name if region == environment.region else f"{name}-{region}"
        training, monitoring = _of_region(scope, f"fairlane-{where}", region, model, environment)
        stacks.append(training)
        if monitoring is not None:
            stacks.append(monitoring)
            watching.append(monitoring)
    if watching:
        watching[0].show(name, environment, watching)
    return stacks


def _of_region(
    scope: Construct, prefix: str, region: str, model: RegionModel, environment: Environment
) -> "tuple[TrainingStack, MonitoringStack | None]":
    account = environment.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    env, protected = cdk.Environment(account=account, region=region), environment.termination_protection
    training = TrainingStack(
        scope,
        f"{prefix}-training",
        model=model,
        env=env,
        tags=environment.tags,
        termination_protection=protected,
    )
    if model.job_metrics is None:
        return training, None
    from fairlane_stacks._monitoring import MonitoringStack  # noqa: PLC0415 (most of a second, where it is asked for)

    monitoring = MonitoringStack(
        scope,
        f"{prefix}-monitoring",
        training=training,
        model=model,
        env=env,
        tags=environment.tags,
        termination_protection=protected,
    )
    return training, monitoring
