"""Schedules of EventBridge Scheduler and of EventBridge rules, which call their targets on the local clock."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.events.models import EventsBackend, Rule
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

from fairlane_local.reactions import targets
from fairlane_local.reactions.schedule_times import ScheduleTimes
from fairlane_local.reactions.universal_targets import UniversalCall
from fairlane_local.simulation import current_simulation

_create_schedule = EventBridgeSchedulerBackend.create_schedule
_update_schedule = EventBridgeSchedulerBackend.update_schedule
_put_rule = EventsBackend.put_rule
_VERSION = "_fairlane_version"
_DELAY = 60
"""Seconds until the first call of a rate without a start date. AWS calls it within a minute."""


def install() -> None:
    """Make moto's schedules and rules with schedules call their targets."""
    EventBridgeSchedulerBackend.create_schedule = _create  # type: ignore[method-assign]
    EventBridgeSchedulerBackend.update_schedule = _update  # type: ignore[method-assign]
    EventsBackend.put_rule = _put_scheduled_rule  # type: ignore[method-assign]


def _create(self: EventBridgeSchedulerBackend, *args: Any, **more: Any) -> Schedule:
    schedule = _create_schedule(self, *args, **more)
    _arm_schedule(self, schedule)
    return schedule


def _update(self: EventBridgeSchedulerBackend, *args: Any, **more: Any) -> Schedule:
    schedule = _update_schedule(self, *args, **more)
    _arm_schedule(self, schedule)
    return schedule


def _arm_schedule(backend: EventBridgeSchedulerBackend, schedule: Schedule) -> None:
    start, end = (_seconds(date) for date in (schedule.start_date, schedule.end_date))

    def fire(second: int) -> None:
        if schedule.state == "DISABLED" or (end is not None and second > end):
            return
        if UniversalCall.fits(schedule.target):
            call = UniversalCall(
                backend.account_id,
                backend.region_name,
                schedule.target,
                lambda attempt: _input(schedule, second, attempt),
            )
            call.run()
            return
        text = _input(schedule, second)
        payload = _json(text)
        if ":event-bus/" in schedule.target["Arn"]:
            parameters = schedule.target.get("EventBridgeParameters", {})
            entry = {"Source": parameters.get("Source"), "DetailType": parameters.get("DetailType")}
            payload = {**entry, "Detail": text, "EventBusName": schedule.target["Arn"]}
        targets.send(backend.account_id, backend.region_name, schedule.target, payload)

    def exists() -> bool:
        group = backend.schedule_groups.get(schedule.group_name)
        return group is not None and group.schedules.get(schedule.name) is schedule

    expression, timezone = schedule.schedule_expression, schedule.schedule_expression_timezone
    _arm(schedule, expression, timezone, start, exists, fire)


def _input(schedule: Schedule, second: int, attempt: int = 1) -> str:
    """Return the input of an attempt, with the keywords replaced."""
    keywords = {
        "scheduled-time": f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": str(uuid4()),
        "attempt-number": str(attempt),
        "schedule-arn": schedule.arn,
    }
    text = str(schedule.target.get("Input", "{}"))
    for name, value in keywords.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _put_scheduled_rule(self: EventsBackend, *args: Any, **more: Any) -> Rule:
    rule = _put_rule(self, *args, **more)
    if not rule.scheduled_expression:
        return rule

    def fire(second: int) -> None:
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.account_id,
            "time": f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": self.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
        for target in [*rule.targets] if rule.state != "DISABLED" else ():
            with targets.log_errors(target):
                payload = json.loads(target["Input"]) if "Input" in target else event
                targets.send(self.account_id, self.region_name, target, payload)

    def exists() -> bool:
        return any(bus.rules.get(rule.name) is rule for bus in self.event_buses.values())

    _arm(rule, rule.scheduled_expression, "UTC", None, exists, fire)
    return rule


def _arm(
    item: Any,
    expression: str,
    timezone: str,
    start: int | None,
    exists: Callable[[], bool],
    fire: Callable[[int], None],
) -> None:
    """Call a function at each time of a schedule, until the schedule is deleted or changed."""
    timeline = current_simulation().timeline
    origin = timeline.clock.start
    version = item.__dict__[_VERSION] = item.__dict__.get(_VERSION, 0) + 1
    with timeline.lock:
        now = origin + timeline.second
        try:
            times = ScheduleTimes(expression, now + _DELAY if start is None else start, timezone)
        except ValueError:
            logging.getLogger(__name__).warning("a schedule is never called", exc_info=True)
            return

        def plan(second: int) -> None:
            moment = times.after(second)
            if moment is not None:
                timeline.call_at(moment - origin, lambda _: call(moment))

        def call(moment: int) -> None:
            if item.__dict__[_VERSION] == version and exists():
                plan(moment)
                fire(moment)

        plan(now if start is None else max(now, start) - 1)
    timeline.wake()


def _seconds(date: Any) -> int | None:
    return (
        None
        if date is None
        else int(date)
        if isinstance(date, (int, float))
        else int(datetime.fromisoformat(str(date)).timestamp())
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
