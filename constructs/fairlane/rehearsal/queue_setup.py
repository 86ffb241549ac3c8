"""Queues of environment files as arguments of a rehearsal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairlane.catalog import gpu_instance_type, training_gpus
from fairlane.environment import ComputeEnvironmentSettings, RegionModel, TrainingQueueModel, load_environment
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.reader import Unit
from fairlane.scheduler.job import Trace
from fairlane.scheduling import (
    NUM_INSTANCES,
    Capacity,
    FairShare,
    Fifo,
    JobStateTimeLimitAction,
    QuotaManagement,
    SchedulingPolicy,
)
from fairlane.scheduling.capacity import capacity_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSetup:
    """Policy and capacity of a queue, for a rehearsal.

    Args:
        policy: Scheduling policy of the queue.
        capacity: Capacity of the queue. For a queue of containers, the maximum number of GPUs of all its compute
            environments together.
        unit: Unit of the capacity: `instances` or `gpus`.
        gpus: Number of GPUs in one unit of the capacity, by instance type. The key is empty for a queue that has one
            instance type.
        gpus_per_instance: Number of GPUs of an instance. None if the number is unknown, or if instances differ.
        time_limit_actions: Time-limit actions of the queue. Default: none.
    """

    policy: SchedulingPolicy
    capacity: Capacity
    unit: Unit
    gpus: Mapping[str, int]
    gpus_per_instance: int | None
    time_limit_actions: Sequence[JobStateTimeLimitAction] = ()


def read_queue(path: str | Path, name: str) -> QueueSetup:
    """Read a queue of an environment file. If several Regions have a queue of this name, read the first in the file.

    Args:
        path: Path of the environment file.
        name: Name of the queue.

    Returns:
        Policy and capacity of the queue.

    Raises:
        ConfigurationError: If the file has mistakes or has no queue of this name.
    """
    regions = load_environment(Path(path), deployed=False).by_region().values()
    region = next((region for region in regions if name in region.queues), None)
    if region is None:
        names = [queue for region in regions for queue in region.queues]
        if not names:
            raise ConfigurationError(str(path), [Problem.relation(("queues",), f"the file has no queues: add {name}")])
        raise ConfigurationError(str(path), [Problem(("queues",), name, f"a queue of the file: {', '.join(names)}")])
    queue = region.queues[name]
    policy = queue.queue_settings["scheduling"]
    if isinstance(queue, TrainingQueueModel):
        return _training_setup(policy, queue, region)
    environments = {key: region.compute_environments[key] for key in queue.compute_environments}
    problems = []
    for key, environment in environments.items():
        if _max_gpus(environment) is None:
            allowed = "a number of GPUs, because the GPUs of instance_types are unknown"
            problems.append(Problem(("compute_environments", key, "max_gpus"), None, allowed))
    if problems:
        raise ConfigurationError(str(path), problems)
    types = [name for environment in environments.values() for name in environment.instance_types]
    sizes = {instance.gpus if (instance := gpu_instance_type(name)) else None for name in types}
    return QueueSetup(
        policy=policy,
        capacity=sum(_max_gpus(environment) or 0 for environment in environments.values()),
        unit="gpus",
        gpus={"": 1},
        gpus_per_instance=sizes.pop() if len(sizes) == 1 else None,
        time_limit_actions=tuple(queue.time_limit_actions),
    )


def build_comparison_queue(alternative: str, name: str, queue: QueueSetup, trace: Trace) -> QueueSetup:
    """Return the queue that a queue is compared with.

    Args:
        alternative: `fifo`, `fair-share`, or the path of an environment file that has a queue of the same name.
        name: Name of the queue.
        queue: Queue that is rehearsed.
        trace: Jobs of the queue. Their shares are the shares of `fair-share` if the policy of `queue` has none.

    Returns:
        The queue of the environment file, or the capacity of `queue` with the policy `fifo` or `fair-share`.

    Raises:
        ConfigurationError: If `read_queue` fails, if jobs would have other sizes on the queue of the file, or if
            `alternative` is a policy and the queue has several instance types.
    """
    if alternative not in ("fifo", "fair-share"):
        if not Path(alternative).is_file():
            allowed = "fifo, fair-share, or the path of an environment file"
            raise ConfigurationError("--against", [Problem((), alternative, allowed)])
        other = read_queue(alternative, name)
        if other.unit != queue.unit:
            sentence = (
                f"the capacity counts {other.unit}, but the capacity of the rehearsed queue counts {queue.unit}: "
                "compare queues of the same kind"
            )
            raise ConfigurationError(alternative, [Problem.relation(("queues", name), sentence)])
        if queue.gpus_per_instance not in (None, other.gpus_per_instance):
            sentence = (
                f"instances have {other.gpus_per_instance or 'different numbers of'} GPUs, but the jobs are sized for "
                f"instances with {queue.gpus_per_instance}: compare queues with the same number of GPUs per instance"
            )
            raise ConfigurationError(alternative, [Problem.relation(("queues", name), sentence)])
        return other
    limits = capacity_limits(queue.capacity)
    if len(limits) > 1:
        sentence = (
            f"the queue has several instance types, {' and '.join(limits)}, and {alternative} does not count them "
            "separately: compare with an environment file"
        )
        raise ConfigurationError(f"--against {alternative}", [Problem.relation((), sentence)])
    entitled = queue.policy.entitlements(queue.capacity)
    proportions = {share: sum(units.values()) for share, units in entitled.items()} or dict.fromkeys(
        (share for share in trace.share_names if share), 1
    )
    policy = Fifo() if alternative == "fifo" else FairShare.by_proportion(proportions)
    (capacity,) = limits.values()
    return replace(queue, policy=policy, capacity=capacity)


def _training_setup(policy: SchedulingPolicy, queue: TrainingQueueModel, region: RegionModel) -> QueueSetup:
    shared = region.service_environments.get(queue.service_environment or "")
    capacity = (shared.capacity if shared else queue.capacity) or 0
    if isinstance(capacity, dict) and not isinstance(policy, QuotaManagement):
        capacity = capacity[NUM_INSTANCES]  # no other policy counts instance types
    types = {unit: unit for unit in capacity} if isinstance(capacity, dict) else {"": queue.instance_type or ""}
    gpus = {unit: number for unit, name in types.items() if (number := training_gpus(name))}
    sizes = {gpus.get(unit) for unit in types}
    return QueueSetup(
        policy=policy,
        capacity=capacity,
        unit="instances",
        gpus=gpus | ({"": max(gpus.values())} if len(sizes) == 1 and gpus else {}),
        gpus_per_instance=sizes.pop() if len(sizes) == 1 else None,
        time_limit_actions=tuple(queue.time_limit_actions),
    )


def _max_gpus(environment: ComputeEnvironmentSettings) -> int | None:
    """Return the maximum number of GPUs of a compute environment, whichever of its instance types start.

    None if the GPUs of an instance type are unknown.
    """
    if environment.max_gpus is not None:
        return environment.max_gpus
    instances = [gpu_instance_type(name) for name in environment.instance_types]
    numbers = [(environment.max_vcpus or 0) // instance.vcpus * instance.gpus for instance in instances if instance]
    return min(numbers) if len(numbers) == len(instances) else None
