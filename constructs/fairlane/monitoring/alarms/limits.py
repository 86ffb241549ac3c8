"""One limit of each kind: how long, how many or how much is too much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_list, check_number, check_whole_number
from fairlane.errors import Problem

MOST_SECONDS: Final = 7 * 24 * 3600
"""All periods of an alarm together, if each is an hour or more; a day if not (PutMetricAlarm)."""

_DAY: Final = 24 * 60
_WEEK_HOURS: Final = 7 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit; what it is for is said by its kind."""

    def problems(self) -> Iterator[Problem]:
        """Yields every value that cannot be right."""
        yield from ()

    def lasting_minutes(self) -> float | None:
        """How long what it watches must have lasted, where the limit is a time: no less than one poll can tell."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestWait(Limit):
    """A job has been waiting for capacity for too long.

    It works while nothing moves: how long is measured, not how long those had waited that have left.

    Args:
        hours: since it was submitted, more than 0 and at most 720.
    """

    hours: float = 4

    def problems(self) -> Iterator[Problem]:
        """Yields hours that cannot be right."""
        yield from check_number(("hours",), self.hours, 0.01, 720)

    def lasting_minutes(self) -> float:
        """How long a job has waited."""
        return self.hours * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBlocked(Limit):
    """AWS Batch said that the job at the head of the queue cannot start; an alarm for each reason that it can give.

    AWS says so once; whether it says it again is not documented. So the alarm lasts for an hour after it was last said,
    and `OldestWait` takes over.

    Args:
        reasons: those to watch, of AWS's own words before the explanation; by default all that the queue can have.
    """

    reasons: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yields reasons that are no texts; which a queue can have is for whoever knows the queue to say."""
        if self.reasons is not None:
            yield from check_list(("reasons",), self.reasons, str, "reasons")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate(Limit):
    """Too many of the jobs that ended in an hour failed; those that somebody cancelled or terminated do not count.

    Args:
        percent: of the jobs that ended, more than 0 and less than 100.
        of_at_least: how many must have ended for a rate to mean something, 1 or more.
    """

    percent: float = 50
    of_at_least: int = 10

    def problems(self) -> Iterator[Problem]:
        """Yields values that cannot be right."""
        yield from check_number(("percent",), self.percent, 0.1, 99.9)
        yield from check_whole_number(("of_at_least",), self.of_at_least, 1, of="jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class StarvedShare(Limit):
    """A share has had less than its entitlement while jobs of it were waiting; an alarm for each share.

    Args:
        minutes: how long it must last, at most 1440.
        below_percent: capacity in use, of the entitlement, below which it counts as less: jobs of several instances
            seldom divide an entitlement.
        shares: those to watch; by default all whose entitlement is known.
    """

    minutes: int = 60
    below_percent: float = 90
    shares: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yields values that cannot be right."""
        yield from check_whole_number(("minutes",), self.minutes, 1, _DAY, of="minutes")
        yield from check_number(("below_percent",), self.below_percent, 0.1, 100)
        if self.shares is not None:
            yield from check_list(("shares",), self.shares, str, "names of shares")

    def lasting_minutes(self) -> float:
        """How long it must last."""
        return self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleWhileWaiting(Limit):
    """Jobs have been waiting while capacity was idle: something other than capacity keeps them.

    Args:
        minutes: how long it must last, at most 1440. Machines of EC2 take some minutes to start.
        below_percent: capacity in use, of the queue's limit, below which it counts as idle.
    """

    minutes: int = 30
    below_percent: float = 80

    def problems(self) -> Iterator[Problem]:
        """Yields values that cannot be right."""
        yield from check_whole_number(("minutes",), self.minutes, 1, _DAY, of="minutes")
        yield from check_number(("below_percent",), self.below_percent, 0.1, 100)

    def lasting_minutes(self) -> float:
        """How long it must last."""
        return self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleCapacity(Limit):
    """Hardly any capacity has been in use for hours: if it is paid for all the same, money burns.

    Fairlane's machines of EC2 stop when they are idle, and training jobs of SageMaker are paid by use, so that the
    default spares a weekend. Where capacity is reserved, set a few hours.

    Args:
        hours: how long it must last, 1 to 168.
        below_percent: capacity in use, of the queue's limit, below which it counts as idle.
    """

    hours: int = 72
    below_percent: float = 5

    def problems(self) -> Iterator[Problem]:
        """Yields values that cannot be right."""
        if isinstance(self.hours, int) and self.hours > _WEEK_HOURS:
            allowed = f"a whole number of hours, 1 to {_WEEK_HOURS}: periods of an alarm add up to a week at most"
            yield Problem(("hours",), self.hours, allowed)
        else:
            yield from check_whole_number(("hours",), self.hours, 1, _WEEK_HOURS, of="hours")
        yield from check_number(("below_percent",), self.below_percent, 0.1, 100)

    def lasting_minutes(self) -> float:
        """How long it must last."""
        return self.hours * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemptions(Limit):
    """Jobs are stopped for others all the time, so that much work is lost; of queues with quota shares.

    Args:
        per_hour: how many preempted attempts are too many, 1 or more.
    """

    per_hour: int = 20

    def problems(self) -> Iterator[Problem]:
        """Yields a number that cannot be right."""
        yield from check_whole_number(("per_hour",), self.per_hour, 1, of="attempts")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReclaims(Limit):
    """Attempts are lost all the time, tried again or reclaimed for good; of queues with Spot machines.

    AWS does not say why an attempt is tried again, so that attempts which are tried again for other reasons count, too.

    Args:
        per_hour: how many lost attempts are too many, 1 or more.
    """

    per_hour: int = 20

    def problems(self) -> Iterator[Problem]:
        """Yields a number that cannot be right."""
        yield from check_whole_number(("per_hour",), self.per_hour, 1, of="attempts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStale(Limit):
    """A queue was not polled, or events wait to be counted: what dashboards and other alarms show is old.

    Args:
        minutes: for how long a queue was not polled: at least two intervals, at most 1440; for events, twice as long.
    """

    minutes: int = 15

    def problems(self) -> Iterator[Problem]:
        """Yields minutes that cannot be right."""
        yield from check_whole_number(("minutes",), self.minutes, 1, _DAY, of="minutes")

    def lasting_minutes(self) -> float:
        """For how long."""
        return self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters(Limit):
    """Events could not be used, or not be delivered, and are missing from counts; an alarm for each of the two.

    Args:
        at_least: how many, 1 or more.
    """

    at_least: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yields a number that cannot be right."""
        yield from check_whole_number(("at_least",), self.at_least, 1, of="events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated(Limit):
    """A queue has had more jobs than a poll may list, so that its gauges are lower bounds.

    Args:
        minutes: for how long, at most 1440.
    """

    minutes: int = 30

    def problems(self) -> Iterator[Problem]:
        """Yields minutes that cannot be right."""
        yield from check_whole_number(("minutes",), self.minutes, 1, _DAY, of="minutes")

    def lasting_minutes(self) -> float:
        """For how long."""
        return self.minutes
