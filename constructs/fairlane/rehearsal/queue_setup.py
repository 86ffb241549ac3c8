"""Queues of environment files as arguments of a rehearsal."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fairlane.catalog import gpu_instance_type, training_gpus
from fairlane.environment import (
    ComputeEnvironmentSettings,
    GpuQueueModel,
    RegionModel,
    TrainingQueueModel,
    load_environment,
)
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

POLICIES: Final = ("fifo", "fair-share")
"""Policies that a queue can be compared with, besides the queue of an environment file."""


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
        priority: Priority among the queues that share environments. Default: 1.
        environments: Capacity of each environment of the queue by name, in order, for `rehearse_queues`. Queues share
            the environments of the same name. Default: an environment of its own with `capacity`.
        largest_instance: Number of units of the capacity on the largest instance. Default: it has no effect.
        others: Names of the other queues of the file that use the same environments. Default: none.
    """

    policy: SchedulingPolicy
    capacity: Capacity
    unit: Unit
    gpus: Mapping[str, int]
    gpus_per_instance: int | None
    time_limit_actions: Sequence[JobStateTimeLimitAction] = ()
    priority: int = 1
    environments: Mapping[str, Capacity] = field(default_factory=dict)
    largest_instance: int | None = None
    others: Sequence[str] = ()


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
    return read_queues(path, [name])[name]


def read_queues(path: str | Path, names: Sequence[str]) -> dict[str, QueueSetup]:
    """Read queues of an environment file that share service environments or compute environments.

    Compute environments that the same of these queues use count as one.

    Args:
        path: Path of the environment file.
        names: Names of the queues. They are in the first Region of the file that has the first of them.

    Returns:
        Policy and capacity of each queue, by name.

    Raises:
        ConfigurationError: If the file has mistakes or does not have a queue, if a queue is named twice, or if the
            queues do not share environments.
    """
    regions = load_environment(Path(path), deployed=False).by_region().values()
    existing = [queue for region in regions for queue in region.queues]
    if not existing:
        sentence = f"the file has no queues: add {', '.join(names)}"
        raise ConfigurationError(str(path), [Problem.relation(("queues",), sentence)])
    allowed = f"a queue of the file: {', '.join(existing)}"
    problems = [Problem(("queues",), name, allowed) for name in names if name not in existing]
    repeated = [name for name, number in Counter(names).items() if number > 1]
    sentence = "the queue is named twice: name each queue once"
    problems += [Problem.relation(("queues", name), sentence) for name in repeated]
    if problems:
        raise ConfigurationError(str(path), problems)
    region = next(region for region in regions if names[0] in region.queues)
    used = {name: _environments(name, queue) for name, queue in region.queues.items()}
    if apart := not_connected({name: used.get(name, ()) for name in names}):
        sentence = f"the queue shares no environment with {names[0]}: rehearse it alone"
        raise ConfigurationError(str(path), [Problem.relation(("queues", name), sentence) for name in apart])
    if problems := list(_size_problems(region, {key for name in names for key in used[name]})):
        raise ConfigurationError(str(path), problems)
    users = {key: tuple(name for name in names if key in used[name]) for name in names for key in used[name]}
    setups = {}
    for name in names:
        others = [other for other, keys in used.items() if other not in names and {*keys} & {*used[name]}]
        setups[name] = replace(_setup(name, region, users), others=others)
    return setups


def not_connected(environments: Mapping[str, Collection[str]]) -> list[str]:
    """Return the queues that do not share environments with the first queue, also not by way of other queues."""
    connected: set[str] = set()
    apart = [*environments]
    while near := [name for name in apart if not connected or connected & {*environments[name]}]:
        near = near if connected else near[:1]
        connected.update(key for name in near for key in environments[name])
        apart = [name for name in apart if name not in near]
    return apart


def _environments(name: str, queue: TrainingQueueModel | GpuQueueModel) -> Sequence[str]:
    """Return the keys of the environments of a queue, in order."""
    if isinstance(queue, TrainingQueueModel):
        return [queue.service_environment or f"{name} (own)"]
    return queue.compute_environments


def _size_problems(region: RegionModel, keys: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each compute environment whose maximum number of GPUs is unknown."""
    for key, environment in region.compute_environments.items():
        if key in keys and _max_gpus(environment) is None:
            allowed = "a number of GPUs, because the GPUs of instance_types are unknown"
            yield Problem(("compute_environments", key, "max_gpus"), None, allowed)


def _setup(name: str, region: RegionModel, users: Mapping[str, Sequence[str]]) -> QueueSetup:
    """Return a queue.

    Args:
        name: Name of the queue.
        region: Region with the queue.
        users: Names of the rehearsed queues that use each environment, by its key.
    """
    queue = region.queues[name]
    policy = queue.queue_settings["scheduling"]
    if isinstance(queue, TrainingQueueModel):
        setup = _training_setup(policy, queue, region)
        (key,) = _environments(name, queue)
        return replace(setup, priority=queue.queue_settings["priority"], environments={key: setup.capacity})
    environments = {key: region.compute_environments[key] for key in queue.compute_environments}
    merged: dict[Sequence[str], list[str]] = {}
    for key in environments:
        merged.setdefault(users[key], []).append(key)
    capacity = {
        " and ".join(sorted(keys)): sum(_max_gpus(environments[key]) or 0 for key in keys) for keys in merged.values()
    }
    types = [name for environment in environments.values() for name in environment.instance_types]
    sizes = {instance.gpus if (instance := gpu_instance_type(name)) else None for name in types}
    known = [size for size in sizes if size is not None]
    return QueueSetup(
        policy=policy,
        capacity=sum(capacity.values()),
        unit="gpus",
        gpus={"": 1},
        gpus_per_instance=known[0] if len(sizes) == len(known) == 1 else None,
        time_limit_actions=tuple(queue.time_limit_actions),
        priority=queue.queue_settings["priority"],
        environments=capacity,
        largest_instance=max(known) if len(known) == len(sizes) and known else None,
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
    if alternative not in POLICIES:
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
    environments = queue.environments if len(queue.environments) > 1 else dict.fromkeys(queue.environments, capacity)
    return replace(queue, policy=policy, capacity=capacity, environments=environments)


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
