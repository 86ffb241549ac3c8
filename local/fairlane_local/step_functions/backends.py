"""State machines of the local AWS, which are executed."""

from typing import Any
from uuid import uuid4

from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.responses import StepFunctionResponse

_moto_backend = responses.get_backend


def step_functions_backend(account_id: str, region: str) -> Any:
    """Return the state machines of an account and Region.

    The first call loads moto's interpreter, which takes about a second.
    """
    from fairlane_local.step_functions import interpreter  # noqa: PLC0415  most servers execute no state machine

    interpreter.install()
    return _moto_backend(account_id, region)


def install() -> None:
    """Make moto execute state machines."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    responses.get_backend = step_functions_backend  # type: ignore[assignment]
    response: Any = StepFunctionResponse
    response.start_execution = _start_execution
    response.stop_execution = _stop_execution


def _start_execution(self: StepFunctionResponse) -> ActionResult:
    """Start an execution. Moto gives all executions without a name the same ARN."""
    execution = self.stepfunction_backend.start_execution(
        self._get_param("stateMachineArn"),
        self._get_param("name") or str(uuid4()),
        self._get_param("input", if_none="{}"),
    )
    return ActionResult({"executionArn": execution.execution_arn, "startDate": execution.start_date})


def _stop_execution(self: StepFunctionResponse) -> ActionResult:
    """Stop an execution with the error and the cause of the request, which moto ignores."""
    from fairlane_local.step_functions.interpreter import ClockDatetime  # noqa: PLC0415  loaded by the backend

    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    now = ClockDatetime.now()
    execution.stop(now, self._get_param("error"), self._get_param("cause"))
    return ActionResult({"stopDate": now})
