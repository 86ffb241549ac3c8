"""Batch API calls for compute environments, with the rules of AWS Batch. No instance or cluster exists."""

from typing import Final
from uuid import uuid4

from moto.utilities.utils import get_partition

from fairlane_local.batch.compute_resource_rules import (
    BEST_FIT,
    FARGATE,
    MANAGED_INSTANCES,
    check_compute_resources,
)
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import MAX_RESOURCES, check_disabled, check_name, check_unused
from fairlane_local.batch.store import Batch, Record, Request, describe, get

_SERVICE_LINKED_ROLE: Final = "/AWSServiceRoleForBatch"
_ROLE_PATH: Final = "aws-service-role/batch.amazonaws.com"
_SCALING: Final = frozenset({"minvCpus", "maxvCpus", "desiredvCpus", "capacityTags"})
"""Compute resources whose update does not replace instances."""

_UPDATES: Final = (
    "state",
    "unmanagedvCpus",
    "serviceRole",
    "updatePolicy",
    "context",
    "ecsSettings",
    "eksConfiguration",
    "computeResources",
)


class ComputeEnvironments:
    """Compute environments of one account and Region. Each is valid as soon as it is created."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.compute_environments

    def create_compute_environment(self, request: Request) -> Record:
        name = request["computeEnvironmentName"]
        check_name(name, "Compute Environment")
        if request.get("state", "ENABLED") != "ENABLED":
            raise RequestError("Compute Environment must be created in ENABLED state.")
        orchestration = "EKS" if "eksConfiguration" in request else "ECS"
        role = request.get("serviceRole", "")
        if request["type"] == "MANAGED":
            if "computeResources" not in request:
                raise RequestError("computeResources must be provided for a MANAGED compute environment")
            check_compute_resources(request["computeResources"], orchestration)
        elif not role:
            raise RequestError("ServiceRole is required.")
        elif role.endswith(_SERVICE_LINKED_ROLE):
            raise RequestError("Service Linked Role cannot be used with UNMANAGED Compute Environment")
        arn = self._batch.new_arn(self._records, f"compute-environment/{name}", MAX_RESOURCES)
        environment = {
            **self._names(name, arn, orchestration),
            "type": request["type"],
            "state": "ENABLED",
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "serviceRole": role or self._arn("iam", "", f"role/{_ROLE_PATH}{_SERVICE_LINKED_ROLE}"),
            "tags": dict(request.get("tags", {})),
            **{key: request[key] for key in _UPDATES if key in request and key not in ("state", "serviceRole")},
        }
        if "computeResources" in request:
            environment["computeResources"] = _with_defaults(request["computeResources"])
        self._batch.add(self._records, arn, environment)
        return _identity(environment)

    def update_compute_environment(self, request: Request) -> Record:
        """Change the given members. Members of `computeResources` that are not given keep their values."""
        environment = get(self._records, request["computeEnvironment"])
        changes = dict(request)
        if "computeResources" in request:
            changes["computeResources"] = _merged(environment, request)
        self._batch.update(environment, changes, _UPDATES)
        return _identity(environment)

    def delete_compute_environment(self, request: Request) -> Record:
        environment = get(self._records, request["computeEnvironment"])
        arn = environment["computeEnvironmentArn"]
        check_disabled(environment)
        check_unused(self._batch.queues, arn)
        self._batch.remove(self._records, arn)
        return {}

    def describe_compute_environments(self, request: Request) -> Record:
        return describe("computeEnvironments", self._records, request)

    def _names(self, name: str, arn: str, orchestration: str) -> Record:
        identifier = str(uuid4())
        record = {
            "computeEnvironmentName": name,
            "computeEnvironmentArn": arn,
            "uuid": identifier,
            "containerOrchestrationType": orchestration,
        }
        if orchestration == "ECS":
            record["ecsClusterArn"] = self._arn("ecs", self._batch.region, f"cluster/{name}_Batch_{identifier}")
        return record

    def _arn(self, service: str, region: str, resource: str) -> str:
        return f"arn:{get_partition(self._batch.region)}:{service}:{region}:{self._batch.account_id}:{resource}"


def _with_defaults(resources: Request) -> Record:
    if resources["type"] in (*FARGATE, MANAGED_INSTANCES):
        return dict(resources)
    minimum = resources.get("minvCpus", 0)
    return {"minvCpus": minimum, "desiredvCpus": minimum, **resources}


def _merged(environment: Record, request: Request) -> Record:
    """Return the compute resources after an update.

    Raises:
        RequestError: If the update is invalid or needs a new environment.
    """
    old: Record = environment.get("computeResources", {})
    if not old:
        raise RequestError("computeResources is not applicable for UNMANAGED.")
    changes = {name: value for name, value in request["computeResources"].items() if old.get(name) != value}
    changes.pop("updateToLatestImageVersion", None)
    merged = {**old, **changes}
    if MANAGED_INSTANCES in (old["type"], merged["type"]) and old["type"] != merged["type"]:
        raise RequestError(f"The type cannot be changed to or from {MANAGED_INSTANCES}.")
    if changes.get("desiredvCpus", old.get("desiredvCpus", 0)) < old.get("desiredvCpus", 0):
        raise RequestError(
            "Manually scaling down compute environment is not supported. Disconnecting job queues from compute "
            "environment will cause it to scale-down to minvCpus."
        )
    if "desiredvCpus" in old and "desiredvCpus" not in changes:
        merged["desiredvCpus"] = min(max(old["desiredvCpus"], merged.get("minvCpus", 0)), merged["maxvCpus"])
    if changes.keys() - _SCALING:
        _check_infrastructure_update(environment, request, merged)
    check_compute_resources(merged, environment["containerOrchestrationType"])
    return merged


def _check_infrastructure_update(environment: Record, request: Request, merged: Record) -> None:
    """Raise RequestError unless AWS Batch can replace the instances of an environment."""
    if not request.get("serviceRole", environment["serviceRole"]).endswith(_SERVICE_LINKED_ROLE):
        raise RequestError("An infrastructure update requires the service-linked role AWSServiceRoleForBatch.")
    has_strategy = merged["type"] not in (*FARGATE, MANAGED_INSTANCES)
    if has_strategy and merged.get("allocationStrategy", BEST_FIT) == BEST_FIT:
        raise RequestError(f"An infrastructure update is not possible with allocation strategy {BEST_FIT}.")


def _identity(environment: Record) -> Record:
    return {key: environment[key] for key in ("computeEnvironmentName", "computeEnvironmentArn")}
