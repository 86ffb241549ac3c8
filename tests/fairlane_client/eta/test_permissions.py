"""Every request of an answer is one that `queue.grants.observe` allows."""

from typing import Any

from aws_cdk import Stack

from fairlane import GpuQueue, TrainingQueue
from fairlane.scheduling import FairShare
from fairlane_client.eta import estimate_starts
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import read_queue
from tests.grants import role
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request, allowed

_OF_QUEUE = ("GetJobQueueSnapshot", "ListQuotaShares")
_ARN = "arn:aws:batch:us-east-1:111122223333"


class _Recorder:
    """Client of a queue with one job in each state, which notes the operations."""

    def __init__(self, kind: str) -> None:
        self.operations: dict[str, None] = {}
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        self.operations[name] = None
        return lambda **request: self._answer(name, request)

    def _answer(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        is_training = self._kind == "training"
        key, environment = ("serviceEnvironment", "service") if is_training else ("computeEnvironment", "compute")
        arn = f"{_ARN}:{environment}-environment/environment"
        queue = {
            "jobQueueName": "queue",
            "jobQueueArn": f"{_ARN}:job-queue/queue",
            "schedulingPolicyArn": f"{_ARN}:scheduling-policy/policy",
            "state": "ENABLED",
            f"{key}Order": [{"order": 1, key: arn}],
            **({"jobQueueType": "SAGEMAKER_TRAINING"} if is_training else {}),
        }
        policy = {"fairsharePolicy": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1.0}]}}
        limits = [{"capacityUnit": "NUM_INSTANCES", "maxCapacity": 4}]
        job = {
            "jobId": "job",
            "jobName": "train-1",
            "jobQueue": queue["jobQueueArn"],
            "status": "RUNNABLE",
            "shareIdentifier": "a",
            "createdAt": 1_800_000_000_000,
            "capacityUsage": [{"capacityUnit": "NUM_INSTANCES", "quantity": 1.0}],
        }
        of_state = [job] if request.get("jobStatus") == "RUNNABLE" else []
        answers: dict[str, dict[str, Any]] = {
            "describe_job_queues": {"jobQueues": [queue]},
            "describe_scheduling_policies": {"schedulingPolicies": [policy]},
            "describe_service_environments": {
                "serviceEnvironments": [
                    {
                        "serviceEnvironmentArn": arn,
                        "serviceEnvironmentName": "environment",
                        "state": "ENABLED",
                        "capacityLimits": limits,
                    }
                ]
            },
            "describe_compute_environments": {
                "computeEnvironments": [
                    {
                        "computeEnvironmentArn": arn,
                        "computeEnvironmentName": "environment",
                        "state": "ENABLED",
                        "computeResources": {"maxvCpus": 8, "instanceTypes": ["g5.xlarge"]},
                    }
                ]
            },
            "list_service_jobs": {"jobSummaryList": of_state},
            "list_jobs": {"jobSummaryList": of_state},
            "describe_service_job": job,
            "describe_jobs": {"jobs": [job]},
        }
        return answers[name]


def test_observers_of_a_queue_may_send_all_requests(stack: Stack) -> None:
    TrainingQueue.from_job_queue_name(stack, "Training", "queue").grants.observe(role(stack, "Scientist"))
    GpuQueue.from_job_queue_name(stack, "Gpu", "queue").grants.observe(role(stack, "Engineer"))
    deployment = Deployment.of(stack)
    for logical_id, kind in (("Scientist", "training"), ("Engineer", "gpu")):
        client = _Recorder(kind)
        calls = Calls(client)
        queue = read_queue(calls, "queue")
        assert isinstance(queue.policy, FairShare)
        estimate_starts(calls, queue, job="job", runs=10)
        assert len(client.operations) == 5
        actions = ["".join(part.capitalize() for part in name.split("_")) for name in client.operations]
        requests = [
            Request(f"batch:{action}", f"{_ARN}:job-queue/queue" if action in _OF_QUEUE else "*") for action in actions
        ]
        assert all(allowed(deployment.statements(logical_id), requests)), requests
