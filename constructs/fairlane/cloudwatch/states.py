"""States of alarms, and the evaluation of data points."""

from collections.abc import Sequence
from enum import StrEnum


class State(StrEnum):
    """State of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class UnchangedState(StrEnum):
    """Reason why an alarm keeps its state."""

    IGNORED = "ignored"
    """The alarm ignores missing data or a low sample count."""
    UNDOCUMENTED = "undocumented"
    """AWS documents only that the alarm does not enter ALARM."""


class TreatMissingData(StrEnum):
    """Treatment of missing data, a value of the alarm property `TreatMissingData`."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


def evaluate_datapoints(
    points: Sequence[bool | None], evaluation_periods: int, datapoints_to_alarm: int, treatment: TreatMissingData
) -> State | UnchangedState:
    """Return the state that follows from the data points of an evaluation range.

    The rules are those of "Configuring how CloudWatch alarms treat missing data" in the CloudWatch user guide. Its
    tables and its prose differ in one row; the tables apply.

    Args:
        points: Data points of the evaluation range, oldest first. True if a point breaches the threshold, None if it
            is missing.
        evaluation_periods: Number of evaluation periods, at most the number of points.
        datapoints_to_alarm: Number of breaching data points that puts the alarm in ALARM.
        treatment: Treatment of missing data.
    """
    real = [point for point in points if point is not None]
    missing = evaluation_periods - len(real)
    breaching = sum(real)
    if missing <= 0:
        return State.ALARM if sum(real[-evaluation_periods:]) >= datapoints_to_alarm else State.OK
    match treatment:
        case TreatMissingData.BREACHING:
            return State.ALARM if breaching + missing >= datapoints_to_alarm else State.OK
        case TreatMissingData.NOT_BREACHING:
            return State.ALARM if breaching >= datapoints_to_alarm else State.OK
    if not real:
        return State.INSUFFICIENT_DATA if treatment is TreatMissingData.MISSING else UnchangedState.IGNORED
    if breaching >= datapoints_to_alarm:
        return State.ALARM
    if breaching < len(real):
        return State.OK
    if len(points) - points.index(True) < datapoints_to_alarm:
        return UnchangedState.UNDOCUMENTED
    return State.ALARM if treatment is TreatMissingData.MISSING else UnchangedState.IGNORED
