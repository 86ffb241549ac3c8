"""States of alarms, and which one a few data points call for."""

from collections.abc import Sequence
from enum import StrEnum


class State(StrEnum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Kept(StrEnum):
    """Why an alarm stays as it is."""

    IGNORED = "ignored"
    """It is told to when data are missing or too few."""
    UNDOCUMENTED = "undocumented"
    """AWS says only that it does not go into ALARM."""


class Missing(StrEnum):
    """What an alarm makes of missing data, in `TreatMissingData`."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


def judged(points: Sequence[bool | None], periods: int, datapoints: int, missing: Missing) -> State | Kept:
    """The state that data points call for.

    As in "Configuring how CloudWatch alarms treat missing data" of the user guide, its tables before its prose, as they
    differ on one row.

    Args:
        points: of the evaluation range, oldest first, whether each breaches the threshold; None where one is missing.
        periods: the evaluation periods, at most as many as there are points.
        datapoints: how many of them have to breach.
        missing: what to make of missing ones.
    """
    real = [point for point in points if point is not None]
    fill = periods - len(real)
    breaching = sum(real)
    if fill <= 0:
        return State.ALARM if sum(real[-periods:]) >= datapoints else State.OK
    match missing:
        case Missing.BREACHING:
            return State.ALARM if breaching + fill >= datapoints else State.OK
        case Missing.NOT_BREACHING:
            return State.ALARM if breaching >= datapoints else State.OK
    if not real:
        return State.INSUFFICIENT_DATA if missing is Missing.MISSING else Kept.IGNORED
    if breaching >= datapoints:
        return State.ALARM
    if breaching < len(real):
        return State.OK
    if len(points) - points.index(True) < datapoints:
        return Kept.UNDOCUMENTED
    return State.ALARM if missing is Missing.MISSING else Kept.IGNORED
