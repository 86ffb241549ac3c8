"""Evaluates a template's alarms over samples of metrics, as CloudWatch does."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fairlane.cloudwatch.composites import Rule
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import Kept, State
from fairlane.cloudwatch.template_alarms import TemplateAlarms, too_deep

_MINUTE: Final = 60


class History(dict[str, list[tuple[int, State]]]):
    """By an alarm's logical id, when it went into which state, in seconds since 1970.

    Attributes:
        undocumented: alarms and times at which AWS does not say what becomes of them; they are taken to stay as they
            are.
        not_evaluated: alarms that cannot be evaluated here, each with the reason; they have no states.
    """

    def __init__(self) -> None:
        super().__init__()
        self.undocumented: set[tuple[str, int]] = set()
        self.not_evaluated: dict[str, str] = {}

    def state(self, name: str, at: float = math.inf) -> State:
        """The state of an alarm at a time, by default the latest."""
        return next(state for since, state in reversed(self[name]) if since <= at)

    def enter(self, name: str, at: int, state: State) -> None:
        """Notes a state, if it is another than before."""
        if self.state(name) is not state:
            self[name].append((at, state))

    def leave_out(self, name: str, reason: str) -> None:
        """Notes why an alarm is not evaluated, and forgets its states."""
        self.pop(name, None)
        self.undocumented = {each for each in self.undocumented if each[0] != name}
        self.not_evaluated[name] = reason


def evaluate_alarms(
    template: Mapping[str, Any] | TemplateAlarms,
    samples: Samples,
    *,
    start: int,
    end: int,
    evaluation_range: Callable[[int], int] = lambda periods: periods + max(periods // 3, 2),
) -> History:
    """Evaluates a template's alarms minute by minute.

    All have insufficient data at first; a composite alarm is evaluated after its children. Actions and what suppresses
    them are left out. So are alarms that are not evaluated here, composite alarms whose rules name them or alarms of
    another template, and those that refer to each other in a circle.

    Args:
        template: the template, with its `Resources`, or its alarms.
        samples: of the metrics that its alarms watch; a reference in a dimension is what `plain` makes of it.
        start: when the alarms come into being, in seconds since 1970.
        end: the time of the last evaluation.
        evaluation_range: how many periods CloudWatch fetches for so many evaluation periods. AWS documents only that
            they are more; its examples fetch 5 for 3.
    """
    history = History()
    found = template if isinstance(template, TemplateAlarms) else TemplateAlarms.read(template)
    minutes = range(start - start % _MINUTE + _MINUTE, end + 1, _MINUTE)
    history.not_evaluated.update(found.not_evaluated)
    for name, alarm in found.alarms.items():
        history[name] = [(start, State.INSUFFICIENT_DATA)]
        try:
            for at in minutes:
                if not alarm.is_due(at, start):
                    continue
                match alarm.verdict(samples, at, evaluation_range):
                    case State() as state:
                        history.enter(name, at, state)
                    case Kept.UNDOCUMENTED:
                        history.undocumented.add((name, at))
        except ValueError as error:
            history.leave_out(name, str(error))
    rules = dict(found.rules)
    while ready := [name for name, rule in rules.items() if rule.children <= history.keys()]:
        for name in ready:
            history[name] = [(start, State.INSUFFICIENT_DATA)]
            _follow(name, rules.pop(name), history, minutes)
    for name, rule in rules.items():
        unknown = ", ".join(sorted(rule.children - history.keys()))
        history.leave_out(name, f"alarm {name}: its rule names what is not evaluated: {unknown}")
    return history


def _follow(name: str, rule: Rule, history: History, minutes: Sequence[int]) -> None:
    """Evaluates a composite alarm in the first minute, and whenever one of its children changes."""
    changes = {at for child in rule.children for at, _ in history[child] if at in minutes}
    try:
        for at in sorted({*minutes[:1], *changes}):
            states = {child: history.state(child, at) for child in rule.children}
            history.enter(name, at, State.ALARM if rule.holds(states) else State.OK)
    except RecursionError:
        history.leave_out(name, too_deep(name))
