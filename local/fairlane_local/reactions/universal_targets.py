"""Universal targets of EventBridge Scheduler, which call an operation of a service."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from fairlane_local.server.access import client
from fairlane_local.simulation import current_simulation
from fairlane_local.step_functions.casing import to_request
from fairlane_local.step_functions.clients import boto_service, operation_model

_PREFIX: Final = "aws-sdk:"
_CONFIG: Final = Config(parameter_validation=False, retries={"total_max_attempts": 1})
_PAUSE: Final = 60
"""Seconds from a failed attempt to the next one."""
_MOST_ATTEMPTS: Final = 185
_TOO_MANY: Final = 429


class UniversalCall:
    """Call of a universal target. Throttled calls and failures of the service are repeated.

    Args:
        account_id: Account of the schedule.
        region: Region of the schedule.
        target: Target of the schedule.
        render: Function that returns the input of an attempt, by its number from 1.
    """

    def __init__(self, account_id: str, region: str, target: Mapping[str, Any], render: Callable[[int], str]) -> None:
        self._location = (account_id, region)
        self._target = target
        self._render = render
        policy = target.get("RetryPolicy") or {}
        self._most = 1 + int(policy.get("MaximumRetryAttempts", _MOST_ATTEMPTS))

    @staticmethod
    def fits(target: Mapping[str, Any]) -> bool:
        """Return True if a target is universal."""
        return _PREFIX in str(target["Arn"])

    def run(self, attempt: int = 1) -> None:
        """Call the operation in the background. A call that fails for good is sent to the dead-letter queue."""
        current_simulation().timeline.react(lambda: self._call(attempt))

    def _call(self, attempt: int) -> None:
        text = self._render(attempt)
        _, _, action = str(self._target["Arn"]).partition(_PREFIX)
        service, _, name = action.partition(":")
        try:
            operation = operation_model(service, name)
            request = to_request(json.loads(text), operation.input_shape)
            connection = client(boto_service(service), current_simulation().port, *self._location, _CONFIG)
            connection._make_api_call(operation.name, request)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if (status == _TOO_MANY or status >= 500) and attempt < self._most:
                self._repeat(attempt + 1)
            else:
                self._give_up(text, str(error.response["Error"]["Code"]), str(error))
        except ValueError as error:  # unknown operation or parameter, or no JSON
            self._give_up(text, "ValidationException", str(error))

    def _repeat(self, attempt: int) -> None:
        timeline = current_simulation().timeline
        with timeline.lock:
            timeline.call_at(timeline.second + _PAUSE, lambda _: self.run(attempt))
        timeline.wake()

    def _give_up(self, text: str, code: str, message: str) -> None:
        logging.getLogger(__name__).warning("%s failed: %s: %s", self._target["Arn"], code, message)
        queue = (self._target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            values = {"ERROR_CODE": code, "ERROR_MESSAGE": message, "TARGET_ARN": str(self._target["Arn"])}
            attributes = {name: {"StringValue": value, "DataType": "String"} for name, value in values.items()}
            sqs = client("sqs", current_simulation().port, *self._location)
            url = sqs.get_queue_url(QueueName=str(queue).rpartition(":")[2])["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)
