"""Watches the alarms of a day."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from fairlane.cloudwatch.alarms import History, evaluate_alarms
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from tests.fairlane.monitoring.days.app import Deployed
from tests.fairlane.monitoring.days.days import DAYS
from tests.fairlane.monitoring.days.script import MIDNIGHT
from tests.fairlane.monitoring.days.world import samples_of

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA

RANGES: Final[dict[str, Callable[[int], int]]] = {"N": lambda periods: periods, "3 N": lambda periods: 3 * periods}
"""How many periods CloudWatch may fetch for so many evaluation periods: AWS does not say."""


def deployed(interval_minutes: int = 1) -> Deployed:
    """The alarms; polls that are rare save time on days that are long."""
    return _deployed(interval_minutes)


_deployed = cache(lambda interval_minutes: Deployed(interval_minutes=interval_minutes))


@cache
def samples(name: str) -> Samples:
    """All that CloudWatch gets on a day."""
    day, _ = DAYS[name]
    return samples_of(day, deployed(day.exporter.interval))


@cache
def history(name: str) -> History:
    """The states of all alarms on a day."""
    day, _ = DAYS[name]
    start, end = (MIDNIGHT + 60 * minute for minute in (day.watched, day.minutes))
    return evaluate_alarms(deployed(day.exporter.interval).template, samples(name), start=start, end=end)


def states(history: History, path: str) -> list[State]:
    """The states of an alarm one after the other, without the first one, which each alarm has."""
    logical_id = {path: logical_id for logical_id, path in deployed().names.items()}[path]
    return [state for _, state in history[logical_id]][1:]


def entered(history: History, names: Iterable[str]) -> dict[str, int]:
    """How often alarms went into state ALARM, by logical id; without those that never did."""
    times = {name: sum(state is ALARM for _, state in history[name]) for name in names}
    return {name: count for name, count in times.items() if count}


def kept(path: str, name: str) -> list[State]:
    """The states of an alarm on a day, if CloudWatch fetches no more periods than it must, so that soon it has none."""
    day, _ = DAYS[name]
    start, end = (MIDNIGHT + 60 * minute for minute in (day.watched, day.minutes))
    found = evaluate_alarms(only(path), samples(name), start=start, end=end, evaluation_range=RANGES["N"])
    return states(found, path)


def only(*paths: str) -> dict[str, Any]:
    """The template, with no other alarms."""
    wanted = {logical_id for logical_id, path in deployed().names.items() if path in paths}
    resources = deployed().template["Resources"]
    return {"Resources": {logical_id: resources[logical_id] for logical_id in wanted}}
