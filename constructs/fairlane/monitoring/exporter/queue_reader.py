"""Queues of the CDK read as `MonitoredQueue`, and checked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from fairlane._internal.aws import ARN
from fairlane._internal.checks import check_list
from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.capacity import GpuComputeEnvironment, Purchase
from fairlane.catalog import gpu_instance_type, training_gpus
from fairlane.errors import Problem
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.exporter.rules import exporter_problems
from fairlane.queues import GpuQueue, GpuQueueBase, TrainingQueue, TrainingQueueBase
from fairlane.queues.rules import MAX_QUEUES
from fairlane.scheduling import QuotaManagement
from fairlane.scheduling.capacity import check_instance_type
from fairlane.scheduling.share_identifiers import check_share_identifier

AnyQueue: TypeAlias = TrainingQueueBase | GpuQueueBase

MAX_SHARES: Final = 100
_VCPU: Final = "VCPU"
_ANY_INSTANCE: Final = "NUM_INSTANCES"


def read_queue(
    queue: AnyQueue,
    shares: Sequence[str] | None,
    instance_type: str | None,
    where: Claims,
    among: Sequence[AnyQueue],
) -> MonitoredQueue:
    """Reads off a queue what is known of it at synth, by its name alone: it may be in another stack.

    Args:
        queue: made here or elsewhere.
        where: the account and Region that it is watched from, which are its own.
        shares: the shares to publish for; by default those of its policy.
        instance_type: what GPUs are counted by.
        among: all queues that are watched.
    """
    scheduling = queue.scheduling
    limit = _limit(queue)
    entitlements = scheduling.entitlements(limit) if scheduling and limit else {}
    declared = shares if shares is not None else scheduling.share_names if scheduling else []
    return MonitoredQueue(
        name=queue.job_queue_name,
        arn=f"{ARN}:batch:{where.region}:{where.account}:job-queue/{queue.job_queue_name}",
        service=isinstance(queue, TrainingQueueBase),
        elsewhere=scheduling is None,
        quotas=isinstance(scheduling, QuotaManagement),
        shares={name: entitlements.get(name, {}) for name in declared},
        limit=limit,
        alone=not any(set(_environments(queue)) & set(_environments(one)) for one in among if one is not queue),
        gpus=_gpus(queue, limit, instance_type),
        spot=_has_spot(queue),
        instance_type=instance_type,
    )


def _limit(queue: AnyQueue) -> dict[str, int]:
    if isinstance(queue, GpuQueue):
        environments = queue.compute_environments
        if not all(isinstance(one, GpuComputeEnvironment) for one in environments):
            return {}
        vcpus = [one.max_vcpus for one in environments if isinstance(one, GpuComputeEnvironment)]
        return {} if any(map(is_token, vcpus)) else {_VCPU: sum(vcpus)}
    limits = getattr(queue.service_environment, "capacity_limits", None) if isinstance(queue, TrainingQueue) else None
    return {} if not limits or any(map(is_token, limits.values())) else dict(limits)


def _environments(queue: AnyQueue) -> tuple[object, ...]:
    if isinstance(queue, GpuQueue):
        return queue.compute_environments
    return (queue.service_environment,) if isinstance(queue, TrainingQueue) else ()


def _gpus(queue: AnyQueue, limit: Mapping[str, int], instance_type: str | None) -> int | None:
    if not limit:
        return None
    if isinstance(queue, GpuQueue):
        environments = [one for one in queue.compute_environments if isinstance(one, GpuComputeEnvironment)]
        machines = [[gpu_instance_type(name) for name in one.instance_types] for one in environments]
        most = [
            max((one.max_vcpus * machine.gpus // machine.vcpus for machine in some if machine), default=0)
            for one, some in zip(environments, machines, strict=True)
        ]
        return sum(most) or None
    types = {instance_type or unit if unit == _ANY_INSTANCE else unit: amount for unit, amount in limit.items()}
    return sum((training_gpus(name) or 0) * amount for name, amount in types.items()) or None


def _has_spot(queue: AnyQueue) -> bool:
    environments = queue.compute_environments if isinstance(queue, GpuQueue) else ()
    return any(isinstance(one, GpuComputeEnvironment) and one.purchase == Purchase.SPOT for one in environments)


def _elsewhere(queue: AnyQueue, where: Claims) -> str | None:
    """The account or Region of a queue, where it is known to be another than `where`."""
    claims = Claims.at(queue)
    literal = None if is_token(queue.job_queue_arn) else queue.job_queue_arn.split(":")
    region, account = (literal[3], literal[4]) if literal else (claims.region, claims.account)
    pairs = ((region, where.region), (account, where.account))
    return next(
        (theirs for theirs, ours in pairs if theirs != ours and not is_token(theirs) and not is_token(ours)), None
    )


def job_metrics_problems(
    queues: Sequence[AnyQueue],
    shares: Mapping[str, Sequence[str]],
    instance_types: Mapping[str, str],
    interval_minutes: int,
    namespace: str,
    where: Claims,
) -> Iterator[Problem]:
    """Yields every mistake; arguments as for `JobMetrics`."""
    kinds = (TrainingQueueBase, GpuQueueBase)
    wrong = list(check_list(("queues",), queues, kinds, "TrainingQueue and GpuQueue"))
    yield from wrong
    names = [] if wrong else [queue.job_queue_name for queue in queues]
    if not wrong and not 1 <= len(queues) <= MAX_QUEUES:
        yield Problem(("queues",), f"{len(queues)} queues", f"1 to {MAX_QUEUES} queues, as many as a Region has")
    for index, name in enumerate(names):
        if is_token(name):
            yield Problem(("queues", index), name, "a queue whose name is known at synth")
        elif name in names[:index]:
            yield Problem(("queues", index), name, "each queue once")
        elif elsewhere := _elsewhere(queues[index], where):
            yield Problem(("queues", index), f"{name} in {elsewhere}", "a queue in the account and Region of this")
    for field, by_queue in (("shares", shares), ("instance_types", instance_types)):
        for name in by_queue:
            if not wrong and name not in names:
                yield Problem((field, str(name)), name, f"the name of one of the queues: {', '.join(map(str, names))}")
    for name, some in shares.items():
        listed = list(check_list(("shares", str(name)), some, str, "share identifiers"))
        yield from listed
        for index, share in enumerate(() if listed else some):
            yield from check_share_identifier(("shares", str(name), index), share)
    for name, instance_type in instance_types.items():
        yield from check_instance_type(("instance_types", str(name)), instance_type)
    for index, queue in enumerate(() if wrong else queues):
        chosen = shares.get(queue.job_queue_name, queue.scheduling.share_names if queue.scheduling else [])
        if len(chosen) > MAX_SHARES:
            allowed = f"at most {MAX_SHARES}, each of which is a dozen metrics: choose with shares"
            yield Problem(("queues", index), f"{len(chosen)} shares", allowed)
    yield from exporter_problems(interval_minutes, namespace)
