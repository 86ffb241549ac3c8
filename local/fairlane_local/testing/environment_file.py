"""Deployment of the queues of an environment file by calls of the Batch API, without the CDK."""

from typing import Any, Final

from fairlane.environment import ComputeEnvironmentSettings, Environment, GpuQueueModel, RegionModel, TrainingQueueModel
from fairlane.scheduling import Capacity, FairShare, JobAction, QuotaManagement, QuotaShare, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits
from fairlane_local.batch.api import BatchApi, batch_api

_TRAINING: Final = "SAGEMAKER_TRAINING"
_NETWORK: Final = {"subnets": ["subnet-local"], "securityGroupIds": ["sg-local"]}


def deploy_environment(environment: Environment, account_id: str) -> None:
    """Create the service environments, compute environments, policies, quota shares and queues of a file.

    Nothing else of the file is created. The compute environments have a network that does not exist.

    Args:
        environment: Content of the file.
        account_id: Account of the resources.

    Raises:
        BatchError: If AWS Batch would refuse a resource.
    """
    for region, model in environment.by_region().items():
        _Deployment(batch_api(account_id, region), environment.tags).create(model)


class _Deployment:
    """Deployment to one account and Region."""

    def __init__(self, api: BatchApi, tags: dict[str, str]) -> None:
        self._api = api
        self._tags = tags
        self._environments: dict[str, str] = {}

    def create(self, model: RegionModel) -> None:
        for name, environment in model.service_environments.items():
            self._environments[name] = self._service_environment(
                f"{name}-shared", environment.capacity, environment.tags
            )
        for name, instances in model.compute_environments.items():
            self._compute_environment(name, instances)
        for name, queue in model.queues.items():
            scheduling = queue.queue_settings["scheduling"]
            self._queue(name, queue, self._policy(name, scheduling))
            for share in scheduling.shares if isinstance(scheduling, QuotaManagement) else ():
                self._quota_share(name, share)

    def _service_environment(self, name: str, capacity: Capacity, tags: dict[str, str]) -> str:
        """Create a service environment, and return its ARN."""
        response = self._call(
            "CreateServiceEnvironment",
            serviceEnvironmentName=name,
            serviceEnvironmentType=_TRAINING,
            capacityLimits=_limits(capacity),
            tags=self._tags | tags,
        )
        return str(response["serviceEnvironmentArn"])

    def _compute_environment(self, name: str, instances: ComputeEnvironmentSettings) -> None:
        resources = {
            "type": "SPOT" if instances.purchase == "SPOT" else "EC2",
            "allocationStrategy": str(instances.strategy),
            "instanceTypes": list(instances.instance_types),
            "maxvCpus": instances.vcpus,
            "instanceRole": f"arn:aws:iam::{self._api.batch.account_id}:instance-profile/local",
            **_NETWORK,
        }
        tags = self._tags | dict(instances.tags or {})
        self._call(
            "CreateComputeEnvironment",
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources=resources,
            tags=tags,
        )

    def _policy(self, name: str, scheduling: SchedulingPolicy) -> dict[str, str]:
        """Create the scheduling policy of a queue, and return the member of the queue that refers to it."""
        match scheduling:
            case FairShare():
                shares = scheduling.weight_factors.items()
                settings = {
                    "shareDecaySeconds": scheduling.share_decay_seconds,
                    "computeReservation": scheduling.compute_reservation,
                    "shareDistribution": [
                        {"shareIdentifier": share, "weightFactor": weight} for share, weight in shares
                    ],
                }
                policy: dict[str, Any] = {"fairsharePolicy": _given(settings)}
            case QuotaManagement():
                policy = {"quotaSharePolicy": {"idleResourceAssignmentStrategy": "FIFO"}}
            case _:
                return {}
        return {
            "schedulingPolicyArn": self._call("CreateSchedulingPolicy", name=name, tags=self._tags, **policy)["arn"]
        }

    def _queue(self, name: str, queue: TrainingQueueModel | GpuQueueModel, policy: dict[str, str]) -> None:
        if isinstance(queue, GpuQueueModel):
            members: dict[str, Any] = {
                "jobQueueType": "ECS",
                "computeEnvironmentOrder": [
                    {"order": order, "computeEnvironment": environment}
                    for order, environment in enumerate(queue.compute_environments, 1)
                ],
            }
            default_action = JobAction.CANCEL
        else:
            if queue.capacity is None:
                environment = self._environments[queue.service_environment or ""]
            else:
                environment = self._service_environment(name, queue.capacity, queue.tags)
            members = {
                "jobQueueType": _TRAINING,
                "serviceEnvironmentOrder": [{"order": 1, "serviceEnvironment": environment}],
            }
            default_action = JobAction.TERMINATE
        settings = queue.queue_settings
        actions = [
            {
                "action": str(action.action or default_action),
                "reason": str(action.reason),
                "maxTimeSeconds": action.max_time_seconds,
                "state": "RUNNABLE",
            }
            for action in settings["time_limit_actions"]
        ]
        self._call(
            "CreateJobQueue",
            jobQueueName=name,
            priority=settings["priority"],
            state=str(settings["state"]),
            jobStateTimeLimitActions=actions,
            tags=self._tags | settings["tags"],
            **members,
            **policy,
        )

    def _quota_share(self, queue: str, share: QuotaShare) -> None:
        sharing = _given({"strategy": str(share.sharing), "borrowLimit": share.borrow_limit})
        self._call(
            "CreateQuotaShare",
            quotaShareName=share.name,
            jobQueue=queue,
            capacityLimits=_limits(share.capacity),
            resourceSharingConfiguration=sharing,
            preemptionConfiguration={"inSharePreemption": "ENABLED" if share.in_share_preemption else "DISABLED"},
            state=str(share.state),
            tags=self._tags,
        )

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._api.call(operation, request)


def _limits(capacity: Capacity) -> list[dict[str, Any]]:
    return [{"capacityUnit": unit, "maxCapacity": number} for unit, number in capacity_limits(capacity).items()]


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
