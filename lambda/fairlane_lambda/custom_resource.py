"""Responses of custom resources to CloudFormation."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

_TRIES: Final = 3
_TIMEOUT_SECONDS: Final = 4
_LONGEST_REASON: Final = 1_000  # a response has at most 4,096 bytes


def send_response(event: Mapping[str, Any], physical_id: str, failure: str | None) -> None:
    """Send the result of a request to CloudFormation. The response URL is a secret while it is valid, so no log has it.

    Args:
        event: Request of CloudFormation.
        physical_id: Physical id of the resource.
        failure: Reason of the failure. None for a success.

    Raises:
        RuntimeError: If CloudFormation does not accept the response. Lambda then runs the function again, which has the
            same result.
    """
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    response = {
        "Status": "FAILED" if failure else "SUCCESS",
        "PhysicalResourceId": physical_id,
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        **({"Reason": failure[:_LONGEST_REASON]} if failure else {}),
    }
    # The signature of the URL covers an empty content type.
    request = Request(event["ResponseURL"], json.dumps(response).encode(), {"Content-Type": ""}, method="PUT")
    for seconds in range(_TRIES):
        time.sleep(seconds)
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS):
                return
        except (URLError, OSError) as error:
            code = getattr(error, "code", None) or type(error).__name__
            print(f"CloudFormation did not accept the response: {code}", file=sys.stderr)
    raise RuntimeError("CloudFormation did not accept the response")


def failure_reason(error: Exception) -> str:
    """Return the text of an error.

    The text of a `ClientError` is its code and message. The text of a `BotoCoreError` is its class and message. The
    text of any other error is only its class.

    Args:
        error: Error of a call, or any other error.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{details.get('Code')}: {details.get('Message')}"
    return f"{type(error).__name__}: {error}" if isinstance(error, BotoCoreError) else type(error).__name__
