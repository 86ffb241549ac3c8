"""Targets of event rules, schedules, alarms and failed invocations."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from moto.core.exceptions import ServiceException
from moto.events.models import events_backends
from moto.logs.models import LogStream, logs_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from fairlane_local.monitoring.function_logs import MAX_EVENTS
from fairlane_local.reactions.invocations import invoke_later
from fairlane_local.simulation import current_simulation
from fairlane_local.step_functions.backends import step_functions_backend

Target = Mapping[str, Any]


@contextmanager
def log_errors(target: Target) -> Iterator[None]:
    """Log an error of a target. It must not become that of the request or alarm which caused the event."""
    try:
        yield
    except ServiceException as error:
        logging.getLogger(__name__).warning("an event was not delivered to %s: %s", target.get("Arn"), error)
    except Exception:
        text = "an event was not delivered to %s"
        logging.getLogger(__name__).warning(text, target.get("Arn"), exc_info=True)


def send(account_id: str, region: str, target: Target, payload: Any) -> None:
    """Send a payload to a target. A target that does not exist is only logged: AWS drops such events, too.

    Args:
        account_id: Account of the rule, schedule or alarm.
        region: Region of the rule, schedule or alarm.
        target: Target with its `Arn`, as EventBridge and EventBridge Scheduler have it.
        payload: Payload. For an event bus, an entry of PutEvents.
    """
    arn = str(target["Arn"])
    _, _, service, arn_region, arn_account, resource = [*arn.split(":", 5), *[""] * 5][:6]
    location = (arn_account or account_id, arn_region or region)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    with log_errors(target):
        match service:
            case "lambda":
                invoke_later(*location, arn, payload)
            case "sqs":
                group = target.get("SqsParameters", {}).get("MessageGroupId")
                sqs_backends[location[0]][location[1]].send_message(
                    queue_name=resource, message_body=text, group_id=group
                )
            case "sns":
                topics = sns_backends[location[0]][location[1]]
                topics.publish(text, arn=arn, subject=target.get("Subject"))
            case "states":
                current_simulation().timeline.react(lambda: _start(location, arn, text))
            case "logs":
                _log(location, resource.removeprefix("log-group:").removesuffix(":*"), text)
            case "events":
                events_backends[location[0]][location[1]].put_events([payload])
            case _:
                logging.getLogger(__name__).warning("the target %s is not supported by the local AWS", arn)


def _start(location: tuple[str, str], arn: str, text: str) -> None:
    account_id, region = location
    step_functions_backend(account_id, region).start_execution(arn, str(uuid4()), text)


def _log(location: tuple[str, str], group_name: str, text: str) -> None:
    group = logs_backends[location[0]][location[1]].groups[group_name]
    stream = group.streams.setdefault("events", LogStream(group, "events"))
    stream.put_log_events([{"timestamp": current_simulation().timeline.milliseconds, "message": text}])
    del stream.events[:-MAX_EVENTS]
