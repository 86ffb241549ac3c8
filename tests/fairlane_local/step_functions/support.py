"""State machines on a local AWS, and their executions."""

import json
from typing import Any

from fairlane_local import LocalAws, client

ROLE = "arn:aws:iam::123456789012:role/states"


class Machines:
    """State machines of one account and Region."""

    def __init__(self, aws: LocalAws, account_id: str = "123456789012", region: str = "us-east-1") -> None:
        self.aws = aws
        self.location = (aws.port, account_id, region)
        self.states = client("stepfunctions", *self.location)
        self._count = 0

    def client(self, service: str) -> Any:
        return client(service, *self.location)

    def create(self, *states: dict[str, Any], **fields: Any) -> str:
        """Create a state machine whose states follow each other, and return its ARN."""
        self._count += 1
        chain = {str(n): state | _next(n, len(states)) for n, state in enumerate(states)}
        definition = json.dumps({"StartAt": "0", "States": chain} | fields)
        response = self.states.create_state_machine(name=f"m{self._count}", definition=definition, roleArn=ROLE)
        return str(response["stateMachineArn"])

    def start(self, *states: dict[str, Any], given: object = None, **fields: Any) -> str:
        """Start an execution of a new state machine, and return its ARN."""
        machine = self.create(*states, **fields)
        started = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        self.aws.timeline.advance(0)
        return str(started["executionArn"])

    def describe(self, execution: str) -> dict[str, Any]:
        return dict(self.states.describe_execution(executionArn=execution))

    def status(self, execution: str) -> str:
        return str(self.describe(execution)["status"])

    def output(self, execution: str) -> Any:
        """Return the output of an execution that succeeded."""
        description = self.describe(execution)
        assert description["status"] == "SUCCEEDED", description
        return json.loads(description["output"])

    def error(self, execution: str) -> tuple[str, str]:
        """Return the error and the cause of an execution that failed."""
        description = self.describe(execution)
        return description["error"], description["cause"]

    def history(self, execution: str) -> list[dict[str, Any]]:
        return list(self.states.get_execution_history(executionArn=execution)["events"])


def wait(seconds: int) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds}


def task(resource: str, parameters: object = None, **fields: Any) -> dict[str, Any]:
    """Return a task of a service, for example `aws-sdk:batch:listJobs`, or of a function's ARN."""
    arn = resource if resource.startswith("arn:") else f"arn:aws:states:::{resource}"
    return {"Type": "Task", "Resource": arn, "Parameters": parameters or {}} | fields


def _next(number: int, length: int) -> dict[str, Any]:
    return {"End": True} if number == length - 1 else {"Next": str(number + 1)}
