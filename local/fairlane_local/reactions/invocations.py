"""Asynchronous invocations of functions, with the retries and destinations of Lambda."""

import json
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from fairlane_local.functions import FunctionError, Invocation, deployed_function, run_function
from fairlane_local.reactions.function_settings import dead_letter_arn, invoke_config
from fairlane_local.simulation import current_simulation

_RETRY_SECONDS: Final = (60, 120)
"""Seconds from a failure to the next attempt."""
_MAX_AGE: Final = 21_600
_MAX_CAUSED: Final = 100
_caused: list[Any] = [None, Counter()]
"""Current second of a timeline, and the number of invocations of each function that work of this second caused."""


def invoke_later(account_id: str, region: str, function_arn: str, event: Any) -> None:
    """Invoke a function in the background. A failure is retried up to twice, and then sent to its destination.

    Args:
        account_id: Account of the function.
        region: Region of the function.
        function_arn: ARN of the function.
        event: Event that the function receives.
    """
    request = _Request(account_id, region, function_arn, event)
    timeline = current_simulation().timeline
    if is_endless(function_arn):
        with timeline.lock:
            timeline.call_at(timeline.second + 1, lambda _: timeline.react(request.run))
        timeline.wake()
    else:
        timeline.react(request.run)


def is_endless(function_arn: str) -> bool:
    """Count an invocation. Return True if it must wait for the next second, because work caused too many in this one.

    Time stands while functions run, so a function that invokes itself would keep time from moving.
    """
    timeline = current_simulation().timeline
    with timeline.lock:
        moment = (timeline, timeline.second)
        if _caused[0] != moment:
            _caused[:] = [moment, Counter()]
        if timeline.is_real or not timeline.work.is_busy:
            return False
        _caused[1][function_arn] += 1
        number = _caused[1][function_arn]
    if number == _MAX_CAUSED + 1:
        text = "%s is invoked more than %d times in one second, perhaps by itself: it is invoked again a second later"
        logging.getLogger(__name__).warning(text, function_arn, _MAX_CAUSED)
    return bool(number > _MAX_CAUSED)


class _Request:
    def __init__(self, account_id: str, region: str, arn: str, event: Any) -> None:
        self._location = (account_id, region)
        self._arn = arn
        self._event = event
        self._id = str(uuid4())
        self._attempts = 0
        self._timeline = current_simulation().timeline
        self._sent = self._timeline.second

    def run(self) -> None:
        """Run the function. Plan the next attempt or call the destination."""
        config = invoke_config(deployed_function(*self._location, self._arn))
        self._attempts += 1
        try:
            invocation = run_function(current_simulation().port, *self._location, self._arn, self._event)
        except FunctionError as error:
            retries = min(config.get("MaximumRetryAttempts", len(_RETRY_SECONDS)), len(_RETRY_SECONDS))
            oldest = self._sent + config.get("MaximumEventAgeInSeconds", _MAX_AGE)
            with self._timeline.lock:
                again = self._timeline.second + _RETRY_SECONDS[min(self._attempts, len(_RETRY_SECONDS)) - 1]
                if self._attempts <= retries and again <= oldest:
                    self._timeline.call_at(again, lambda second: self._timeline.react(self.run))
                    self._timeline.wake()
                    return
            condition = "RetriesExhausted" if self._attempts > retries else "EventAgeExceeded"
            self._report("OnFailure", condition, error.invocation)
            self._send_to_dead_letters(error.invocation)
        else:
            self._report("OnSuccess", "Success", invocation)

    def _report(self, name: str, condition: str, invocation: Invocation) -> None:
        """Send the record of the invocation to a destination, if the function has one."""
        config = invoke_config(deployed_function(*self._location, self._arn))
        if arn := config.get("DestinationConfig", {}).get(name, {}).get("Destination"):
            error = {} if invocation.error is None else {"functionError": "Unhandled"}
            record = {
                "version": "1.0",
                "timestamp": datetime.fromtimestamp(self._timeline.milliseconds / 1000, UTC).isoformat(),
                "requestContext": {
                    "requestId": self._id,
                    "functionArn": f"{self._arn}:$LATEST",
                    "condition": condition,
                    "approximateInvokeCount": self._attempts,
                },
                "requestPayload": self._event,
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", **error},
                "responsePayload": invocation.answer if invocation.error is None else invocation.error,
            }
            _send(*self._location, arn, record, "Lambda Function Invocation Result - " + name[2:])

    def _send_to_dead_letters(self, invocation: Invocation) -> None:
        if arn := dead_letter_arn(deployed_function(*self._location, self._arn)):
            _send(*self._location, arn, self._event, str((invocation.error or {}).get("errorMessage")))


def _send(account_id: str, region: str, arn: str, record: Any, subject: str) -> None:
    from fairlane_local.reactions.targets import send  # noqa: PLC0415  # targets are functions, too

    if arn.split(":")[2] == "events":
        detail = {"Source": "lambda", "DetailType": subject, "Detail": json.dumps(record), "EventBusName": arn}
        send(account_id, region, {"Arn": arn}, detail)
    else:
        send(account_id, region, {"Arn": arn}, record)
