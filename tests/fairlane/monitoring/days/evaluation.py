"""Evaluation of the alarms of a day."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from fairlane.cloudwatch.alarms import History, evaluate_alarms
from fairlane.cloudwatch.samples import Samples
from fairlane.cloudwatch.states import State
from tests.fairlane.monitoring.days.app import Deployment
from tests.fairlane.monitoring.days.days import DAYS
from tests.fairlane.monitoring.days.script import MIDNIGHT
from tests.fairlane.monitoring.days.world import day_samples

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA

RANGES: Final[dict[str, Callable[[int], int]]] = {"N": lambda periods: periods, "3 N": lambda periods: 3 * periods}
"""Number of periods that CloudWatch may fetch for N evaluation periods. AWS does not document it."""


def deployment(interval_minutes: int = 1) -> Deployment:
    """Return the deployment. A long polling interval saves time on long days."""
    return _deployment(interval_minutes)


_deployment = cache(lambda interval_minutes: Deployment(interval_minutes=interval_minutes))


@cache
def samples(name: str) -> Samples:
    """Return all samples that CloudWatch receives on a day."""
    day, _ = DAYS[name]
    return day_samples(day, deployment(day.exporter.interval))


@cache
def history(name: str) -> History:
    """Return the states of all alarms on a day."""
    day, _ = DAYS[name]
    start, end = (MIDNIGHT + 60 * minute for minute in (day.alarm_start, day.minutes))
    return evaluate_alarms(deployment(day.exporter.interval).template, samples(name), start=start, end=end)


def later_states(history: History, path: str) -> list[State]:
    """Return the states of an alarm in order, without its initial state."""
    logical_id = {path: logical_id for logical_id, path in deployment().names.items()}[path]
    return [state for _, state in history[logical_id]][1:]


def alarm_counts(history: History, names: Iterable[str]) -> dict[str, int]:
    """Return how often each alarm went to ALARM, by logical id, without alarms that never did."""
    times = {name: sum(state is ALARM for _, state in history[name]) for name in names}
    return {name: count for name, count in times.items() if count}


def states_with_minimum_range(path: str, name: str) -> list[State]:
    """Return the states of an alarm on a day if CloudWatch fetches as few periods as possible."""
    day, _ = DAYS[name]
    start, end = (MIDNIGHT + 60 * minute for minute in (day.alarm_start, day.minutes))
    entries = evaluate_alarms(template_with(path), samples(name), start=start, end=end, evaluation_range=RANGES["N"])
    return later_states(entries, path)


def template_with(*paths: str) -> dict[str, Any]:
    """Return the template with only the alarms of these paths."""
    logical_ids = {logical_id for logical_id, path in deployment().names.items() if path in paths}
    resources = deployment().template["Resources"]
    return {"Resources": {logical_id: resources[logical_id] for logical_id in logical_ids}}
