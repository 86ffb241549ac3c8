"""Words for policies, sharing, units and durations, in tables and on the page."""

from collections.abc import Mapping
from typing import Any, Final

from fairlane.scheduling import NUM_INSTANCES, FairShare, QuotaManagement, SchedulingPolicy, Sharing

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_LENDING: Final = {
    Sharing.RESERVE: "does not lend",
    Sharing.LEND: "lends",
    Sharing.LEND_AND_BORROW: "lends and borrows",
}


def duration_text(seconds: int) -> str:
    """Return a number of seconds in its two largest units, for example `2 h 5 min`."""
    parts: list[str] = []
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def policy_text(scheduling: SchedulingPolicy) -> str:
    """Return the name of a scheduling policy, for example `fair share`."""
    match scheduling:
        case QuotaManagement():
            return "quota management"
        case FairShare():
            return "fair share"
        case _:
            return "first in, first out"


def lending_text(scheduling: SchedulingPolicy, share: str) -> str:
    """Return the lending of a share, for example `lends and borrows`. Empty for a share of a fair-share policy."""
    shares = scheduling.shares if isinstance(scheduling, QuotaManagement) else ()
    return next((_LENDING[quota.sharing] for quota in shares if quota.name == share), "")


def sharing_text(sharing: Mapping[str, Any]) -> str:
    """Return the words for the `ResourceSharingConfig` of a HyperPod quota, for example `lends, borrows up to 50 %`."""
    match sharing["Strategy"]:
        case "DontLend":
            return "neither lends nor borrows"
        case "Lend":
            return "lends"
        case _:
            return f"lends, borrows up to {sharing['BorrowLimit']} %"


def unit_text(unit: str) -> str:
    """Return the name of a capacity unit, for example `instances`."""
    return "instances" if unit == NUM_INSTANCES else unit
