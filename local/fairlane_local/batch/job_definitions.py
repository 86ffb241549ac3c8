"""Batch API calls for job definitions, with the rules of AWS Batch."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.job_definition_rules import check_definition
from fairlane_local.batch.store import Batch, Record, Request, page

_OPTIONAL: Final = (
    "schedulingPriority",
    "containerProperties",
    "nodeProperties",
    "ecsProperties",
    "eksProperties",
    "retryStrategy",
    "timeout",
    "propagateTags",
    "consumableResourceProperties",
)
_LISTS: Final = ("command", "environment", "mountPoints", "resourceRequirements", "secrets", "ulimits", "volumes")
_MAX_NAMES: Final = 100


class JobDefinitions:
    """Job definitions of one account and Region, each revision a record of its own."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.job_definitions

    def register_job_definition(self, request: Request) -> Record:
        check_definition(request)
        name = request["jobDefinitionName"]
        revision = self._batch.revisions[name] = self._batch.revisions.get(name, 0) + 1
        arn = self._batch.arn(f"job-definition/{name}:{revision}")
        definition = {
            "jobDefinitionName": name,
            "jobDefinitionArn": arn,
            "revision": revision,
            "status": "ACTIVE",
            "type": request["type"],
            "parameters": request.get("parameters", {}),
            "platformCapabilities": request.get("platformCapabilities", ["EC2"]),
            "containerOrchestrationType": "EKS" if "eksProperties" in request else "ECS",
            "tags": dict(request.get("tags", {})),
            **{key: request[key] for key in _OPTIONAL if key in request},
        }
        if "containerProperties" in request:
            definition["containerProperties"] = {name: [] for name in _LISTS} | request["containerProperties"]
        self._batch.add(self._records, arn, definition)
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}

    def deregister_job_definition(self, request: Request) -> Record:
        """Make a revision inactive. Jobs can no longer be submitted with it."""
        definition = _revision(self._batch, request["jobDefinition"])
        if definition is None:
            raise RequestError(f"{request['jobDefinition']} does not exist")
        self._batch.update(definition, {"status": "INACTIVE"}, ("status",))
        return {}

    def describe_job_definitions(self, request: Request) -> Record:
        names = request.get("jobDefinitions", [])
        if len(names) > _MAX_NAMES:
            raise RequestError(f"Maximum number of job definitions supported is {_MAX_NAMES}")
        if names and "maxResults" in request:
            raise RequestError("JobDefinitions and MaxResults cannot both be set")
        revisions = [_revision(self._batch, name) for name in names] if names else [*self._records.values()]
        definitions = [
            revision
            for revision in revisions
            if revision is not None
            and request.get("jobDefinitionName", revision["jobDefinitionName"]) == revision["jobDefinitionName"]
            and request.get("status", revision["status"]) == revision["status"]
        ]
        return page("jobDefinitions", definitions, request)


def active_definition(batch: Batch, reference: str) -> Record:
    """Return the revision that a job is submitted with.

    Args:
        batch: Records of the account and Region.
        reference: Name or ARN, with or without a revision. Without one, the newest active revision is returned.

    Raises:
        RequestError: If there is no active revision.
    """
    definition = _revision(batch, reference)
    if definition is None:
        name = reference.rpartition("/")[2]
        revisions = (f"{name}:{number}" for number in range(batch.revisions.get(name, 0), 0, -1))
        candidates = (_revision(batch, revision) for revision in revisions)
        definition = next((found for found in candidates if found and found["status"] == "ACTIVE"), None)
    if definition is None or definition["status"] != "ACTIVE":
        raise RequestError(f"JobDefinition {reference} not found or inactive.")
    return definition


def _revision(batch: Batch, reference: str) -> Record | None:
    """Return a revision by ARN or by `name:revision`."""
    return batch.job_definitions.get(reference) or batch.job_definitions.get(batch.arn(f"job-definition/{reference}"))
