"""Account that answers each call of a run from memory, and a fault at one call or at all calls of an operation."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ReadTimeoutError

from fairlane_client.clock import Clock
from fairlane_client.verify.account import Account
from tests.fairlane_client.faults import client_error

ACCOUNT_ID: Final = "123456789012"
REGION: Final = "us-east-1"
SECRET: Final = "top-secret"
FAULTS: Final = ("denied", "throttled", "lost", "interrupted", "malformed")
QUEUES: Final = ("FairShareQueue", "FifoQueue", "QuotaQueue", "TrainingQueue")


class FakeAccount:
    """Stack, jobs and messages of one account.

    Attributes:
        calls: Operations that were called, with their service.
        stacks: Stacks that exist, with their status.
        jobs: Jobs that were submitted, with the time.
        fault: Number of the call that fails, and the fault.
        denied: Operations that are always denied.
        deletion_fails: Number of deletions of the stack that fail.
        creation_fails: True if the stack fails.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.stacks: dict[str, str] = {}
        self.jobs: dict[str, float] = {}
        self.fault: tuple[int, str] | None = None
        self.denied: set[str] = set()
        self.deletion_fails = 0
        self.creation_fails = False
        self.now = 0.0

    def account(self) -> Account:
        """Return the account with its clients."""
        clients = {
            service: _Client(self, service) for service in ("batch", "cloudformation", "cloudwatch", "sqs", "sts")
        }
        return Account(REGION, clients, Clock(lambda: self.now, self._sleep))

    def answer(self, service: str, operation: str, request: dict[str, Any]) -> Any:
        """Return the answer to a call, unless it has a fault."""
        self.calls.append(f"{service}.{operation}")
        number, fault = self.fault or (0, "")
        fault = fault if len(self.calls) == number else ""
        if fault == "denied":
            self.denied.add(self.calls[-1])
        if self.calls[-1] in self.denied:
            raise client_error("AccessDenied", f"{ACCOUNT_ID} may not {SECRET}", 403, operation)
        if fault == "throttled":
            raise client_error("ThrottlingException", SECRET, 400, operation)
        if fault == "interrupted":
            raise KeyboardInterrupt
        method: Callable[..., Any] = getattr(self, f"_{operation}")
        answer = method(**request)
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url=SECRET)
        return {} if fault == "malformed" else answer

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _create_stack(self, StackName: str, **_: Any) -> Any:  # noqa: N803
        self.stacks[StackName] = "CREATE_FAILED" if self.creation_fails else "CREATE_COMPLETE"
        return {}

    def _describe_stacks(self, StackName: str) -> Any:  # noqa: N803
        if StackName not in self.stacks:
            raise client_error("ValidationError", f"Stack with id {StackName} does not exist", 400, "DescribeStacks")
        values = {queue: f"arn:aws:batch:{REGION}:{ACCOUNT_ID}:job-queue/{queue}" for queue in QUEUES}
        values |= {"JobDefinition": "jd", "TrainingRole": "role", "Events": "url"}
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in values.items()]
        return {"Stacks": [{"StackStatus": self.stacks[StackName], "Outputs": outputs}]}

    def _describe_stack_events(self, StackName: str) -> Any:  # noqa: N803
        event = {"LogicalResourceId": "Vpc", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "too many"}
        return {"StackEvents": [event]}

    def _create_change_set(self, **_: Any) -> Any:
        return {}

    def _describe_change_set(self, **_: Any) -> Any:
        return {"Status": "CREATE_COMPLETE"}

    def _delete_stack(self, StackName: str) -> Any:  # noqa: N803
        if self.deletion_fails:
            self.deletion_fails -= 1
            self.stacks[StackName] = "DELETE_FAILED"
        else:
            self.stacks.pop(StackName, None)
        return {}

    def _list_stack_resources(self, StackName: str) -> Any:  # noqa: N803
        resource = {"ResourceType": "AWS::EC2::VPC", "LogicalResourceId": "Vpc", "PhysicalResourceId": "vpc-1"}
        return {"StackResourceSummaries": [resource | {"ResourceStatus": "DELETE_FAILED"}]}

    def _submit_job(self, jobName: str, **request: Any) -> Any:  # noqa: N803
        job = f"job-{len(self.jobs)}"
        self.jobs[job] = self.now
        return {"jobId": job, "jobName": jobName}

    def _submit_service_job(self, jobName: str, **request: Any) -> Any:  # noqa: N803
        return self._submit_job(jobName)

    def _terminate_job(self, **_: Any) -> Any:
        return {}

    _terminate_service_job = _terminate_job
    _update_job_queue = _terminate_job
    _delete_message = _terminate_job

    def _describe_jobs(self, jobs: list[str]) -> Any:
        age = self.now - self.jobs[jobs[0]]
        return {"jobs": [{"status": "RUNNABLE" if age < 60 else "RUNNING" if age < 120 else "SUCCEEDED"}]}

    def _list_jobs(self, **_: Any) -> Any:
        usage = [{"capacityUnit": "VCPU", "quantity": 2.0}]
        return {
            "jobSummaryList": [
                {"jobId": job, "status": "RUNNABLE", "capacityUsage": usage} for job in [*self.jobs][-2:]
            ]
        }

    _list_service_jobs = _list_jobs

    def _get_job_queue_snapshot(self, **_: Any) -> Any:
        front = [{"jobArn": f"arn/{job}", "earliestTimeAtPosition": 1} for job in self.jobs]
        total = [{"capacityUnit": "VCPU", "quantity": 2.0}]
        return {"frontOfQueue": {"jobs": front}, "queueUtilization": {"totalCapacityUsage": total}}

    def _receive_message(self, **_: Any) -> Any:
        bodies = [] if "sqs.delete_message" in self.calls else [*_events()]
        return {"Messages": [{"Body": json.dumps(body), "ReceiptHandle": "r"} for body in bodies]}

    def _get_metric_statistics(self, **_: Any) -> Any:
        return {"Datapoints": [{"Timestamp": datetime.now(UTC), "Unit": "Count"}]}


def _events() -> Any:
    detail = {"jobId": "job-0", "jobName": "n", "jobQueue": "q", "createdAt": 1, "container": {"command": [SECRET]}}
    statuses = ("RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED")
    for number, status in enumerate(statuses):
        for kind in ("Batch Job State Change", "Batch Service Job State Change"):
            event = {"id": f"{kind}{number}", "time": f"2026-01-01T00:00:0{number}Z", "detail-type": kind}
            yield event | {"detail": detail | {"status": status}}


class _Client:
    def __init__(self, account: FakeAccount, service: str) -> None:
        self._account, self._service = account, service

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **request: self._account.answer(self._service, operation, request)

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator of one page."""
        return _Paginator(lambda **request: self._account.answer(self._service, operation, request))


class _Paginator:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> list[Any]:
        """Return the only page."""
        return [self._call(**request)]
