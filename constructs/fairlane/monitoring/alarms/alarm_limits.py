"""All limits of a queue, and those of the exporter, by severity."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Self

from fairlane._internal.specs import values_of
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.monitoring.alarms.kinds.dead_letters import DeadLetters
from fairlane.monitoring.alarms.kinds.exporter_stale import ExporterStale
from fairlane.monitoring.alarms.kinds.failure_rate import FailureRate
from fairlane.monitoring.alarms.kinds.idle_capacity import IdleCapacity
from fairlane.monitoring.alarms.kinds.idle_while_waiting import IdleWhileWaiting
from fairlane.monitoring.alarms.kinds.limit import DAY_MINUTES, LastingLimit, Limit
from fairlane.monitoring.alarms.kinds.oldest_wait import OldestWait
from fairlane.monitoring.alarms.kinds.preemptions import Preemptions
from fairlane.monitoring.alarms.kinds.queue_blocked import QueueBlocked
from fairlane.monitoring.alarms.kinds.spot_reclaims import SpotReclaims
from fairlane.monitoring.alarms.kinds.starved_share import StarvedShare
from fairlane.monitoring.alarms.kinds.truncated import Truncated

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


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of some kinds, each by severity."""

    @classmethod
    def among(cls, settings: object) -> Self:
        """Return the limits among the attributes of an object that has all of them."""
        return cls(**values_of(cls, settings))

    def over(self, common: Self) -> Self:
        """Return these limits, with those of `common` for each kind that is not named here."""
        named = values_of(type(self), self).items()
        return replace(common, **{name: limits for name, limits in named if limits is not None})

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


def _told_by(limit: Limit, interval_minutes: int) -> Limit:
    """The limit, or one that lasts longer, as long as it takes polls to tell."""
    if not isinstance(limit, LastingLimit):
        return limit
    return replace(limit, minutes=max(limit.minutes, limit.least_minutes(interval_minutes)))


def _tokens(limit: Limit) -> Iterator[Problem]:
    for part in fields(limit):
        if is_token(value := getattr(limit, part.name)):
            yield Problem((part.name,), value, "what is known at synth, as expressions are made of it")


def _time_problems(limit: Limit, interval_minutes: int) -> Iterator[Problem]:
    lasting = limit.lasting_minutes()
    if lasting is None:
        return
    name = "minutes" if isinstance(limit, LastingLimit) else "hours"
    if lasting < (least := limit.least_minutes(interval_minutes)):
        allowed = f"no less than the {interval_minutes} minutes between two polls, which tell nothing sooner"
        if least > interval_minutes:
            allowed = f"no less than {least}, two intervals of polls"
        yield Problem((name,), getattr(limit, name), allowed)
    period = limit.period_minutes(interval_minutes)
    if name == "minutes" and -(-int(lasting) // period) * period > DAY_MINUTES:
        allowed = f"at most {DAY_MINUTES // period * period} minutes, as periods of {period} minutes add up to a day"
        yield Problem((name,), getattr(limit, name), allowed)


@dataclass(frozen=True, kw_only=True)
class AlarmLimits(Limits):
    """Limits of a queue's alarms, each by severity: `{"Warning": OldestWait(hours=4)}`; `{}` leaves an alarm out.

    Unnamed kinds have their defaults, which last at least one interval of the polls. Alarms whose metrics a queue lacks
    are left out: `starved_share` without known entitlements, `idle_capacity` without a known limit, `preemptions`
    without quota shares, `spot_reclaims` without Spot instances.

    Args:
        oldest_wait: A job has been waiting for capacity for too long. Default: 4 hours are a Warning and 24 Critical.
        blocked: AWS Batch said that the job at the head of the queue cannot start.
        failure_rate: Too many jobs fail.
        starved_share: A share has less than its entitlement while its jobs wait.
        idle_while_waiting: Capacity is idle while jobs wait.
        idle_capacity: Hardly any capacity is in use for hours.
        preemptions: Many attempts are stopped for others.
        spot_reclaims: Many attempts are lost on Spot instances.
    """

    oldest_wait: Mapping[str, OldestWait] | None = None
    blocked: Mapping[str, QueueBlocked] | None = None
    failure_rate: Mapping[str, FailureRate] | None = None
    starved_share: Mapping[str, StarvedShare] | None = None
    idle_while_waiting: Mapping[str, IdleWhileWaiting] | None = None
    idle_capacity: Mapping[str, IdleCapacity] | None = None
    preemptions: Mapping[str, Preemptions] | None = None
    spot_reclaims: Mapping[str, SpotReclaims] | None = None


@dataclass(frozen=True, kw_only=True)
class ExporterLimits(Limits):
    """Limits of the exporter's own alarms, each by severity; `{}` leaves an alarm out.

    Unnamed kinds have their defaults, which last at least one interval of the polls, `stale` two.

    Args:
        stale: A queue was not polled, or events wait to be counted.
        dead_letters: Events could not be used or delivered.
        truncated: A queue has more jobs than a poll may list.
    """

    stale: Mapping[str, ExporterStale] | None = None
    dead_letters: Mapping[str, DeadLetters] | None = None
    truncated: Mapping[str, Truncated] | None = None


def severities(*of: Limits) -> Sequence[str]:
    """All severities of some limits, each once, in their order."""
    return list(dict.fromkeys(severity for one in of for _, severity, _ in one.limits()))
