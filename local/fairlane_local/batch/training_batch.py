"""Batch API calls for SageMaker training that moto lacks, with the rules of AWS Batch. No job is scheduled.

Requests and responses have the shapes of the Batch API. Rules and messages are those of AWS Batch where they are
known. Three messages are unknown and follow "Cannot delete, found existing JobQueue relationship": the deletion
of an enabled resource, of a queue with quota shares, and of a scheduling policy in use.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from moto.batch.exceptions import ClientException

from fairlane_local.batch.rules import (
    POLICY_KINDS,
    Record,
    Request,
    check_disabled,
    check_limits,
    check_policy,
    check_queue,
    check_share,
    counts_instance_types,
)

_SHARE_UPDATES: Final = ("capacityLimits", "resourceSharingConfiguration", "preemptionConfiguration", "state")
_QUEUE_UPDATES: Final = (
    "priority",
    "state",
    "schedulingPolicyArn",
    "serviceEnvironmentOrder",
    "jobStateTimeLimitActions",
)
_PAGE: Final = 100
_MAX_RESOURCES: Final = 50


class TrainingBatch:
    """Service environments, scheduling policies, SageMaker queues and quota shares of one account and Region.

    Each public method with a request implements the Batch API call of the same name and returns the response.

    Args:
        account_id: Account ID, twelve digits.
        region: Region of the resources.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self._prefix = f"arn:aws:batch:{region}:{account_id}:"
        self._environments: dict[str, Record] = {}
        self._policies: dict[str, Record] = {}
        self._queues: dict[str, Record] = {}
        self._shares: dict[str, Record] = {}

    def create_service_environment(self, request: Request) -> Record:
        name = request["serviceEnvironmentName"]
        check_limits(request["capacityLimits"])
        arn = self._new(self._environments, f"service-environment/{name}")
        self._environments[arn] = {
            "serviceEnvironmentName": name,
            "serviceEnvironmentArn": arn,
            "serviceEnvironmentType": request["serviceEnvironmentType"],
            "state": request.get("state", "ENABLED"),
            "status": "VALID",
            "capacityLimits": request["capacityLimits"],
            "tags": dict(request.get("tags", {})),
        }
        return {"serviceEnvironmentName": name, "serviceEnvironmentArn": arn}

    def update_service_environment(self, request: Request) -> Record:
        environment = self._environment(request["serviceEnvironment"])
        if "capacityLimits" in request:
            check_limits(request["capacityLimits"])
            if counts_instance_types(request) != counts_instance_types(environment):
                raise ClientException("Capacity units must specify either number of instances OR instance type")
        _update(environment, request, ("state", "capacityLimits"))
        return {key: environment[key] for key in ("serviceEnvironmentName", "serviceEnvironmentArn")}

    def delete_service_environment(self, request: Request) -> Record:
        environment = self._environment(request["serviceEnvironment"])
        arn = environment["serviceEnvironmentArn"]
        check_disabled(environment)
        if any(self._queue_environment(queue) is environment for queue in self._queues.values()):
            raise ClientException("Cannot delete, found existing JobQueue relationship")
        del self._environments[arn]
        return {}

    def describe_service_environments(self, request: Request) -> Record:
        environments = _find(self._environments, "serviceEnvironmentName", request.get("serviceEnvironments"))
        return _page("serviceEnvironments", environments, request)

    def create_scheduling_policy(self, request: Request) -> Record:
        check_policy(request)
        arn = self._new(self._policies, f"scheduling-policy/{request['name']}")
        kinds = {kind: request[kind] for kind in POLICY_KINDS if kind in request}
        self._policies[arn] = {"name": request["name"], "arn": arn, **kinds, "tags": dict(request.get("tags", {}))}
        return {"name": request["name"], "arn": arn}

    def update_scheduling_policy(self, request: Request) -> Record:
        policy = self._policy(request["arn"])
        check_policy(request)
        if [kind in policy for kind in POLICY_KINDS] != [kind in request for kind in POLICY_KINDS]:
            raise ClientException("A scheduling policy can have either fairsharePolicy or quotaSharePolicy")
        _update(policy, request, POLICY_KINDS)
        return {}

    def delete_scheduling_policy(self, request: Request) -> Record:
        policy = self._policy(request["arn"])
        if any(queue.get("schedulingPolicyArn") == policy["arn"] for queue in self._queues.values()):
            raise ClientException("Cannot delete, found existing JobQueue relationship")
        del self._policies[policy["arn"]]
        return {}

    def describe_scheduling_policies(self, request: Request) -> Record:
        return {"schedulingPolicies": [self._policies[arn] for arn in request["arns"] if arn in self._policies]}

    def list_scheduling_policies(self, request: Request) -> Record:
        return _page("schedulingPolicies", [{"arn": arn} for arn in self._policies], request)

    def create_job_queue(self, request: Request) -> Record:
        arn = self._new(self._queues, f"job-queue/{request['jobQueueName']}")
        queue = {
            "jobQueueName": request["jobQueueName"],
            "jobQueueArn": arn,
            "jobQueueType": "SAGEMAKER_TRAINING",
            "state": request.get("state", "ENABLED"),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "computeEnvironmentOrder": [],
            "jobStateTimeLimitActions": [],
            "tags": dict(request.get("tags", {})),
        }
        self._put_queue(queue, request)
        return {"jobQueueName": queue["jobQueueName"], "jobQueueArn": arn}

    def update_job_queue(self, request: Request) -> Record:
        queue = self._queue(request["jobQueue"])
        if "schedulingPolicyArn" in request and "schedulingPolicyArn" not in queue:
            raise ClientException("A scheduling policy cannot be added to a job queue that was created without one")
        self._put_queue(queue, request)
        return {"jobQueueName": queue["jobQueueName"], "jobQueueArn": queue["jobQueueArn"]}

    def delete_job_queue(self, request: Request) -> Record:
        queue = self._queue(request["jobQueue"])
        check_disabled(queue)
        if self._queue_shares(queue):
            raise ClientException("Cannot delete, found existing QuotaShare relationship")
        del self._queues[queue["jobQueueArn"]]
        return {}

    def describe_job_queues(self, request: Request) -> Record:
        return _page("jobQueues", _find(self._queues, "jobQueueName", request.get("jobQueues")), request)

    def create_quota_share(self, request: Request) -> Record:
        queue, name = self._queue(request["jobQueue"]), request["quotaShareName"]
        if "quotaSharePolicy" not in self._policies.get(queue.get("schedulingPolicyArn", ""), {}):
            raise ClientException(f"Job queue {queue['jobQueueName']} has no scheduling policy with quotaSharePolicy")
        if len(self._queue_shares(queue)) >= 20:
            raise ClientException("Number of quota shares in a job queue exceeds 20.")
        check_share(request)
        arn = self._new(self._shares, f"job-queue/{queue['jobQueueName']}/quota-share/{name}")
        share = {
            "quotaShareName": name,
            "quotaShareArn": arn,
            "jobQueueArn": queue["jobQueueArn"],
            "state": "ENABLED",
            "status": "VALID",
            "tags": dict(request.get("tags", {})),
        }
        _update(share, request, _SHARE_UPDATES)
        self._shares[arn] = share
        return {"quotaShareName": name, "quotaShareArn": arn}

    def update_quota_share(self, request: Request) -> Record:
        share = self._share(request["quotaShareArn"])
        check_share({**share, **request})
        _update(share, request, _SHARE_UPDATES)
        return {key: share[key] for key in ("quotaShareName", "quotaShareArn")}

    def delete_quota_share(self, request: Request) -> Record:
        share = self._share(request["quotaShareArn"])
        check_disabled(share)
        del self._shares[share["quotaShareArn"]]
        return {}

    def describe_quota_share(self, request: Request) -> Record:
        return self._share(request["quotaShareArn"])

    def list_quota_shares(self, request: Request) -> Record:
        shares = self._queue_shares(self._queue(request["jobQueue"]))
        without_tags = [{key: value for key, value in share.items() if key != "tags"} for share in shares]
        return _page("quotaShares", without_tags, request)

    def has_queue(self, name_or_arn: str) -> bool:
        """Return True if the queue is a SageMaker queue of this account and Region."""
        return bool(_find(self._queues, "jobQueueName", [name_or_arn]))

    def set_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Replace all tags of a resource."""
        for records in (self._environments, self._policies, self._queues, self._shares):
            if arn in records:
                records[arn]["tags"] = dict(tags)

    def tags(self, arn: str) -> dict[str, str] | None:
        """Return the tags of a resource, or None if the resource does not exist."""
        records = {**self._environments, **self._policies, **self._queues, **self._shares}
        return dict(records[arn]["tags"]) if arn in records else None

    def _put_queue(self, queue: Record, request: Request) -> None:
        """Apply all settings of a request to a queue, or none if one is invalid."""
        settings = {**queue, **{key: request[key] for key in _QUEUE_UPDATES if key in request}}
        order = settings.get("serviceEnvironmentOrder", [])
        if not order or settings.get("computeEnvironmentOrder"):
            raise ClientException("Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder.")
        if len(order) > 1:
            raise ClientException("Job queue can only have 1 service environment.")
        check_queue(settings)
        environment = self._queue_environment(settings)
        policy = self._policy(settings["schedulingPolicyArn"]) if settings.get("schedulingPolicyArn") else {}
        if counts_instance_types(environment) != ("quotaSharePolicy" in policy):
            raise ClientException(
                "Quota management requires a service environment whose capacity units are instance types"
            )
        others = [other for other in self._queues.values() if other["jobQueueArn"] != queue["jobQueueArn"]]
        if counts_instance_types(environment) and any(
            self._queue_environment(other) is environment for other in others
        ):
            raise ClientException("A service environment with quota management can only have 1 job queue.")
        settings["serviceEnvironmentOrder"] = [{**order[0], "serviceEnvironment": environment["serviceEnvironmentArn"]}]
        queue.update(settings)
        self._queues[queue["jobQueueArn"]] = queue

    def _new(self, records: Mapping[str, Record], resource: str) -> str:
        arn = self._prefix + resource
        name = resource.rpartition("/")[2]
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name):
            raise ClientException(f"{name} should match valid pattern: ^[a-zA-Z0-9_-]{{1,128}}$")
        if any(records is limited for limited in (self._environments, self._queues)) and len(records) >= _MAX_RESOURCES:
            raise ClientException(f"At most {_MAX_RESOURCES} in an account and Region.")
        if arn in records:
            raise ClientException("Object already exists")
        return arn

    def _environment(self, name_or_arn: str) -> Record:
        return _get(self._environments, "serviceEnvironmentName", name_or_arn)

    def _queue_environment(self, queue: Record) -> Record:
        return self._environment(queue["serviceEnvironmentOrder"][0]["serviceEnvironment"])

    def _queue(self, name_or_arn: str) -> Record:
        return _get(self._queues, "jobQueueName", name_or_arn)

    def _policy(self, arn: str) -> Record:
        return _get(self._policies, "arn", arn)

    def _share(self, arn: str) -> Record:
        return _get(self._shares, "quotaShareArn", arn)

    def _queue_shares(self, queue: Record) -> list[Record]:
        return [share for share in self._shares.values() if share["jobQueueArn"] == queue["jobQueueArn"]]


def _update(record: Record, request: Request, keys: Iterable[str]) -> None:
    record.update({key: request[key] for key in keys if key in request})


def _find(records: Mapping[str, Record], name: str, names_or_arns: Iterable[str] | None) -> list[Record]:
    if not names_or_arns:
        return list(records.values())
    names = set(names_or_arns)
    return [record for arn, record in records.items() if arn in names or record[name] in names]


def _get(records: Mapping[str, Record], name: str, name_or_arn: str) -> Record:
    if matches := _find(records, name, [name_or_arn]):
        return matches[0]
    raise ClientException(f"{name_or_arn} does not exist")


def _page(key: str, records: list[Record], request: Request) -> Record:
    token = request.get("nextToken") or "0"
    if not token.isdigit():
        raise ClientException("Invalid nextToken")
    start = int(token)
    end = start + min(request.get("maxResults") or _PAGE, _PAGE)
    return {key: records[start:end]} | ({"nextToken": str(end)} if end < len(records) else {})
