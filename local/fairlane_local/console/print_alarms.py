"""Table of the alarms of a local AWS that went off and recovered, and of their notifications."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console

from fairlane_local.console.tables import alarms_table
from fairlane_local.server.access import client
from fairlane_local.server.background import control, queue_locations

_ALARM: Final = "ALARM"


def print_alarms(port: int) -> None:
    """Print the changes to and from the state ALARM in each account and Region with queues.

    Args:
        port: Port that the local AWS listens on.
    """
    messages = control(port, "notifications")["notifications"]
    for account_id, region in queue_locations(port) or []:
        rows = [*alarm_rows(client("cloudwatch", port, account_id, region), messages)]
        if rows:
            Console().print("", alarms_table(rows, title=f"Alarms in {region}"), sep="\n")


def alarm_rows(cloudwatch: Any, messages: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return time, new state and text of each change to or from ALARM, the oldest first.

    The text is the first sentence of the alarm's description, with the subscribers that received a message.

    Args:
        cloudwatch: boto3 client.
        messages: Messages to topics, as the control call `notifications` returns them.
    """
    texts = {}
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
        for alarm in [*page["MetricAlarms"], *page["CompositeAlarms"]]:
            texts[alarm["AlarmName"]] = alarm.get("AlarmDescription", "").partition(". ")[0] or alarm["AlarmName"]
    rows = []
    for page in cloudwatch.get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate"):
        for change in page["AlarmHistoryItems"]:
            data = json.loads(change["HistoryData"])
            old, new = data["oldState"]["value"], data["newState"]["value"]
            if _ALARM in (old, new):
                name, time = change["AlarmName"], change["Timestamp"]
                subscribers = _subscribers(messages, name, f"{time:%Y-%m-%dT%H:%M:%SZ}")
                text = "; message to ".join([texts[name], *subscribers])
                rows.append((time, change["AlarmType"] == "CompositeAlarm", text, new))
    return [(f"{time:%H:%M}", new, text) for time, _, text, new in sorted(rows)]


def _subscribers(messages: Sequence[dict[str, Any]], name: str, time: str) -> Iterator[str]:
    """Yield the subscribers that received a message about an alarm at a time."""
    for message in messages:
        if message["time"] == time and f'"{name}"' in message["subject"]:
            yield from message["subscribers"]
