"""Estimated cost of the monitoring of an environment."""

from collections.abc import Sequence
from dataclasses import replace

from fairlane import ConfigurationError, Problem
from fairlane.environment import Environment
from fairlane.monitoring import MonitoringCost
from fairlane.monitoring.costs.estimate import LOG_RETENTION_DAYS
from fairlane_stacks.hyperpod_monitoring_stack import HyperPodMonitoringStack
from fairlane_stacks.images_stacks import ReplicasStack
from fairlane_stacks.monitoring_stack import MonitoringStack
from fairlane_stacks.training_stack import TrainingStack


def add_cost(
    name: str,
    environment: Environment,
    stacks: Sequence[MonitoringStack],
    clusters: Sequence[HyperPodMonitoringStack],
    replicas: Sequence[ReplicasStack],
    training: Sequence[TrainingStack],
) -> None:
    """Add the estimated cost of all monitoring to the first stack of queues, or else to the first stack of a cluster.

    Args:
        name: Name of the environment, which is the name of its file without `.yaml`.
        environment: Content of the environment file.
        stacks: Monitoring stacks of the queues of all Regions, with their dashboards.
        clusters: Monitoring stacks of the HyperPod clusters.
        replicas: Stacks of replicas, which also have alarms.
        training: Stacks of queues, whose schedules and archives also have alarms.

    Raises:
        ConfigurationError: If the estimated cost is above `monitoring_cost_limit`.
    """
    every: list[MonitoringStack | HyperPodMonitoringStack] = [*stacks, *clusters]
    if not every:
        return
    try:
        every[0].cost = MonitoringCost(
            every[0],
            "Cost",
            metrics=[stack.job_metrics for stack in stacks],
            alarms=[alarms for stack in stacks for alarms in stack.all_alarms],
            dashboards=[dashboard for stack in stacks for dashboard in stack.dashboards],
            fan_outs=[fan_out for stack in stacks for fan_out in stack.fan_outs],
            clusters=[stack.monitoring for stack in clusters],
            keys=sum(len(stack.topics) for stack in (*every, *replicas, *training)),
            other_alarms=len([stack for stack in replicas if stack.alarm])
            + sum(schedule.alarm is not None for stack in training for schedule in stack.schedules.values())
            + sum(stack.job_archive is not None and stack.job_archive.alarm is not None for stack in training),
            log_retention_days=environment.log_retention_days or LOG_RETENTION_DAYS,
            limit_usd=environment.monitoring_cost_limit,
        )
    except ConfigurationError as error:
        problems = (_in_file_keys(problem) for problem in error.problems)
        raise ConfigurationError(f"{name}.yaml", problems) from error


def _in_file_keys(problem: Problem) -> Problem:
    """Return the problem with the path of the key in the environment file."""
    return replace(problem, field=("monitoring_cost_limit",)) if problem.field == ("limit_usd",) else problem
