"""Queues of environment files, as rehearsals take them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fairlane.catalog import gpu_instance_type, training_gpus
from fairlane.environment import ComputeEnvironmentSettings, RegionModel, TrainingQueueModel, load_environment
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.reader import Unit
from fairlane.scheduler.job import Trace
from fairlane.scheduling import NUM_INSTANCES, Capacity, FairShare, Fifo, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSetup:
    """What a rehearsal needs to know of a queue.

    Args:
        policy: who goes next.
        capacity: how much there is; of a queue of containers, the GPUs that its machines may have together.
        unit: what the capacity counts.
        gpus: how many GPUs a unit of the capacity has, by instance type; empty for the only one.
        gpus_per_instance: how many GPUs an instance has; None if that is not known, or differs.
    """

    policy: SchedulingPolicy
    capacity: Capacity
    unit: Unit
    gpus: Mapping[str, int]
    gpus_per_instance: int | None


def read_queue(path: str | Path, name: str) -> QueueSetup:
    """Reads a queue of an environment file; where several Regions have one of that name, the first in the file.

    Args:
        path: the environment file.
        name: the queue's name.

    Raises:
        ConfigurationError: with the mistakes in the file, or if it has no such queue.
    """
    regions = load_environment(Path(path)).by_region().values()
    region = next((one for one in regions if name in one.queues), None)
    if region is None:
        there = ", ".join(queue for one in regions for queue in one.queues) or "a queue, of which the file has none"
        raise ConfigurationError(str(path), [Problem(("queues",), name, there)])
    queue = region.queues[name]
    policy = queue.queue_settings["scheduling"]
    if isinstance(queue, TrainingQueueModel):
        return _training(policy, queue, region)
    environments = {one: region.compute_environments[one] for one in queue.compute_environments}
    problems = []
    for key, environment in environments.items():
        if _gpus(environment) is None:
            problems.append(
                Problem(("compute_environments", key, "max_gpus"), None, "a number, as its machines are not known")
            )
    if problems:
        raise ConfigurationError(str(path), problems)
    types = [machine for environment in environments.values() for machine in environment.instance_types]
    sizes = {machine.gpus if (machine := gpu_instance_type(one)) else None for one in types}
    return QueueSetup(
        policy=policy,
        capacity=sum(_gpus(environment) or 0 for environment in environments.values()),
        unit="gpus",
        gpus={"": 1},
        gpus_per_instance=sizes.pop() if len(sizes) == 1 else None,
    )


def other_queue(what: str, name: str, queue: QueueSetup, trace: Trace) -> QueueSetup:
    """Finds what to compare a queue with.

    Args:
        what: `fifo`, `fair-share`, or the path of an environment file that has a queue of the same name.
        name: the queue's name.
        queue: the queue.
        trace: its jobs, which have the shares where the queue has none.

    Raises:
        ConfigurationError: for a file as `read_queue`, or if the jobs would have other sizes on its queue; else if the
            queue has several instance types, which only quota management counts apart.
    """
    if what not in ("fifo", "fair-share"):
        if not Path(what).is_file():
            raise ConfigurationError("--against", [Problem((), what, "fifo, fair-share, or an environment file")])
        other = read_queue(what, name)
        if other.unit != queue.unit:
            raise ConfigurationError(
                what, [Problem(("queues", name), f"a queue of {other.unit}", f"one of {queue.unit}")]
            )
        if queue.gpus_per_instance not in (None, other.gpus_per_instance):
            got = f"instances of {other.gpus_per_instance or 'several numbers of'} GPUs"
            allowed = f"instances of {queue.gpus_per_instance}, by which the jobs are sized"
            raise ConfigurationError(what, [Problem(("queues", name), got, allowed)])
        return other
    limits = capacity_limits(queue.capacity)
    if len(limits) > 1:
        allowed = "a queue of one instance type, as only quota management counts several apart"
        raise ConfigurationError(f"--against {what}", [Problem((), " and ".join(limits), allowed)])
    entitled = queue.policy.entitlements(queue.capacity)
    proportions = {share: sum(units.values()) for share, units in entitled.items()} or dict.fromkeys(
        (share for share in trace.share_names if share), 1
    )
    policy = Fifo() if what == "fifo" else FairShare.by_proportion(proportions)
    (capacity,) = limits.values()
    return replace(queue, policy=policy, capacity=capacity)


def _training(policy: SchedulingPolicy, queue: TrainingQueueModel, region: RegionModel) -> QueueSetup:
    shared = region.service_environments.get(queue.service_environment or "")
    capacity = (shared.capacity if shared else queue.capacity) or 0
    if isinstance(capacity, dict) and not isinstance(policy, QuotaManagement):
        capacity = capacity[NUM_INSTANCES]  # no other policy counts instance types
    types = {one: one for one in capacity} if isinstance(capacity, dict) else {"": queue.instance_type or ""}
    gpus = {unit: known for unit, one in types.items() if (known := training_gpus(one))}
    sizes = {gpus.get(unit) for unit in types}
    return QueueSetup(
        policy=policy,
        capacity=capacity,
        unit="instances",
        gpus=gpus | ({"": max(gpus.values())} if len(sizes) == 1 and gpus else {}),
        gpus_per_instance=sizes.pop() if len(sizes) == 1 else None,
    )


def _gpus(environment: ComputeEnvironmentSettings) -> int | None:
    """The most GPUs that a compute environment may have, whichever of its machines start."""
    if environment.max_gpus is not None:
        return environment.max_gpus
    machines = [gpu_instance_type(one) for one in environment.instance_types]
    numbers = [(environment.max_vcpus or 0) // one.vcpus * one.gpus for one in machines if one is not None]
    return min(numbers) if len(numbers) == len(machines) else None
