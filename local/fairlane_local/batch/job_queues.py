"""Batch API calls for job queues for containers and for SageMaker training, with the rules of AWS Batch."""

from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.queue_rules import (
    TRAINING,
    check_policy,
    check_priority_and_actions,
    container_settings,
    training_settings,
)
from fairlane_local.batch.quota_shares import shares_of
from fairlane_local.batch.rules import MAX_RESOURCES, check_disabled, check_name
from fairlane_local.batch.store import Batch, Record, Request, describe, get

_UPDATES: Final = (
    "priority",
    "state",
    "schedulingPolicyArn",
    "computeEnvironmentOrder",
    "serviceEnvironmentOrder",
    "jobStateTimeLimitActions",
)


class JobQueues:
    """Job queues of one account and Region. Each is valid as soon as it is created."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.queues

    def create_job_queue(self, request: Request) -> Record:
        name = request["jobQueueName"]
        check_name(name, "Job Queue")
        arn = self._batch.new_arn(self._records, f"job-queue/{name}", MAX_RESOURCES)
        queue = {
            "jobQueueName": name,
            "jobQueueArn": arn,
            "state": "ENABLED",
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "computeEnvironmentOrder": [],
            "serviceEnvironmentOrder": [],
            "jobStateTimeLimitActions": [],
            "tags": dict(request.get("tags", {})),
        }
        settings = self._settings(queue, request)
        self._batch.add(self._records, arn, {**queue, **settings})
        return _identity(queue)

    def update_job_queue(self, request: Request) -> Record:
        queue = get(self._records, request["jobQueue"])
        if "schedulingPolicyArn" in request and "schedulingPolicyArn" not in queue:
            raise RequestError("A scheduling policy cannot be added to a job queue that was created without one")
        settings = self._settings(queue, request)
        if "schedulingPolicyArn" in queue:
            policies = [self._batch.policies[record["schedulingPolicyArn"]] for record in (queue, settings)]
            if ("quotaSharePolicy" in policies[0]) != ("quotaSharePolicy" in policies[1]):
                raise RequestError("The kind of the scheduling policy of a job queue cannot change")
        self._batch.update(queue, settings, settings)
        return _identity(queue)

    def delete_job_queue(self, request: Request) -> Record:
        queue = get(self._records, request["jobQueue"])
        check_disabled(queue)
        if shares_of(self._batch, queue):
            raise RequestError("Cannot delete, found existing QuotaShare relationship")
        self._batch.on_delete(queue["jobQueueArn"])
        self._batch.remove(self._records, queue["jobQueueArn"])
        return {}

    def describe_job_queues(self, request: Request) -> Record:
        return describe("jobQueues", self._records, request)

    def _settings(self, queue: Record, request: Request) -> Record:
        """Return the settings of a queue after a request.

        Raises:
            RequestError: If a setting is invalid.
        """
        settings: Record = {key: queue[key] for key in _UPDATES if key in queue}
        settings |= {key: request[key] for key in _UPDATES if key in request}
        kind = request.get("jobQueueType", queue.get("jobQueueType"))
        is_training = kind == TRAINING or bool(settings["serviceEnvironmentOrder"])
        settings |= (training_settings if is_training else container_settings)(self._batch, settings, kind)
        check_priority_and_actions(settings)
        check_policy(self._batch, queue, settings)
        return settings


def _identity(queue: Record) -> Record:
    return {key: queue[key] for key in ("jobQueueName", "jobQueueArn")}
