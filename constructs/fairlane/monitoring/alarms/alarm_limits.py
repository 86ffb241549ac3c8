"""All limits of a queue, and those of the exporter, by severity."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.monitoring.alarms.limits import (
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
_DEFAULTS: Final[Mapping[str, Mapping[str, Limit]]] = {
    "oldest_wait": {_WARNING: OldestWait(), _CRITICAL: OldestWait(hours=24)},
    "blocked": {_WARNING: QueueBlocked()},
    "failure_rate": {_WARNING: FailureRate()},
    "starved_share": {_WARNING: StarvedShare()},
    "idle_while_waiting": {_WARNING: IdleWhileWaiting()},
    "idle_capacity": {_WARNING: IdleCapacity()},
    "preemptions": {_WARNING: Preemptions()},
    "spot_reclaims": {_WARNING: SpotReclaims()},
    "stale": {_CRITICAL: ExporterStale()},
    "dead_letters": {_WARNING: DeadLetters()},
    "truncated": {_WARNING: Truncated()},
}

_SEVERITY: Final = re.compile(r"(?!Queues$)[A-Za-z][A-Za-z0-9]{0,31}")  # the exporter's alarms of queues are in Queues
_DAY_MINUTES: Final = 24 * 60
_HOUR_MINUTES: Final = 60
_SHORTEST_PERIOD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of some kinds, each by severity."""

    def limits(self, interval_minutes: int = 1) -> Iterator[tuple[str, str, Limit]]:
        """Every limit: its kind, its severity, and itself.

        Args:
            interval_minutes: how often queues are polled. What is as it is by default lasts no less than that can tell.
        """
        for kind in fields(self):
            named = getattr(self, kind.name)
            for severity, limit in (_DEFAULTS[kind.name] if named is None else named).items():
                yield kind.name, severity, limit if named is not None else _told_by(limit, interval_minutes)

    def problems(self, interval_minutes: object) -> Iterator[Problem]:
        """Yields every limit that cannot be right.

        Args:
            interval_minutes: how often queues are polled; nothing that lasts less can be told.
        """
        for kind in fields(self):
            by_severity, of = getattr(self, kind.name), type(next(iter(_DEFAULTS[kind.name].values())))
            if by_severity is None:
                continue
            if not isinstance(by_severity, Mapping):
                yield Problem((kind.name,), by_severity, f'limits by severity, such as {{"Warning": {of.__name__}()}}')
                continue
            for severity, limit in by_severity.items():
                where = (kind.name, str(severity))
                if not isinstance(severity, str) or not _SEVERITY.fullmatch(severity):
                    allowed = "a severity: 1 to 32 letters and digits, a letter first, such as Warning or Critical"
                    yield Problem(where, severity, allowed)
                if not isinstance(limit, of):
                    yield Problem(where, limit, f"{of.__name__}(...)")
                    continue
                wrong = [*_tokens(limit), *limit.problems()]
                if not wrong and isinstance(interval_minutes, int):
                    wrong += _time_problems(limit, interval_minutes)
                yield from (problem.within(*where) for problem in wrong)


def period_minutes(limit: Limit, interval_minutes: int) -> int:
    """The period of an alarm for a limit that lasts: an hour for hours; else five minutes, or the interval of polls."""
    return _HOUR_MINUTES if isinstance(limit, IdleCapacity) else max(_SHORTEST_PERIOD, interval_minutes)


def _least_minutes(limit: Limit, interval_minutes: int) -> int:
    return 2 * interval_minutes if isinstance(limit, ExporterStale) else interval_minutes


def _told_by(limit: Limit, interval_minutes: int) -> Limit:
    """The limit, or one that lasts longer, as long as it takes polls to tell."""
    if not isinstance(limit, StarvedShare | IdleWhileWaiting | ExporterStale | Truncated):
        return limit
    return replace(limit, minutes=max(limit.minutes, _least_minutes(limit, interval_minutes)))


def _tokens(limit: Limit) -> Iterator[Problem]:
    for part in fields(limit):
        if is_token(value := getattr(limit, part.name)):
            yield Problem((part.name,), value, "what is known at synth, as expressions are made of it")


def _time_problems(limit: Limit, interval_minutes: int) -> Iterator[Problem]:
    lasting = limit.lasting_minutes()
    if lasting is None:
        return
    name = "minutes" if hasattr(limit, "minutes") else "hours"
    if lasting < (least := _least_minutes(limit, interval_minutes)):
        allowed = f"no less than the {interval_minutes} minutes between two polls, which tell nothing sooner"
        if least > interval_minutes:
            allowed = f"no less than {least}, two intervals of polls"
        yield Problem((name,), getattr(limit, name), allowed)
    period = period_minutes(limit, interval_minutes)
    if name == "minutes" and -(-int(lasting) // period) * period > _DAY_MINUTES:
        allowed = f"at most {_DAY_MINUTES // period * period} minutes, as periods of {period} minutes add up to a day"
        yield Problem((name,), getattr(limit, name), allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimits(Limits):
    """What is too much for a queue, each by severity: `{"Warning": OldestWait(hours=4)}`; `{}` leaves an alarm out.

    What is not named is as it is by default, and lasts as long as the interval of the polls, where that is longer.

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

    oldest_wait: Mapping[str, OldestWait] | None = None
    blocked: Mapping[str, QueueBlocked] | None = None
    failure_rate: Mapping[str, FailureRate] | None = None
    starved_share: Mapping[str, StarvedShare] | None = None
    idle_while_waiting: Mapping[str, IdleWhileWaiting] | None = None
    idle_capacity: Mapping[str, IdleCapacity] | None = None
    preemptions: Mapping[str, Preemptions] | None = None
    spot_reclaims: Mapping[str, SpotReclaims] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterLimits(Limits):
    """What is too much for the exporter itself, each by severity; `{}` leaves an alarm out.

    What is not named is as it is by default, and lasts as long as the interval of the polls, where that is longer; for
    `stale`, as two intervals.

    Args:
        stale: a queue was not polled, or events wait to be counted.
        dead_letters: events could not be used or delivered.
        truncated: a queue has more jobs than a poll may list.
    """

    stale: Mapping[str, ExporterStale] | None = None
    dead_letters: Mapping[str, DeadLetters] | None = None
    truncated: Mapping[str, Truncated] | None = None


def severities(*of: Limits) -> Sequence[str]:
    """All severities of some limits, each once, in their order."""
    return list(dict.fromkeys(severity for one in of for _, severity, _ in one.limits()))
