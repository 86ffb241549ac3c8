"""All limits of a queue, and those of the exporter, by severity."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar

from fairlane._checks import check_text
from fairlane._problems import Problem
from fairlane.alarms._limits import (
    DeadLetters,
    ExporterStale,
    FailureRate,
    IdleCapacity,
    IdleWhileWaiting,
    Limit,
    OldestWait,
    Preemptions,
    QueueBlocked,
    SpotReclaims,
    StarvedShare,
    Truncated,
)

_WARNING: Final = "Warning"
_CRITICAL: Final = "Critical"
_SEVERITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}")
_DAY_MINUTES: Final = 24 * 60
_HOUR_MINUTES: Final = 60
_SHORTEST_PERIOD: Final = 5

_L = TypeVar("_L", bound=Limit)


def _warning(limit: _L) -> Mapping[str, _L]:
    return field(default_factory=lambda: {_WARNING: limit})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    def limits(self) -> Iterator[tuple[str, str, Limit]]:
        """Every limit: its kind, its severity, and itself."""
        for kind in fields(self):
            for severity, limit in getattr(self, kind.name).items():
                yield kind.name, severity, limit

    def problems(self, interval_minutes: object) -> Iterator[Problem]:
        """Yields every limit that cannot be right.

        Args:
            interval_minutes: how often queues are polled; nothing that lasts less can be told.
        """
        for kind in fields(self):
            by_severity, of = getattr(self, kind.name), _KINDS[kind.name]
            if not isinstance(by_severity, Mapping):
                yield Problem((kind.name,), by_severity, f'limits by severity, such as {{"Warning": {of.__name__}()}}')
                continue
            for severity, limit in by_severity.items():
                where = (kind.name, str(severity))
                allowed = "a severity: 1 to 32 letters and digits, a letter first, such as Warning or Critical"
                yield from check_text(where, severity, _SEVERITY.fullmatch, allowed)
                if not isinstance(limit, of):
                    yield Problem(where, limit, f"{of.__name__}(...)")
                    continue
                wrong = list(limit.problems())
                yield from (problem.within(*where) for problem in wrong)
                if not wrong and isinstance(interval_minutes, int):
                    yield from (problem.within(*where) for problem in _time_problems(limit, interval_minutes))


def period_minutes(limit: Limit, interval_minutes: int) -> int:
    """The period of an alarm for a limit that lasts: an hour for hours; else five minutes, or the interval of polls."""
    return _HOUR_MINUTES if isinstance(limit, IdleCapacity) else max(_SHORTEST_PERIOD, interval_minutes)


def _time_problems(limit: Limit, interval_minutes: int) -> Iterator[Problem]:
    lasting = limit.lasting_minutes()
    if lasting is None:
        return
    name = "minutes" if hasattr(limit, "minutes") else "hours"
    if isinstance(limit, ExporterStale) and lasting < 2 * interval_minutes:
        allowed = f"no less than {2 * interval_minutes}, two intervals of polls"
        yield Problem((name,), getattr(limit, name), allowed)
    elif lasting < interval_minutes:
        allowed = f"no less than the {interval_minutes} minutes between two polls, which tell nothing sooner"
        yield Problem((name,), getattr(limit, name), allowed)
    period = period_minutes(limit, interval_minutes)
    if name == "minutes" and -(-int(lasting) // period) * period > _DAY_MINUTES:
        allowed = f"at most {_DAY_MINUTES // period * period} minutes, as periods of {period} minutes add up to a day"
        yield Problem((name,), getattr(limit, name), allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimits(_Limits):
    """What is too much for a queue, each by severity: `{"Warning": OldestWait(hours=4)}`; `{}` leaves an alarm out.

    Alarms whose metrics a queue does not have are left out by themselves: of starved shares where entitlements are not
    known, of idle capacity where no limit is, of preemptions without quota shares, of Spot without Spot machines.

    Args:
        oldest_wait: a job has been waiting for too long.
        blocked: AWS Batch says that the job at the head of the queue cannot start.
        failure_rate: too many jobs fail.
        starved_share: a share has less than its entitlement while jobs of it wait.
        idle_while_waiting: capacity is idle while jobs wait.
        idle_capacity: capacity is idle for hours.
        preemptions: many jobs are stopped for others.
        spot_reclaims: many attempts are lost on Spot machines.
    """

    oldest_wait: Mapping[str, OldestWait] = field(
        default_factory=lambda: {_WARNING: OldestWait(), _CRITICAL: OldestWait(hours=24)}
    )
    blocked: Mapping[str, QueueBlocked] = _warning(QueueBlocked())
    failure_rate: Mapping[str, FailureRate] = _warning(FailureRate())
    starved_share: Mapping[str, StarvedShare] = _warning(StarvedShare())
    idle_while_waiting: Mapping[str, IdleWhileWaiting] = _warning(IdleWhileWaiting())
    idle_capacity: Mapping[str, IdleCapacity] = _warning(IdleCapacity())
    preemptions: Mapping[str, Preemptions] = _warning(Preemptions())
    spot_reclaims: Mapping[str, SpotReclaims] = _warning(SpotReclaims())

    @classmethod
    def polled_every(cls, minutes: int) -> "AlarmLimits":
        """The defaults, none of which lasts less than the interval between two polls."""
        starved, idle = StarvedShare(), IdleWhileWaiting()
        return cls(
            starved_share={_WARNING: replace(starved, minutes=max(starved.minutes, minutes))},
            idle_while_waiting={_WARNING: replace(idle, minutes=max(idle.minutes, minutes))},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterLimits(_Limits):
    """What is too much for the exporter itself, each by severity; `{}` leaves an alarm out.

    Args:
        stale: a queue was not polled, or events wait to be counted.
        dead_letters: events could not be used or delivered.
        truncated: a queue has more jobs than a poll may list.
    """

    stale: Mapping[str, ExporterStale] = field(default_factory=lambda: {_CRITICAL: ExporterStale()})
    dead_letters: Mapping[str, DeadLetters] = _warning(DeadLetters())
    truncated: Mapping[str, Truncated] = _warning(Truncated())

    @classmethod
    def polled_every(cls, minutes: int) -> "ExporterLimits":
        """The defaults, none of which lasts less than the interval between two polls; for `stale`, than two."""
        stale, truncated = ExporterStale(), Truncated()
        return cls(
            stale={_CRITICAL: replace(stale, minutes=max(stale.minutes, 2 * minutes))},
            truncated={_WARNING: replace(truncated, minutes=max(truncated.minutes, minutes))},
        )


QUEUE_ALARMS: Final[Mapping[str, type[Limit]]] = {
    "oldest_wait": OldestWait,
    "blocked": QueueBlocked,
    "failure_rate": FailureRate,
    "starved_share": StarvedShare,
    "idle_while_waiting": IdleWhileWaiting,
    "idle_capacity": IdleCapacity,
    "preemptions": Preemptions,
    "spot_reclaims": SpotReclaims,
}
"""The alarms of a queue: the name of each, and of which kind its limits are."""

_KINDS: Final[Mapping[str, type[Limit]]] = {
    **QUEUE_ALARMS,
    "stale": ExporterStale,
    "dead_letters": DeadLetters,
    "truncated": Truncated,
}


def severities(*of: _Limits) -> Sequence[str]:
    """All severities of some limits, each once, in their order."""
    return list(dict.fromkeys(severity for one in of for _, severity, _ in one.limits()))


def check_notify(notify: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    """Yields severities to notify of that no alarm has."""
    for severity in notify:
        if severity not in known:
            yield Problem(("notify", str(severity)), severity, f"a severity of these alarms: {', '.join(known)}")
