"""Invoke call of the Lambda API. Deployed functions with a Python runtime run on this machine."""

import json
from base64 import b64encode
from typing import Final, TypeAlias
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.core.exceptions import JsonRESTError

from fairlane_local.function_clock import SLEPT
from fairlane_local.functions import FunctionError, run_function
from fairlane_local.reactions.invocations import invoke_later
from fairlane_local.simulation import current_simulation

_Response: TypeAlias = tuple[int, dict[str, str], str | bytes]

_MAX_PAYLOAD: Final = 6_291_556
_MAX_LOG: Final = 4096


def install() -> None:
    """Register the call with moto."""
    LambdaResponse.invoke = _invoke  # type: ignore[method-assign]


def _invoke(self: LambdaResponse) -> _Response:
    name = unquote(self.path.rsplit("/", 2)[-2])
    function: LambdaFunction | None = self.backend.get_function(name, self._get_param("Qualifier"))
    if function is None:
        raise UnknownFunctionException(name)
    try:
        event = json.loads(self.body or "{}")
    except ValueError as error:
        raise JsonRESTError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None
    match self.headers.get("X-Amz-Invocation-Type", "RequestResponse"):
        case "DryRun":
            return 204, {"status": "204"}, ""
        case "Event":
            invoke_later(self.current_account, self.region, function.function_arn, event)
            return 202, {"status": "202"}, ""
        case "RequestResponse":
            return _run(self, function, event)
        case other:
            allowed = "Event, RequestResponse, DryRun"
            raise JsonRESTError("InvalidParameterValueException", f"InvocationType: got {other}, allowed: {allowed}")


def _run(self: LambdaResponse, function: LambdaFunction, event: object) -> _Response:
    headers = {"x-amz-executed-version": str(function.version), "Content-Type": "application/json"}
    try:
        port = current_simulation().port
        invocation = run_function(port, self.current_account, self.region, function.function_arn, event)
    except FunctionError as error:
        invocation = error.invocation
        headers["x-amz-function-error"] = "Unhandled"
    headers[SLEPT] = str(invocation.slept)
    answer = invocation.answer if invocation.error is None else invocation.error
    log = "\n".join([*invocation.output, invocation.log])
    payload = json.dumps(answer)
    if len(payload.encode()) > _MAX_PAYLOAD:
        headers["x-amz-function-error"] = "Unhandled"
        message = f"Response payload size exceeded maximum allowed payload size ({_MAX_PAYLOAD} bytes)."
        payload = json.dumps({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"})
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["x-amz-log-result"] = b64encode(log.encode()[-_MAX_LOG:]).decode()
    return 200, headers, payload
