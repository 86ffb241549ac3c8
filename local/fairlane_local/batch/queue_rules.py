"""Rules of AWS Batch for job queues: environments, priority, time limits and scheduling policy."""

from typing import Final

from fairlane_local.batch.compute_resource_rules import FARGATE, MANAGED_INSTANCES, architecture
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import counts_instance_types
from fairlane_local.batch.store import Batch, Record, Records, find

TRAINING: Final = "SAGEMAKER_TRAINING"
"""Type of a queue for SageMaker training jobs."""

_CAPACITY: Final = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
_TRAINING_REASONS: Final = (
    _CAPACITY,
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
)
_CONTAINER_REASONS: Final = (
    _CAPACITY,
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
)
_MAX_ENVIRONMENTS: Final = 3
_UNKNOWN_ENVIRONMENT: Final = "Compute Environments must be created and valid before attaching them to a job queue"
_UNKNOWN_SERVICE_ENVIRONMENT: Final = (
    "Service environments must be created and valid before attaching them to a job queue."
)


def training_settings(batch: Batch, settings: Record, kind: str | None) -> Record:
    """Return the type of a SageMaker queue, and its service environment by ARN.

    Args:
        batch: Records of the account and Region.
        settings: Settings of the queue after the request.
        kind: Queue type of the request or of the existing queue.

    Raises:
        RequestError: If the environments are invalid.
    """
    order = settings["serviceEnvironmentOrder"]
    if kind not in (None, TRAINING):
        raise _incompatible(kind, "serviceEnvironmentOrder")
    if not order or settings["computeEnvironmentOrder"]:
        raise RequestError("Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder.")
    if len(order) > 1:
        raise RequestError("Job queue can only have 1 service environment.")
    (environment,) = _environments(
        batch.service_environments, [order[0]["serviceEnvironment"]], _UNKNOWN_SERVICE_ENVIRONMENT
    )
    arn = environment["serviceEnvironmentArn"]
    return {"serviceEnvironmentOrder": [{**order[0], "serviceEnvironment": arn}], "jobQueueType": TRAINING}


def container_settings(batch: Batch, settings: Record, kind: str | None) -> Record:
    """Return the type of a queue for containers, and its compute environments by ARN.

    Args:
        batch: Records of the account and Region.
        settings: Settings of the queue after the request.
        kind: Queue type of the request or of the existing queue.

    Raises:
        RequestError: If the environments are invalid or cannot be combined.
    """
    order = sorted(settings["computeEnvironmentOrder"], key=lambda entry: int(entry["order"]))
    if not order:
        raise RequestError("At least 1 compute environment must be provided")
    if len(order) > _MAX_ENVIRONMENTS:
        raise RequestError(f"Only {_MAX_ENVIRONMENTS} environments are allowed in job queue request.")
    if len({entry["order"] for entry in order}) < len(order):
        raise RequestError("Duplicate ComputeEnvironment order values.")
    names = [entry["computeEnvironment"] for entry in order]
    environments = _environments(batch.compute_environments, names, _UNKNOWN_ENVIRONMENT)
    arns = [environment["computeEnvironmentArn"] for environment in environments]
    if len(set(arns)) < len(arns):
        raise RequestError("Duplicate ComputeEnvironments within order list.")
    actual_kind = _common_type(environments)
    if kind not in (None, actual_kind):
        raise _incompatible(kind, "computeEnvironmentOrder")
    entries = [{**entry, "computeEnvironment": arn} for entry, arn in zip(order, arns, strict=True)]
    return {"computeEnvironmentOrder": entries, "jobQueueType": actual_kind}


def check_priority_and_actions(settings: Record) -> None:
    """Raise RequestError if the priority or a time limit of a queue is invalid."""
    if not 0 <= settings["priority"] <= 1000:
        raise RequestError("Priority should be between 0 and 1000.")
    is_training = settings["jobQueueType"] == TRAINING
    valid_action, reasons = ("TERMINATE", _TRAINING_REASONS) if is_training else ("CANCEL", _CONTAINER_REASONS)
    actions = settings["jobStateTimeLimitActions"]
    for action in actions:
        if action["action"] != valid_action:
            raise RequestError(f"Invalid job action. Valid job actions: [{valid_action}]")
        if action["reason"] not in reasons:
            raise RequestError(f"Invalid job reason. Valid job reasons: [{', '.join(reasons)}]")
        if not 600 <= action["maxTimeSeconds"] <= 86400:
            raise RequestError("Max time seconds should be between 600 and 86400.")
    if len({(action["state"], action["reason"]) for action in actions}) < len(actions):
        raise RequestError("Duplicate job state limit actions are not allowed.")


def check_policy(batch: Batch, queue: Record, settings: Record) -> None:
    """Raise RequestError if a queue cannot have its scheduling policy with its environments.

    Args:
        batch: Records of the account and Region.
        queue: Queue before the request.
        settings: Settings of the queue after the request.
    """
    policy = _policy(batch, settings["schedulingPolicyArn"]) if "schedulingPolicyArn" in settings else {}
    has_quotas = "quotaSharePolicy" in policy
    if settings["jobQueueType"] != TRAINING:
        if has_quotas:
            raise RequestError("Quota Management feature is only supported for SageMaker Training job queues.")
        return
    environment = batch.service_environments[settings["serviceEnvironmentOrder"][0]["serviceEnvironment"]]
    if counts_instance_types(environment) != has_quotas:
        raise RequestError("Quota management requires a service environment whose capacity units are instance types")
    others = [other for other in batch.queues.values() if other["jobQueueArn"] != queue["jobQueueArn"]]
    if has_quotas and any(_uses(other, environment) for other in others):
        raise RequestError("A service environment with quota management can only have 1 job queue.")


def _incompatible(kind: str | None, order: str) -> RequestError:
    return RequestError(f"The jobQueueType provided is {kind}, which is incompatible with the provided {order}.")


def _environments(records: Records, names_or_arns: list[str], message: str) -> list[Record]:
    """Return environments by name or ARN, in this order."""
    found = [find(records, [name]) for name in names_or_arns]
    if not all(found):
        raise RequestError(message)
    return [matches[0] for matches in found]


def _policy(batch: Batch, arn: str) -> Record:
    if ":scheduling-policy/" not in arn:
        raise RequestError("Only scheduling policy Arn can be allowed.")
    if arn not in batch.policies:
        raise RequestError(f"SchedulingPolicy {arn} not found.")
    return batch.policies[arn]


def _uses(queue: Record, environment: Record) -> bool:
    arn = environment["serviceEnvironmentArn"]
    return any(entry["serviceEnvironment"] == arn for entry in queue["serviceEnvironmentOrder"])


def _common_type(environments: list[Record]) -> str:
    """Return the queue type for compute environments.

    Raises:
        RequestError: If they cannot be combined.
    """
    kinds = {_queue_type(environment) for environment in environments}
    if kinds == {"ECS", "ECS_FARGATE"}:
        raise RequestError("Fargate and EC2 compute environments can not be mixed.")
    if len(kinds) > 1:
        raise RequestError(f"{' and '.join(sorted(kinds))} compute environments can not be mixed.")
    resources = [environment["computeResources"] for environment in environments if "computeResources" in environment]
    architecture(name for resource in resources for name in resource.get("instanceTypes", []))
    (kind,) = kinds
    if kind == MANAGED_INSTANCES:
        options = [_capacity_option(resource) for resource in resources]
        if options != sorted(options):
            raise RequestError("On-Demand managed instances must come before Spot managed instances.")
    return kind


def _queue_type(environment: Record) -> str:
    kind = environment.get("computeResources", {}).get("type")
    if environment["containerOrchestrationType"] == "EKS":
        return "EKS"
    if kind == MANAGED_INSTANCES:
        return MANAGED_INSTANCES
    return "ECS_FARGATE" if kind in FARGATE else "ECS"


def _capacity_option(resources: Record) -> str:
    template = resources["managedInstancesProvider"].get("instanceLaunchTemplate", {})
    return str(template.get("capacityOptionType", "ON_DEMAND"))
