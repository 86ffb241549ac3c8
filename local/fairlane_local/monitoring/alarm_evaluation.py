"""Evaluation of the alarms of a local AWS each minute, by the rules of `fairlane.cloudwatch`."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from fairlane.cloudwatch.composites import Rule
from fairlane.cloudwatch.metric_alarm import Alarm as Evaluated
from fairlane.cloudwatch.states import State
from fairlane_local.monitoring.alarm_changes import location, record
from fairlane_local.monitoring.metrics import MetricStore, metric_store
from fairlane_local.simulation import current_simulation

_EVALUATED: Final = "_fairlane_evaluated"
_CREATED: Final = "_fairlane_created"
_CHILDREN: Final = "_fairlane_children"
_WORDS: Final = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}

_put_metric_alarm = CloudWatchBackend.put_metric_alarm


def put_alarm(backend: CloudWatchBackend, name: str, *args: Any, **more: Any) -> Alarm:
    """Put an alarm as moto does. A new alarm has insufficient data, and a changed alarm keeps its state."""
    old = backend.alarms.get(name)
    alarm = _put_metric_alarm(backend, name, *args, **more)
    timeline = current_simulation().timeline
    alarm.state_value = "INSUFFICIENT_DATA"
    alarm.__dict__[_CREATED] = timeline.milliseconds // 1000
    if old:
        for attribute in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
            setattr(alarm, attribute, getattr(old, attribute))
        alarm.__dict__[_CREATED] = old.__dict__[_CREATED]
    record(alarm, "ConfigurationUpdate", f'Alarm "{name}" {"updated" if old else "created"}')
    return alarm


def define(alarm: Alarm, properties: Mapping[str, Any]) -> None:
    """Set the properties that an alarm is evaluated by, as CloudFormation and the API write them."""
    try:
        if alarm.rule is not None:
            rule = Rule.parse(alarm.rule, lambda text: text.rpartition(":alarm:")[2])
            alarm.__dict__[_EVALUATED] = rule
        else:
            set_properties = {name: value for name, value in properties.items() if value is not None}
            alarm.__dict__[_EVALUATED] = Evaluated.from_template(alarm.name, set_properties)
    except (RecursionError, ValueError) as error:
        alarm.state_reason = f"Not evaluated by the local AWS: {error}"
        logging.getLogger(__name__).warning("alarm %s is not evaluated: %s", alarm.name, error)


def evaluate_alarms(backend: CloudWatchBackend, time: int) -> None:
    """Evaluate the alarms of an account and Region: first the metric alarms, then each composite after its children.

    Args:
        backend: Alarms.
        time: Whole minute, in seconds since the epoch.
    """
    alarms = dict(backend.alarms)
    if not alarms:
        return
    store = metric_store(backend.account_id, backend.region_name)
    with store.lock:
        for alarm in alarms.values():
            match alarm.__dict__.get(_EVALUATED):
                case Evaluated() as evaluated if evaluated.is_due(time, alarm.__dict__[_CREATED]):
                    _evaluate_metric_alarm(alarm, evaluated, store, time)
    done: set[str] = set()
    for name in alarms:
        _evaluate_composite(name, alarms, done)


def _evaluate_metric_alarm(alarm: Alarm, evaluated: Evaluated, store: MetricStore, time: int) -> None:
    try:
        state = evaluated.evaluate(store.samples, time, _evaluation_range)
    except ValueError as error:
        alarm.state_reason = f"Not evaluated by the local AWS: {error}"
        return
    if isinstance(state, State) and state != alarm.state_value:
        alarm.update_state(_reason(alarm, evaluated, state, store, time), "{}", str(state))


def _evaluation_range(periods: int) -> int:
    """Return the number of periods that CloudWatch retrieves, as `fairlane.cloudwatch` assumes it."""
    return periods + max(periods // 3, 2)


def _reason(alarm: Alarm, evaluated: Evaluated, state: State, store: MetricStore, time: int) -> str:
    count = evaluated.evaluation_periods
    if state is State.INSUFFICIENT_DATA:
        unknown = "1 datapoint was unknown" if count == 1 else f"{count} datapoints were unknown"
        return f"Insufficient Data: {unknown}."
    starts = evaluated.starts(time, count)
    points = evaluated.points(store.samples, starts, time)
    listed = [f"{points[at]:g} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at in starts if at in points]
    if not listed:
        treatment = f"treated as [{alarm.treat_missing_data}]"
        return f"Threshold Crossed: no datapoints were received for {count} periods and were {treatment}."
    words = _WORDS[alarm.comparison_operator]
    breaching = sum(evaluated.is_breaching(points[at], evaluated.threshold) for at in starts if at in points)
    number = breaching if state is State.ALARM else len(listed) - breaching
    was = f"{'was' if number == 1 else 'were'} {'' if state is State.ALARM else 'not '}{words} the threshold"
    number_of = f"{number} out of the last {count} datapoints" if count > 1 else "1 datapoint"
    transition = "OK -> ALARM transition" if state is State.ALARM else "ALARM -> OK transition"
    minimum = evaluated.datapoints_to_alarm if state is State.ALARM else count - evaluated.datapoints_to_alarm + 1
    plural = "" if minimum == 1 else "s"
    values = f"[{', '.join(reversed(listed))}] {was} ({evaluated.threshold:g})"
    return f"Threshold Crossed: {number_of} {values} (minimum {minimum} datapoint{plural} for {transition})."


def _evaluate_composite(name: str, alarms: Mapping[str, Alarm], done: set[str]) -> None:
    """Evaluate a composite alarm if the state of a child has changed since its last evaluation."""
    alarm = alarms.get(name)
    if alarm is None or name in done:
        return
    done.add(name)
    rule = alarm.__dict__.get(_EVALUATED)
    if not isinstance(rule, Rule):
        return
    for child in rule.children:
        _evaluate_composite(child, alarms, done)
    if missing := rule.children - alarms.keys():
        alarm.state_reason = f"Not evaluated by the local AWS: there is no alarm {', '.join(sorted(missing))}"
        return
    states = {child: State(alarms[child].state_value) for child in rule.children}
    if alarm.__dict__.get(_CHILDREN) == states:
        return
    alarm.__dict__[_CHILDREN] = states
    state = State.ALARM if rule.condition(states) else State.OK
    if state != alarm.state_value:
        account_id, region = location(alarm)
        changed = ", ".join(f"{child} is {states[child]}" for child in sorted(states))
        reason = f"{alarm.alarm_arn} transitioned to {state} in {region} of {account_id}: {changed}"
        alarm.update_state(reason[:1023], "{}", str(state))
