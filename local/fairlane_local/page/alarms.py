"""Alarms on the page, with their states."""

from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends

_STATES: Final = ("ALARM", "INSUFFICIENT_DATA", "OK", "")
_UNCHECKED: Final = "Unchecked"
"""Start of the reason of an alarm that was never evaluated."""


def alarm_rows(account_id: str, region: str) -> list[dict[str, Any]]:
    """Return the alarms, those in the state ALARM first. The state of an alarm that was never evaluated is empty."""
    alarms = [
        {
            "name": alarm.name,
            "state": "" if alarm.state_reason.startswith(_UNCHECKED) else alarm.state_value,
            "reason": alarm.state_reason,
        }
        for alarm in cloudwatch_backends[account_id][region].alarms.values()
    ]
    return sorted(alarms, key=lambda alarm: (_STATES.index(alarm["state"]), alarm["name"]))
