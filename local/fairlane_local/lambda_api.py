"""Invoke call of the Lambda API. Deployed functions with a Python runtime run on this machine."""

import json
import re
import sys
from base64 import b64encode
from threading import Thread
from typing import Final, TypeAlias
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.core.exceptions import JsonRESTError

from fairlane_local.errors import LocalAwsError
from fairlane_local.functions import Invocation, run_function
from fairlane_local.simulation import current_simulation
from fairlane_local.step_functions.threads import current_executions

_Response: TypeAlias = tuple[int, dict[str, str], str | bytes]

_MAX_PAYLOAD: Final = 6_291_556
_MAX_LOG: Final = 4096
_LAST_ERROR: Final = re.compile(r"^(?:[\w.]*\.)?(?P<type>\w+)(?:: (?P<message>.*))?$", re.DOTALL)


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
            _run_later(self.current_account, self.region, function, event)
            return 202, {"status": "202"}, ""
        case "RequestResponse":
            return _run(self, function, event)
        case other:
            allowed = "Event, RequestResponse, DryRun"
            raise JsonRESTError("InvalidParameterValueException", f"InvocationType: got {other}, allowed: {allowed}")


def _run(self: LambdaResponse, function: LambdaFunction, event: object) -> _Response:
    headers = {"x-amz-executed-version": str(function.version), "Content-Type": "application/json"}
    try:
        invocation = _invocation(self.current_account, self.region, function, event)
        answer, log = invocation.answer, "\n".join([*invocation.output, invocation.log])
    except LocalAwsError as error:
        headers["x-amz-function-error"] = "Unhandled"
        answer, log = _error(str(error)), str(error)
    payload = json.dumps(answer)
    if len(payload.encode()) > _MAX_PAYLOAD:
        headers["x-amz-function-error"] = "Unhandled"
        message = f"Response payload size exceeded maximum allowed payload size ({_MAX_PAYLOAD} bytes)."
        payload = json.dumps({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"})
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["x-amz-log-result"] = b64encode(log.encode()[-_MAX_LOG:]).decode()
    return 200, headers, payload


def _invocation(account_id: str, region: str, function: LambdaFunction, event: object) -> Invocation:
    if not str(function.run_time).startswith("python"):
        name, runtime = function.function_name, function.run_time
        raise LocalAwsError(f"the local AWS runs functions with a Python runtime only, and {name} has {runtime}")
    return run_function(current_executions().port, account_id, region, function.function_arn, event)


def _run_later(account_id: str, region: str, function: LambdaFunction, event: object) -> None:
    """Run a function once, without its retries after errors. A manual clock waits for the end."""
    work = current_simulation().timeline.work

    def run() -> None:
        try:
            _invocation(account_id, region, function, event)
        except LocalAwsError as error:
            print(error, file=sys.stderr)
        finally:
            work.end()

    work.begin()
    Thread(target=run, name="invocation", daemon=True).start()


def _error(text: str) -> dict[str, object]:
    """Return the payload of a failed invocation, with the error of the last line of a traceback."""
    *trace, last = text.splitlines() or [""]
    found = _LAST_ERROR.match(last) if trace else None
    if found is None:
        return {"errorMessage": text, "errorType": "Runtime.ExitError"}
    return {"errorMessage": found["message"] or "", "errorType": found["type"], "stackTrace": trace[1:]}
