"""Executions of the state machine of a fan-out."""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane_client.fan_out.plan import manifest_name
from fairlane_lambda.fan_out.names import plan_folder
from fairlane_run.objects import code

_RUNNING: Final = "RUNNING"
_REFUSED: Final = "Refused"


class ExecutionFailed(Exception):  # noqa: N818
    """Execution that failed or was stopped before its manifest was planned."""


class PlanRefused(Exception):  # noqa: N818
    """Execution whose plan has problems. Its text is the key of the answer."""


class Executions:
    """Executions of a state machine.

    Args:
        client: Client of Step Functions.
        state_machine: ARN of the state machine.
        fan_out: Name of the fan-out.
    """

    def __init__(self, client: Any, state_machine: str, fan_out: str) -> None:
        self._client, self._state_machine, self._fan_out = client, state_machine, fan_out

    def start(self, state: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN. An execution that runs with the same input is returned instead.

        Args:
            state: Input of the execution.
        """
        manifest = manifest_name(state, self._fan_out)
        for arn, other in self.running(manifest):
            if other == state:
                return arn
        name = f"{manifest}-{state['operation']}-{secrets.token_hex(6)}"  # boto3 repeats a call with the same name
        request = {"stateMachineArn": self._state_machine, "name": name, "input": json.dumps(state)}
        return str(self._client.start_execution(**request)["executionArn"])

    def running(self, manifest: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the ARNs and inputs of the executions of a manifest that run."""
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self._state_machine, statusFilter=_RUNNING
        )
        for arn in [execution["executionArn"] for page in pages for execution in page["executions"]]:
            state = json.loads(self._client.describe_execution(executionArn=arn).get("input") or "{}")
            if manifest_name(state, self._fan_out) == manifest:
                yield arn, state

    def stop(self, manifest: str) -> int:
        """Stop the executions of a manifest, and return their number."""
        arns = [arn for arn, _ in self.running(manifest)]
        for arn in arns:
            try:
                self._client.stop_execution(executionArn=arn, error="Stopped", cause="The manifest was stopped")
            except Exception as error:
                if code(error) != "ExecutionDoesNotExist":
                    raise
        return len(arns)

    def answer_key(self, arn: str) -> str | None:
        """Return the key of the answer of an execution that succeeded. None while it runs.

        Raises:
            PlanRefused: If its plan has problems.
            ExecutionFailed: If it failed or was stopped.
        """
        execution = self._client.describe_execution(executionArn=arn)
        match execution["status"]:
            case "RUNNING" | "PENDING_REDRIVE":
                return None
            case "SUCCEEDED":
                output = json.loads(execution["output"])
                return str(output.get("plan") or f"{plan_folder(output['manifest'], output['version'])}plan.json")
        if execution.get("error") == _REFUSED:
            raise PlanRefused(execution["cause"])
        reason = execution.get("error") or execution["status"]
        raise ExecutionFailed(f"the execution {arn.rpartition(':')[2]} has ended: {reason}")
