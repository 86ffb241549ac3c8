"""Queue with its policy, environments and capacity, from AWS or from an environment file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from fairlane.capacity.rules import Purchase
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import NUM_INSTANCES, Capacity, Fifo, SchedulingPolicy, State
from fairlane.scheduling.api_records import capacity_limits, max_vcpus, scheduling_policy
from fairlane.scheduling.share_identifiers import stands_for
from fairlane_client.queues.calls import Calls

if TYPE_CHECKING:
    from fairlane.environment import RegionModel

Kind = Literal["training", "gpu"]
VCPU: Final = "VCPU"
"""Capacity unit of compute environments, as AWS Batch lists it."""
_SPOT: Final = ("SPOT", "FARGATE_SPOT")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEnvironment:
    """Service environment or compute environment of a queue.

    Args:
        name: Name.
        capacity: Capacity limits by unit: `NUM_INSTANCES`, SageMaker instance types, or `VCPU`.
        is_enabled: False if no further job starts there. Default: True.
        instance_types: EC2 instance types or families of a compute environment. Default: none.
        is_spot: True if the instances are Spot Instances, which run no multi-node jobs. Default: False.
        has_efa: False if the instances have no Elastic Fabric Adapter. AWS Batch does not report it. Default: True.
    """

    name: str
    capacity: Mapping[str, int]
    is_enabled: bool = True
    instance_types: Sequence[str] = ()
    is_spot: bool = False
    has_efa: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Queue with all that decides about its jobs.

    Args:
        name: Name.
        kind: `training` for SageMaker training jobs, `gpu` for containers.
        policy: Scheduling policy.
        environments: Environments in the order in which jobs are placed on them.
        arn: ARN. Empty if the queue was read from an environment file.
        is_enabled: False if the queue accepts no jobs. Default: True.
        priority: Priority among the queues of the same environments. Default: 1.
        time_limits: Seconds after which AWS Batch ends a blocked job at the head of the queue, by AWS's reason.
            Default: none.
        instance_type: SageMaker instance type that gives the GPUs, if the queue counts instances of any type.
            Default: unknown.
        neighbors: Names of other queues that use the same environments. Default: none.
    """

    name: str
    kind: Kind
    policy: SchedulingPolicy
    environments: Sequence[QueueEnvironment]
    arn: str = ""
    is_enabled: bool = True
    priority: int = 1
    time_limits: Mapping[str, int] = field(default_factory=dict)
    instance_type: str = ""
    neighbors: Sequence[str] = ()

    @property
    def capacity(self) -> Capacity:
        """Capacity of all enabled environments: a number, or a number of instances for each instance type."""
        total: dict[str, int] = {}
        for environment in self.environments:
            for unit, number in environment.capacity.items() if environment.is_enabled else ():
                total[unit] = total.get(unit, 0) + number
        if set(total) <= {NUM_INSTANCES, VCPU}:
            return sum(total.values())
        return total

    @property
    def units(self) -> list[str]:
        """Capacity units of the queue."""
        return list(dict.fromkeys(unit for environment in self.environments for unit in environment.capacity))

    @property
    def shares(self) -> list[str]:
        """Names of the shares that the policy lists."""
        return self.policy.share_names

    def listed_share(self, share: str) -> str:
        """Return the name under which the policy counts a share: its own, or a prefix with `*`.

        Args:
            share: Share of a job. One that the policy does not list counts under its own name.
        """
        return next((name for name in self.shares if stands_for(name, share)), share)


def read_queue(calls: Calls, name: str) -> Queue:
    """Read a queue from AWS, in at most 5 requests and one for each 100 queues and 100 quota shares.

    Args:
        calls: Calls to AWS Batch.
        name: Name or ARN of the queue.

    Raises:
        LookupError: If the account and Region have no such queue, or if its scheduling policy does not exist.
        NotAllowed: If the caller may not read it.
    """
    records = list_queues(calls)
    return queue_of_record(calls, find_queue(records, name), records)


def list_queues(calls: Calls) -> list[Mapping[str, Any]]:
    """Return the records of all queues of the account and Region, as AWS describes them, in a request for each 100.

    Raises:
        NotAllowed: If the caller may not list queues.
    """
    return [record for page in calls.pages("describe_job_queues", "jobQueues") for record in page]


def find_queue(records: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the record of a queue.

    Args:
        records: Records of all queues.
        name: Name or ARN of the queue.

    Raises:
        LookupError: If no record has this name or ARN.
    """
    found = [record for record in records if name in (record["jobQueueName"], record["jobQueueArn"])]
    if not found:
        names = ", ".join(sorted(record["jobQueueName"] for record in records)) or "none"
        raise LookupError(f"no queue {name}; the queues of this account and Region: {names}")
    return found[0]


def queue_of_record(calls: Calls, queue: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Queue:
    """Read the policy, the shares and the environments of a queue, in at most 2 requests and one for each 100 shares.

    Args:
        calls: Calls to AWS Batch.
        queue: Record of the queue.
        records: Records of all queues of the account and Region.

    Raises:
        LookupError: If the scheduling policy does not exist.
        NotAllowed: If the caller may not read them.
    """
    is_training = queue.get("jobQueueType") == "SAGEMAKER_TRAINING"
    arns = _environment_arns(queue)
    return Queue(
        name=queue["jobQueueName"],
        kind="training" if is_training else "gpu",
        policy=_read_policy(calls, queue),
        environments=_read_environments(calls, arns, is_training=is_training),
        arn=queue["jobQueueArn"],
        is_enabled=queue.get("state") == State.ENABLED,
        priority=queue.get("priority", 1),
        time_limits=_time_limits(queue.get("jobStateTimeLimitActions") or []),
        neighbors=sorted(
            other["jobQueueName"] for other in records if other is not queue and {*arns} & {*_environment_arns(other)}
        ),
    )


def queue_of_environment(path: str | Path, name: str) -> Queue:
    """Read a queue of an environment file, without any call to AWS. If several Regions have it, read the first.

    Args:
        path: Path of the environment file.
        name: Name of the queue.

    Raises:
        ConfigurationError: If the file has mistakes or has no queue of this name.
    """
    from fairlane.environment import TrainingQueueModel, load_environment

    regions = list(load_environment(Path(path)).by_region().values())
    region = next((region for region in regions if name in region.queues), None)
    if region is None:
        names = ", ".join(queue for region in regions for queue in region.queues) or "none"
        raise ConfigurationError(str(path), [Problem(("queues",), name, f"a queue of the file: {names}")])
    model = region.queues[name]
    settings = model.queue_settings
    actions = settings.get("time_limit_actions") or []
    is_training = isinstance(model, TrainingQueueModel)
    return Queue(
        name=name,
        kind="training" if is_training else "gpu",
        policy=settings["scheduling"],
        environments=_training_environment(region, model) if is_training else _compute_environments(region, model),
        priority=settings.get("priority") or 1,
        is_enabled=settings.get("state", State.ENABLED) == State.ENABLED,
        time_limits={action.reason: action.max_time_seconds for action in actions},
        instance_type=(model.instance_type or "") if isinstance(model, TrainingQueueModel) else "",
    )


def _training_environment(region: "RegionModel", model: Any) -> list[QueueEnvironment]:
    shared = region.service_environments.get(model.service_environment or "")
    capacity = (shared.capacity if shared else model.capacity) or 0
    limits = dict(capacity) if isinstance(capacity, Mapping) else {NUM_INSTANCES: capacity}
    return [QueueEnvironment(name=model.service_environment or "", capacity=limits)]


def _compute_environments(region: "RegionModel", model: Any) -> list[QueueEnvironment]:
    settings = {key: region.compute_environments[key] for key in model.compute_environments}
    return [
        QueueEnvironment(
            name=key,
            capacity={VCPU: own.vcpus},
            instance_types=tuple(own.instance_types),
            is_spot=own.purchase == Purchase.SPOT,
            has_efa=own.efa,
        )
        for key, own in settings.items()
    ]


def _environment_arns(queue: Mapping[str, Any]) -> list[str]:
    orders = queue.get("serviceEnvironmentOrder") or queue.get("computeEnvironmentOrder") or []
    ordered = sorted(orders, key=lambda order: order["order"])
    return [order.get("serviceEnvironment") or order["computeEnvironment"] for order in ordered]


def _read_policy(calls: Calls, queue: Mapping[str, Any]) -> SchedulingPolicy:
    arn = queue.get("schedulingPolicyArn")
    if not arn:
        return Fifo()
    record = next(iter(calls("describe_scheduling_policies", arns=[arn])["schedulingPolicies"]), None)
    if record is None:
        raise LookupError(f"the scheduling policy of queue {queue['jobQueueName']} does not exist: {arn}")
    if not record.get("quotaSharePolicy"):
        return scheduling_policy({"fairsharePolicy": record.get("fairsharePolicy") or {}}, [])
    pages = calls.pages("list_quota_shares", "quotaShares", jobQueue=queue["jobQueueName"])
    return scheduling_policy(record, [share for page in pages for share in page])


def _read_environments(calls: Calls, arns: Sequence[str], *, is_training: bool) -> list[QueueEnvironment]:
    if is_training:
        answer = calls("describe_service_environments", serviceEnvironments=list(arns))["serviceEnvironments"]
        found = {environment["serviceEnvironmentArn"]: environment for environment in answer}
        return [
            QueueEnvironment(
                name=found[arn]["serviceEnvironmentName"],
                capacity=capacity_limits(found[arn]),
                is_enabled=found[arn].get("state") == State.ENABLED,
            )
            for arn in arns
            if arn in found
        ]
    answer = calls("describe_compute_environments", computeEnvironments=list(arns))["computeEnvironments"]
    found = {environment["computeEnvironmentArn"]: environment for environment in answer}
    return [
        QueueEnvironment(
            name=found[arn]["computeEnvironmentName"],
            capacity={VCPU: max_vcpus(found[arn])},
            is_enabled=found[arn].get("state") == State.ENABLED,
            instance_types=tuple(found[arn].get("computeResources", {}).get("instanceTypes", [])),
            is_spot=found[arn].get("computeResources", {}).get("type") in _SPOT,
        )
        for arn in arns
        if arn in found
    ]


def _time_limits(actions: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {action["reason"]: action["maxTimeSeconds"] for action in actions}
