"""AWS Step Functions in memory, with its names, pages and errors."""

import json
import re
from typing import Any

from tests.fairlane_client.faults import client_error

_PAGE = 100


class FakeStates:
    """Executions of one state machine."""

    def __init__(self, state_machine: str) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self._prefix = state_machine.replace(":stateMachine:", ":execution:")

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)
        arn = f"{self._prefix}:{name}"
        found = self.executions.get(arn)
        if found and (found["status"], found["input"]) != ("RUNNING", input):
            raise client_error("ExecutionAlreadyExists", "", 400, "StartExecution")
        self.executions.setdefault(arn, {"executionArn": arn, "input": input, "status": "RUNNING"})
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return dict(self.executions[executionArn])

    def list_executions(
        self,
        *,
        stateMachineArn: str,  # noqa: N803
        statusFilter: str,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        arns = [arn for arn, execution in self.executions.items() if execution["status"] == statusFilter]
        start = int(nextToken)
        token = {"nextToken": str(start + _PAGE)} if len(arns) > start + _PAGE else {}
        return {"executions": [{"executionArn": arn} for arn in arns[start : start + _PAGE]], **token}

    def stop_execution(self, *, executionArn: str, error: str, cause: str) -> dict[str, Any]:  # noqa: N803
        execution = self.executions[executionArn]
        if execution["status"] == "RUNNING":
            execution |= {"status": "ABORTED", "error": error, "cause": cause}
        return {}

    def running(self) -> list[dict[str, Any]]:
        return [execution for execution in self.executions.values() if execution["status"] == "RUNNING"]

    def inputs(self) -> list[dict[str, Any]]:
        return [json.loads(execution["input"]) for execution in self.executions.values()]
