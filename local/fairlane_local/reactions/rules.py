"""Rules of EventBridge, which send matching events to their targets."""

import json
from copy import copy
from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventsBackend, Rule, events_backends
from moto.events.utils import EventTemplateParser

from fairlane_local.monitoring.event_resources import value_at_path
from fairlane_local.reactions import targets
from fairlane_local.simulation import current_simulation

_moto_send_to_targets = Rule.send_to_targets
_put_events = EventsBackend.put_events


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
        service, region, account_id, resource = [*target["Arn"].split(":", 5), *[""] * 5][2:6]
        if service == "events" and resource.startswith("event-bus/"):
            bus = events_backends[account_id][region].describe_event_bus(resource.removeprefix("event-bus/"))
            for rule in [*bus.rules.values()]:
                rule.send_to_targets(dict(original_event))  # type: ignore[arg-type]
        elif service == "events":
            rule = copy(self)
            rule.targets = [target]
            _moto_send_to_targets(rule, original_event, transform_input)  # archives and API destinations
        else:
            targets.send(self.account_id, self.region_name, target, _input(target, original_event))


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
