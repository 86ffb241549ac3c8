"""Batch API calls for service environments, with the rules of AWS Batch."""

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import (
    MAX_RESOURCES,
    check_disabled,
    check_limits,
    check_name,
    check_unused,
    counts_instance_types,
)
from fairlane_local.batch.store import Batch, Record, Request, describe, get


class ServiceEnvironments:
    """Service environments of one account and Region."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.service_environments

    def create_service_environment(self, request: Request) -> Record:
        name = request["serviceEnvironmentName"]
        check_name(name, "Service environment")
        check_limits(request["capacityLimits"])
        arn = self._batch.new_arn(self._records, f"service-environment/{name}", MAX_RESOURCES)
        environment = {
            "serviceEnvironmentName": name,
            "serviceEnvironmentArn": arn,
            "serviceEnvironmentType": request["serviceEnvironmentType"],
            "state": request.get("state", "ENABLED"),
            "status": "VALID",
            "capacityLimits": request["capacityLimits"],
            "tags": dict(request.get("tags", {})),
        }
        self._batch.add(self._records, arn, environment)
        return _identity(environment)

    def update_service_environment(self, request: Request) -> Record:
        environment = get(self._records, request["serviceEnvironment"])
        if "capacityLimits" in request:
            check_limits(request["capacityLimits"])
            if counts_instance_types(request) != counts_instance_types(environment):
                raise RequestError("Capacity units must specify either number of instances OR instance type")
        self._batch.update(environment, request, ("state", "capacityLimits"))
        return _identity(environment)

    def delete_service_environment(self, request: Request) -> Record:
        environment = get(self._records, request["serviceEnvironment"])
        arn = environment["serviceEnvironmentArn"]
        check_disabled(environment)
        check_unused(self._batch.queues, arn)
        self._batch.remove(self._records, arn)
        return {}

    def describe_service_environments(self, request: Request) -> Record:
        return describe("serviceEnvironments", self._records, request)


def _identity(environment: Record) -> Record:
    return {key: environment[key] for key in ("serviceEnvironmentName", "serviceEnvironmentArn")}
