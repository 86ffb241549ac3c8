"""The answer that CloudFormation waits for, at the address that it gave."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

_TRIES: Final = 3
_TIMEOUT_SECONDS: Final = 4
_LONGEST_REASON: Final = 1_000  # an answer may have 4,096 bytes


def answer(event: Mapping[str, Any], physical_id: str, failure: str | None) -> None:
    """Tells CloudFormation how a request ended. Its address is a secret for as long as it is valid: it is never logged.

    Args:
        event: the request.
        physical_id: of the resource.
        failure: why it failed, None if it did not.

    Raises:
        RuntimeError: nobody took the answer. Lambda will run the function again, which does no harm.
    """
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    told = {
        "Status": "FAILED" if failure else "SUCCESS",
        "PhysicalResourceId": physical_id,
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        **({"Reason": failure[:_LONGEST_REASON]} if failure else {}),
    }
    # The address is signed for no content type.
    request = Request(event["ResponseURL"], json.dumps(told).encode(), {"Content-Type": ""}, method="PUT")
    for seconds in range(_TRIES):
        time.sleep(seconds)
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS):
                return
        except (URLError, OSError) as error:
            kind = getattr(error, "code", None) or type(error).__name__
            print(f"CloudFormation did not take the answer: {kind}", file=sys.stderr)
    raise RuntimeError("CloudFormation did not take the answer")
