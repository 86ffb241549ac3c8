"""All stacks of one environment."""

import os
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import AlarmSettings, Environment
from fairlane_stacks.regional_stack import StackSettings
from fairlane_stacks.training_stack import TrainingStack

if TYPE_CHECKING:
    from fairlane.images import ReplicatedRepository
    from fairlane_stacks.images_stacks import ImagesStack, ReplicasStack
    from fairlane_stacks.monitoring_stack import MonitoringStack


def build_stacks(scope: Construct, name: str, environment: Environment) -> list[cdk.Stack]:
    """Makes the stacks of an environment: `fairlane-<name>-training` and `fairlane-<name>-monitoring` at home.

    There is a monitoring stack where the file asks for what is in it. Stacks in other Regions have the Region in their
    name: `fairlane-<name>-<region>-training`. Dashboards, which show all Regions, are in the first monitoring stack,
    and so is the estimate of what monitoring costs. Images have `-images` where they are pushed, and
    `-replicas` in each Region that they are replicated to, which is deployed before.

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
        common = _common(environment, region)
        training = TrainingStack(scope, f"{_prefix(name, environment, region)}-training", model=model, **common)
        stacks.append(training)
        if model.job_metrics is not None:
            construct_id = f"{_prefix(name, environment, region)}-monitoring"
            watching.append(_monitoring(scope, construct_id, training=training, model=model, **common))
            stacks.append(watching[-1])
    replicas: list[ReplicasStack] = []
    if any(model.images for model in environment.by_region().values()):
        replicas, homes = _of_images(scope, name, environment)
        stacks += [*replicas, *homes]
    if watching:
        watching[0].show(name, environment, watching, replicas)
    return stacks


def _monitoring(scope: Construct, construct_id: str, **settings: Any) -> "MonitoringStack":
    from fairlane_stacks.monitoring_stack import MonitoringStack  # noqa: PLC0415 (most of a second, where it is asked for)

    return MonitoringStack(scope, construct_id, **settings)


def _of_images(
    scope: Construct, name: str, environment: Environment
) -> "tuple[list[ReplicasStack], list[ImagesStack]]":
    """Repositories, and for each Region that they are replicated to what it needs before; that is deployed first."""
    from fairlane_stacks.images_stacks import ImagesStack, ReplicasStack  # noqa: PLC0415

    homes = [
        ImagesStack(scope, f"{_prefix(name, environment, region)}-images", model=model, **_common(environment, region))
        for region, model in environment.by_region().items()
        if model.images
    ]
    by_region = environment.by_region()
    replicated: dict[str, list[ReplicatedRepository]] = {}
    for stack in homes:
        for repository in stack.repositories.values():
            for place in repository.destinations:
                if place.account == repository.home.account:
                    replicated.setdefault(place.region, []).append(repository)
    replicas = [
        ReplicasStack(
            scope,
            f"{_prefix(name, environment, region)}-replicas",
            repositories=replicated[region],
            alarms=(by_region[region].alarms if region in by_region else None) or environment.alarms or AlarmSettings(),
            **_common(environment, region),
        )
        for region in sorted(replicated)
    ]
    return replicas, homes


def _prefix(name: str, environment: Environment, region: str) -> str:
    return f"fairlane-{name}" if region == environment.region else f"fairlane-{name}-{region}"


def _common(environment: Environment, region: str) -> StackSettings:
    account = environment.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    return {
        "env": cdk.Environment(account=account, region=region),
        "tags": environment.tags,
        "termination_protection": environment.termination_protection,
    }
