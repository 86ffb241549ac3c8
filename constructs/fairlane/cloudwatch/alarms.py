"""Evaluation of a template's alarms over samples of metrics, by the rules of CloudWatch."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fairlane.cloudwatch.composites import Rule
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State, UnchangedState
from fairlane.cloudwatch.template_alarms import TemplateAlarms, nesting_message

_MINUTE: Final = 60


class History(dict[str, list[tuple[int, State]]]):
    """State changes of alarms, by logical id: the time of each change in seconds since 1970, and the new state.

    Attributes:
        undocumented: Alarms and times for which AWS does not document the state. The alarm keeps its state there.
        not_evaluated: Reasons why alarms are not evaluated, by logical id. These alarms have no states.
    """

    def __init__(self) -> None:
        super().__init__()
        self.undocumented: set[tuple[str, int]] = set()
        self.not_evaluated: dict[str, str] = {}

    def state(self, name: str, time: float = math.inf) -> State:
        """Return the state of an alarm at a time, in seconds since 1970. Default: the latest state."""
        return next(state for since, state in reversed(self[name]) if since <= time)

    def enter(self, name: str, time: int, state: State) -> None:
        """Record a state if it differs from the previous state."""
        if self.state(name) is not state:
            self[name].append((time, state))

    def exclude(self, name: str, reason: str) -> None:
        """Record why an alarm is not evaluated, and delete its states."""
        self.pop(name, None)
        self.undocumented = {entry for entry in self.undocumented if entry[0] != name}
        self.not_evaluated[name] = reason


def evaluate_alarms(
    template: Mapping[str, Any] | TemplateAlarms,
    samples: Samples,
    *,
    start: int,
    end: int,
    evaluation_range: Callable[[int], int] = lambda periods: periods + max(periods // 3, 2),
) -> History:
    """Return the states of a template's alarms, evaluated minute by minute.

    The initial state of each alarm is INSUFFICIENT_DATA. A composite alarm is evaluated after its children. Alarm
    actions and their suppression are not evaluated. These alarms are not evaluated either: metric alarms with features
    that are not supported here, composite alarms whose rules refer to such alarms or to alarms of another template, and
    composite alarms whose rules refer to each other.

    Args:
        template: Template with its `Resources`, or the alarms of a template.
        samples: Samples of the metrics of the alarms. A reference in the value of a dimension has the form
            `${LogicalId}` or `${LogicalId.Attribute}`.
        start: Creation time of the alarms, in seconds since 1970.
        end: Time of the last evaluation, in seconds since 1970.
        evaluation_range: Function from the number of evaluation periods to the number of periods that CloudWatch
            retrieves. AWS documents only that the second number is higher; the examples retrieve 5 periods for 3.
            Default: a third more, at least 2 more.
    """
    history = History()
    alarms = template if isinstance(template, TemplateAlarms) else TemplateAlarms.read(template)
    minutes = range(start - start % _MINUTE + _MINUTE, end + 1, _MINUTE)
    history.not_evaluated.update(alarms.not_evaluated)
    for name, alarm in alarms.alarms.items():
        history[name] = [(start, State.INSUFFICIENT_DATA)]
        try:
            for time in minutes:
                if not alarm.is_due(time, start):
                    continue
                match alarm.evaluate(samples, time, evaluation_range):
                    case State() as state:
                        history.enter(name, time, state)
                    case UnchangedState.UNDOCUMENTED:
                        history.undocumented.add((name, time))
        except ValueError as error:
            history.exclude(name, str(error))
    rules = dict(alarms.rules)
    while ready := [name for name, rule in rules.items() if rule.children <= history.keys()]:
        for name in ready:
            history[name] = [(start, State.INSUFFICIENT_DATA)]
            _evaluate_composite(name, rules.pop(name), history, minutes)
    for name, rule in rules.items():
        children = ", ".join(sorted(rule.children - history.keys()))
        history.exclude(name, f"alarm {name}: the rule refers to alarms that are not evaluated: {children}")
    return history


def _evaluate_composite(name: str, rule: Rule, history: History, minutes: Sequence[int]) -> None:
    """Evaluate a composite alarm in the first minute, and at each change of a child's state."""
    changes = {time for child in rule.children for time, _ in history[child] if time in minutes}
    try:
        for time in sorted({*minutes[:1], *changes}):
            states = {child: history.state(child, time) for child in rule.children}
            history.enter(name, time, State.ALARM if rule.condition(states) else State.OK)
    except RecursionError:
        history.exclude(name, nesting_message(name))
