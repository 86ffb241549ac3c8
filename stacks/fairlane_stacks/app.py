"""Stacks of one environment."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import AlarmSettings, Environment
from fairlane.environment.acknowledge import CLI_PREFIX
from fairlane_stacks.regional_stack import RegionalStack, StackSettings, set_log_retention
from fairlane_stacks.training_stack import TrainingStack

if TYPE_CHECKING:
    from fairlane.images import ReplicatedRepository
    from fairlane.monitoring import MonitoredFanOut
    from fairlane_stacks.hyperpod_monitoring_stack import HyperPodMonitoringStack
    from fairlane_stacks.hyperpod_stack import HyperPodStack
    from fairlane_stacks.images_stacks import ImagesStack, ReplicasStack
    from fairlane_stacks.monitoring_stack import MonitoringStack


def build_stacks(scope: Construct, name: str, environment: Environment) -> list[cdk.Stack]:
    """Create the stacks of an environment and return them.

    Names of stacks in the home Region are `<prefix>-<name>-<kind>`, in other Regions `<prefix>-<name>-<region>-<kind>`,
    where the prefix is `fairlane` or `stack_prefix` of the file:

    - `training`: in each Region with queues or resources for jobs.
    - `monitoring`: in each Region with `job_metrics`. The first of them has the dashboards of all Regions and the
      estimate of what monitoring costs.
    - `monitoring-2`, `monitoring-3` and so on: in each Region with more alarms or dashboards than a stack has room for.
    - `images`: in each Region with `images`.
    - `replicas`: in each Region that images are replicated to, and deployed before the images.
    - `hyperpod-<cluster>`: for each HyperPod cluster.
    - `hyperpod-<cluster>-monitoring`: for each HyperPod cluster, unless alarms and dashboards are turned off. Without
      queues, the first of them has the estimate of what monitoring costs.

    Args:
        scope: App or stage of the stacks.
        name: Name of the environment: letters, digits and hyphens.
        environment: Content of the environment file. An environment without an account uses the account of the AWS CDK
            CLI's credentials (`CDK_DEFAULT_ACCOUNT`), or no account if the CLI has no credentials.

    Raises:
        ConfigurationError: If a construct refuses its arguments, for example if the estimated cost is above the limit.
    """
    stacks: list[RegionalStack] = []
    monitoring: dict[str, MonitoringStack] = {}
    for region, model in environment.by_region().items():
        if not model.has_training_resources:
            continue
        common = _common(environment, region)
        training = TrainingStack(
            scope,
            f"{environment.stack_name(name, region)}-training",
            model=model,
            home=environment.region,
            fan_outs=environment.fan_outs,
            home_stores=environment.sweeps,
            name_prefix=environment.stack_name(name, region),
            stack_prefix=environment.stack_prefix,
            **common,
        )
        stacks.append(training)
        if model.job_metrics is not None:
            monitoring[region] = _monitoring_stack(
                scope,
                f"{environment.stack_name(name, region)}-monitoring",
                training=training,
                model=model,
                name_prefix=environment.stack_name(name, region),
                fan_outs=_monitored_fan_outs(environment) if region == environment.region else [],
                **common,
            )
            stacks.append(monitoring[region])
    training_stacks = [stack for stack in stacks if isinstance(stack, TrainingStack)]
    replicas: list[ReplicasStack] = []
    if any(model.images for model in environment.by_region().values()):
        replicas, homes = _images_stacks(scope, name, environment)
        stacks += [*replicas, *homes]
    clusters = _hyperpod_monitoring_stacks(scope, name, environment)
    stacks += [*_hyperpod_stacks(scope, name, environment), *clusters]
    if monitoring:
        from fairlane_stacks.monitoring_stacks import add_monitoring  # noqa: PLC0415 (loads for most of a second)

        stacks += add_monitoring(name, environment, monitoring, partial(_common, environment))
    if monitoring or clusters:
        from fairlane_stacks.monitoring_cost import add_cost  # noqa: PLC0415 (loads for most of a second)

        add_cost(name, environment, list(monitoring.values()), clusters, replicas, training_stacks)
    _add_environment_cost(name, environment, stacks)
    if environment.log_retention_days is not None:
        for stack in stacks:
            set_log_retention(stack, environment.log_retention_days)
    return [*stacks]


def _add_environment_cost(name: str, environment: Environment, stacks: Sequence[RegionalStack]) -> None:
    """Add the estimated cost of the environment to the first stack. The estimate reads the price file when called."""
    from fairlane_stacks.environment_cost import estimate  # noqa: PLC0415 (loads for most of a second)

    if stacks:
        monitoring = next(filter(None, (getattr(stack, "cost", None) for stack in stacks)), None)
        stacks[0].environment_cost = partial(estimate, name, environment, monitoring)


def _monitored_fan_outs(environment: Environment) -> "list[MonitoredFanOut]":
    from fairlane.monitoring import MonitoredFanOut  # noqa: PLC0415 (loads for most of a second)

    namespace = environment.job_metrics.namespace if environment.job_metrics else None
    return [
        MonitoredFanOut(name=name, region=environment.region, regions=[*fan_out.queues], namespace=namespace)
        for name, fan_out in environment.fan_outs.items()
    ]


def _monitoring_stack(scope: Construct, construct_id: str, **settings: Any) -> "MonitoringStack":
    from fairlane_stacks.monitoring_stack import MonitoringStack  # noqa: PLC0415 (loads for most of a second)

    return MonitoringStack(scope, construct_id, **settings)


def _images_stacks(
    scope: Construct, name: str, environment: Environment
) -> "tuple[list[ReplicasStack], list[ImagesStack]]":
    """Create the stacks of replicas and of images, and return both."""
    from fairlane_stacks.images_stacks import ImagesStack, ReplicasStack  # noqa: PLC0415

    homes = [
        ImagesStack(
            scope, f"{environment.stack_name(name, region)}-images", model=model, **_common(environment, region)
        )
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
            f"{environment.stack_name(name, region)}-replicas",
            repositories=replicated[region],
            name_prefix=environment.stack_name(name, region),
            alarms=(by_region[region].alarms if region in by_region else None) or environment.alarms or AlarmSettings(),
            **_common(environment, region),
        )
        for region in sorted(replicated)
    ]
    return replicas, homes


def _hyperpod_stacks(scope: Construct, name: str, environment: Environment) -> "list[HyperPodStack]":
    if not any(model.hyperpod for model in environment.by_region().values()):
        return []
    from fairlane_stacks.hyperpod_stack import HyperPodStack  # noqa: PLC0415 (loads for most of a second)

    return [
        HyperPodStack(
            scope,
            f"{environment.stack_name(name, region)}-hyperpod-{cluster_name}",
            cluster_name=cluster_name,
            cluster=cluster,
            model=model,
            **_common(environment, region),
        )
        for region, model in environment.by_region().items()
        for cluster_name, cluster in model.hyperpod.items()
    ]


def _hyperpod_monitoring_stacks(
    scope: Construct, name: str, environment: Environment
) -> "list[HyperPodMonitoringStack]":
    dashboards = environment.dashboard.enabled
    clusters = [
        (region, model, cluster_name)
        for region, model in environment.by_region().items()
        for cluster_name in model.hyperpod
        if dashboards or (model.alarms or AlarmSettings()).enabled
    ]
    if not clusters:
        return []
    from fairlane_stacks.hyperpod_monitoring_stack import HyperPodMonitoringStack  # noqa: PLC0415

    stacks = []
    for region, model, cluster_name in clusters:
        prefix = f"{environment.stack_name(name, region)}-hyperpod-{cluster_name}"
        stacks.append(
            HyperPodMonitoringStack(
                scope,
                f"{prefix}-monitoring",
                cluster_name=cluster_name,
                cluster=model.hyperpod[cluster_name],
                model=model,
                name_prefix=environment.stack_name(name, region),
                dashboard_name=prefix if dashboards else None,
                **_common(environment, region),
            )
        )
    return stacks


def _common(environment: Environment, region: str) -> StackSettings:
    account = environment.account or os.environ.get("CDK_DEFAULT_ACCOUNT")
    return {
        "env": cdk.Environment(account=account, region=region),
        "tags": environment.tags,
        "termination_protection": environment.termination_protection,
        "permissions_boundary": environment.permissions_boundary,
        "qualifier": environment.qualifier,
        "acknowledge": {key.removeprefix(CLI_PREFIX): reason for key, reason in environment.acknowledge.items()},
    }
