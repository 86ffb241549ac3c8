"""Conversion of queue constructs to `MonitoredQueue`, and problems of the arguments of `JobMetrics`."""

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
    home: Claims,
    queues: Sequence[AnyQueue],
) -> MonitoredQueue:
    """Return the properties of a queue that are known at synth.

    The result refers to the queue by name only, because the queue may be in another stack.

    Args:
        queue: Queue construct, imported or not.
        shares: Names of the shares to publish metrics of. Default: the shares of the queue's policy.
        instance_type: Instance type that gives the number of GPUs.
        home: Account and Region of the exporter and of the queue.
        queues: All monitored queues.
    """
    scheduling = queue.scheduling
    limit = _limit(queue)
    entitlements = scheduling.entitlements(limit) if scheduling and limit else {}
    declared = shares if shares is not None else scheduling.share_names if scheduling else []
    return MonitoredQueue(
        name=queue.job_queue_name,
        arn=f"{ARN}:batch:{home.region}:{home.account}:job-queue/{queue.job_queue_name}",
        service=isinstance(queue, TrainingQueueBase),
        imported=scheduling is None,
        quota_management=isinstance(scheduling, QuotaManagement),
        shares={name: entitlements.get(name, {}) for name in declared},
        limit=limit,
        exclusive=not any(
            set(_environments(queue)) & set(_environments(other)) for other in queues if other is not queue
        ),
        gpus=_gpus(queue, limit, instance_type),
        spot=_has_spot(queue),
        instance_type=instance_type,
    )


def _limit(queue: AnyQueue) -> dict[str, int]:
    if isinstance(queue, GpuQueue):
        environments = queue.compute_environments
        if not all(isinstance(environment, GpuComputeEnvironment) for environment in environments):
            return {}
        vcpus = [
            environment.max_vcpus for environment in environments if isinstance(environment, GpuComputeEnvironment)
        ]
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
        environments = [
            environment for environment in queue.compute_environments if isinstance(environment, GpuComputeEnvironment)
        ]
        return sum(map(_most_gpus, environments)) or None
    types = {instance_type or unit if unit == _ANY_INSTANCE else unit: amount for unit, amount in limit.items()}
    return sum((training_gpus(name) or 0) * amount for name, amount in types.items()) or None


def _most_gpus(environment: GpuComputeEnvironment) -> int:
    instances = filter(None, map(gpu_instance_type, environment.instance_types))
    return max((environment.max_vcpus * instance.gpus // instance.vcpus for instance in instances), default=0)


def _has_spot(queue: AnyQueue) -> bool:
    environments = queue.compute_environments if isinstance(queue, GpuQueue) else ()
    return any(
        isinstance(environment, GpuComputeEnvironment) and environment.purchase == Purchase.SPOT
        for environment in environments
    )


def _other_place(queue: AnyQueue, home: Claims) -> str | None:
    """Return the account or Region of the queue if it is known to differ from `home`."""
    claims = Claims.regional(queue)
    literal = None if is_token(queue.job_queue_arn) else queue.job_queue_arn.split(":")
    region, account = (literal[3], literal[4]) if literal else (claims.region, claims.account)
    pairs = ((region, home.region), (account, home.account))
    return next(
        (place for place, expected in pairs if place != expected and not is_token(place) and not is_token(expected)),
        None,
    )


def _type_problems(queues: object) -> list[Problem]:
    kinds = (TrainingQueueBase, GpuQueueBase)
    items = "TrainingQueue and GpuQueue; from_job_queue_arn imports other queues"
    return list(check_list(("queues",), queues, kinds, items))


def queue_problems(
    queues: Sequence[AnyQueue], instance_types: Mapping[str, str], home: Claims, owner: str
) -> Iterator[Problem]:
    """Yield the problems of the queues whose events a construct receives, and of their instance types.

    Args:
        queues: Queues that were given.
        instance_types: Instance types by the name of the queue.
        home: Account and Region of the construct.
        owner: Name of the construct's class.
    """
    if type_problems := _type_problems(queues):
        yield from type_problems
        return
    names = [queue.job_queue_name for queue in queues]
    if not 1 <= len(queues) <= MAX_QUEUES:
        sentence = f"{len(queues)} queues are given: give 1 to {MAX_QUEUES} queues (a Region has at most {MAX_QUEUES})"
        yield Problem.relation(("queues",), sentence)
    for index, name in enumerate(names):
        if is_token(name):
            yield Problem(("queues", index), name, "a queue whose name is known at synth")
        elif name in names[:index]:
            yield Problem.relation(("queues", index), f"queue {name} is given twice: remove one")
        elif place := _other_place(queues[index], home):
            sentence = f"queue {name} is in {place}: use a queue in the account and Region of this {owner}"
            yield Problem.relation(("queues", index), sentence)
    yield from _name_problems("instance_types", instance_types, names)
    for name, instance_type in instance_types.items():
        yield from check_instance_type(("instance_types", str(name)), instance_type)


def _name_problems(field: str, by_queue: Mapping[str, object], names: Sequence[str]) -> Iterator[Problem]:
    for name in by_queue:
        if name not in names:
            yield Problem((field, str(name)), name, f"the name of one of the queues: {', '.join(map(str, names))}")


def job_metrics_problems(
    queues: Sequence[AnyQueue],
    shares: Mapping[str, Sequence[str]],
    instance_types: Mapping[str, str],
    interval_minutes: int,
    namespace: str,
    home: Claims,
) -> Iterator[Problem]:
    """Yield all problems of the arguments of `JobMetrics`; `home` is its account and Region."""
    yield from queue_problems(queues, instance_types, home, "JobMetrics")
    type_problems = _type_problems(queues)
    if not type_problems:
        yield from _name_problems("shares", shares, [queue.job_queue_name for queue in queues])
    for name, identifiers in shares.items():
        list_problems = list(check_list(("shares", str(name)), identifiers, str, "share identifiers"))
        yield from list_problems
        for index, identifier in enumerate(() if list_problems else identifiers):
            yield from check_share_identifier(("shares", str(name), index), identifier)
    for index, queue in enumerate(() if type_problems else queues):
        published = shares.get(queue.job_queue_name, queue.scheduling.share_names if queue.scheduling else [])
        if len(published) > MAX_SHARES:
            sentence = (
                f"queue {queue.job_queue_name} has {len(published)} shares: choose at most {MAX_SHARES} with shares, "
                "because each share has about a dozen metrics"
            )
            yield Problem.relation(("queues", index), sentence)
    yield from exporter_problems(interval_minutes, namespace)
