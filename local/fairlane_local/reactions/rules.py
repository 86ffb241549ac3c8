"""Rules of EventBridge, which send matching events to their targets."""

import json
import logging
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from typing import Any, TypeAlias

from moto.events.models import EventsBackend, Rule, events_backends
from moto.events.utils import EventTemplateParser

from fairlane_local.monitoring.event_resources import value_at_path
from fairlane_local.reactions import targets
from fairlane_local.reactions.event_buses import is_denied
from fairlane_local.simulation import current_simulation

_moto_send_to_targets = Rule.send_to_targets
_put_events = EventsBackend.put_events
_Bus: TypeAlias = tuple[str, str, str]
_path: ContextVar[frozenset[_Bus]] = ContextVar("path", default=frozenset())
"""Accounts, Regions and names of the event buses that the current event has passed."""


def install() -> None:
    """Make moto's rules call all targets, and its event buses keep the resources and Region of a forwarded event."""
    Rule.send_to_targets = _send_to_targets  # type: ignore[method-assign]
    EventsBackend.put_events = _put_at_local_time  # type: ignore[method-assign]


def _put_at_local_time(self: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    now = current_simulation().timeline.milliseconds // 1000
    return _put_events(self, [{**event, "Time": event.get("Time") or now} for event in events])


def _send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:
    has_pattern = bool(self.event_pattern.get_pattern())
    if self.state == "DISABLED" or not has_pattern or not self.event_pattern.matches_event(original_event):
        return
    for target in [*self.targets]:
        with targets.log_errors(target):
            _send(self, target, original_event, transform_input)


def _send(rule: Rule, target: targets.Target, event: dict[str, Any], transform_input: bool) -> None:
    service, region, account_id, resource = [*target["Arn"].split(":", 5), *[""] * 5][2:6]
    if service == "events" and resource.startswith("event-bus/"):
        _forward(rule, target, (account_id, region, resource.removeprefix("event-bus/")), event)
    elif service == "events":
        rule = copy(rule)
        rule.targets = [target]  # type: ignore[list-item]
        _moto_send_to_targets(rule, event, transform_input)  # type: ignore[arg-type]  # archives, API destinations
    else:
        targets.send(rule.account_id, rule.region_name, target, _input(target, event))


def _forward(rule: Rule, target: targets.Target, to: _Bus, event: dict[str, Any]) -> None:
    """Send an event to the rules of another bus, unless its policy denies it or the event was there before."""
    account_id, region, name = to
    path = {*_path.get(), (rule.account_id, rule.region_name, rule.event_bus_name.rpartition("/")[2])}
    bus = events_backends[account_id][region].describe_event_bus(name)
    if is_denied(bus, str(target.get("RoleArn", ""))):
        text = "an event was not delivered: the policy of %s denies the events of the rule %s"
        logging.getLogger(__name__).warning(text, bus.arn, rule.arn)
        return
    token = _path.set(frozenset(path))
    try:
        for other in [*bus.rules.values()] if to not in path else ():
            other.send_to_targets(dict(event))  # type: ignore[arg-type]
    finally:
        _path.reset(token)


def _input(target: targets.Target, event: dict[str, Any]) -> Any:
    """Return what a target receives of an event."""
    if "Input" in target:
        return json.loads(target["Input"])
    event = {**event, "time": f"{datetime.fromtimestamp(int(event['time']), UTC):%Y-%m-%dT%H:%M:%SZ}"}
    if "InputPath" in target:
        return value_at_path(target["InputPath"], event)
    transformer = target.get("InputTransformer", {})
    template, paths = transformer.get("InputTemplate"), transformer.get("InputPathsMap", {})
    return EventTemplateParser.parse(input_template=template, input_paths_map=paths, event=event)  # type: ignore[arg-type]
