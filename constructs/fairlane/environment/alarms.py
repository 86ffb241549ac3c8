"""The part of an environment file that alarms, dashboards and who hears of them are in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import Tag

from fairlane._internal.checks import check_text, is_region
from fairlane.environment.base import Model, branch
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms import (
    AlarmLimits,
    DeadLetters,
    ExporterLimits,
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
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action, check_notify, check_runbooks
from fairlane.monitoring.alarms.alarm_limits import Limits, severities
from fairlane.monitoring.alarms.subscriptions import is_endpoint

NotifyField = Annotated[
    Annotated[list[str], Tag("<list>")] | Annotated[dict[str, list[str]], Tag("<mapping>")],
    branch("<mapping>", otherwise="<list>"),
]

_TOPIC: Final = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")

_Named = TypeVar("_Named", bound=Limits)


class LimitModel(Model):
    """A limit of one severity."""

    of: ClassVar[type[Limit]]

    def limit(self) -> Limit:
        """The same, as alarms take it."""
        return self.of(**dict(self))


class OldestWaitModel(LimitModel):
    """A job has been waiting for capacity for too long."""

    of = OldestWait

    hours: float = OldestWait().hours
    """Hours since it was submitted, up to 720."""


class BlockedModel(LimitModel):
    """AWS Batch said that the job at the head of the queue cannot start."""

    of = QueueBlocked

    reasons: list[str] | None = None
    """Reasons in AWS's words, or Other; all by default."""


class FailureRateModel(LimitModel):
    """Too many of the jobs that ended in an hour failed; cancelled and terminated ones do not count."""

    of = FailureRate

    percent: float = FailureRate().percent
    """Of the jobs that ended."""
    of_at_least: int = FailureRate().of_at_least
    """How many jobs must have ended for a rate to mean something."""


class StarvedShareModel(LimitModel):
    """A share has had less than its entitlement while jobs of it were waiting."""

    of = StarvedShare

    minutes: int = StarvedShare().minutes
    """For how long, up to 1440."""
    below_percent: float = StarvedShare().below_percent
    """Capacity in use, of the entitlement, below which it counts as less."""
    shares: list[str] | None = None
    """Which shares; all by default."""


class IdleWhileWaitingModel(LimitModel):
    """Capacity was idle while jobs were waiting."""

    of = IdleWhileWaiting

    minutes: int = IdleWhileWaiting().minutes
    """For how long, up to 1440."""
    below_percent: float = IdleWhileWaiting().below_percent
    """Capacity in use, of the queue's limit, below which it counts as idle."""


class IdleCapacityModel(LimitModel):
    """Hardly any capacity has been in use for hours."""

    of = IdleCapacity

    hours: int = IdleCapacity().hours
    """For how long, up to 168; the default spares a weekend: set a few hours where capacity is reserved."""
    below_percent: float = IdleCapacity().below_percent
    """Capacity in use, of the queue's limit, below which it counts as idle."""


class PreemptionsModel(LimitModel):
    """Many attempts are stopped for others; of queues with quota shares."""

    of = Preemptions

    per_hour: int = Preemptions().per_hour
    """How many are too many."""


class SpotReclaimsModel(LimitModel):
    """Many attempts are lost; of queues with Spot machines."""

    of = SpotReclaims

    per_hour: int = SpotReclaims().per_hour
    """How many are too many."""


class StaleModel(LimitModel):
    """A queue was not polled, or events wait to be counted."""

    of = ExporterStale

    minutes: int = ExporterStale().minutes
    """For how long a queue was not polled, up to 1440; for events, twice as long."""


class DeadLettersModel(LimitModel):
    """Events could not be used or delivered."""

    of = DeadLetters

    at_least: int = DeadLetters().at_least
    """How many."""


class TruncatedModel(LimitModel):
    """A queue has more jobs than a poll may list."""

    of = Truncated

    minutes: int = Truncated().minutes
    """For how long, up to 1440."""


class QueueAlarmsModel(Model):
    """Limits of a queue by severity; {} leaves an alarm out, and one that is absent is as it is by default."""

    oldest_wait: dict[str, OldestWaitModel] | None = None
    """A job has been waiting for capacity for too long; by default 4 hours are a Warning and 24 Critical."""
    blocked: dict[str, BlockedModel] | None = None
    """AWS Batch said that the job at the head of the queue cannot start."""
    failure_rate: dict[str, FailureRateModel] | None = None
    """Too many jobs fail."""
    starved_share: dict[str, StarvedShareModel] | None = None
    """A share has less than its entitlement while jobs of it wait."""
    idle_while_waiting: dict[str, IdleWhileWaitingModel] | None = None
    """Capacity is idle while jobs wait."""
    idle_capacity: dict[str, IdleCapacityModel] | None = None
    """Hardly any capacity is in use for hours."""
    preemptions: dict[str, PreemptionsModel] | None = None
    """Many attempts are stopped for others."""
    spot_reclaims: dict[str, SpotReclaimsModel] | None = None
    """Many attempts are lost on Spot machines."""

    def limits(self, otherwise: AlarmLimits) -> AlarmLimits:
        """The limits of a queue.

        Args:
            otherwise: those that are not named here.
        """
        return self._named(otherwise)

    def own_problems(self, interval_minutes: int) -> Iterator[Problem]:
        """Yields every limit named here that cannot be right.

        Args:
            interval_minutes: how often queues are polled.
        """
        yield from self.limits(AlarmLimits()).problems(interval_minutes)

    def _named(self, otherwise: _Named) -> _Named:
        named: dict[str, Any] = {
            kind.name: {severity: model.limit() for severity, model in by_severity.items()}
            for kind in fields(otherwise)
            if (by_severity := getattr(self, kind.name)) is not None
        }
        return replace(otherwise, **named)


class AlarmsModel(QueueAlarmsModel):
    """Alarms on all queues of a Region, and on the exporter of their metrics."""

    enabled: bool = True
    """Whether there are any."""
    notify: NotifyField = []
    """Addresses of email or https://, or ARNs of topics that exist; a list for all severities, or one for each."""
    runbooks: str = "docs/runbooks"
    """The address of the folder with the runbooks, which alarms and dashboards link to."""
    stale: dict[str, StaleModel] | None = None
    """A queue was not polled, or events wait to be counted."""
    dead_letters: dict[str, DeadLettersModel] | None = None
    """Events could not be used or delivered."""
    truncated: dict[str, TruncatedModel] | None = None
    """A queue has more jobs than a poll may list."""

    def exporter_limits(self) -> ExporterLimits:
        """The limits of the exporter."""
        return self._named(ExporterLimits())

    def targets(self, known: list[str]) -> dict[str, list[str]]:
        """Who hears of what, by severity.

        Args:
            known: all severities.
        """
        return self.notify if isinstance(self.notify, dict) else dict.fromkeys(known, self.notify)

    def problems(
        self, region: str, interval_minutes: int, queues: Mapping[str, QueueAlarmsModel | None]
    ) -> Iterator[Problem]:
        """Yields every mistake.

        Args:
            region: where the alarms are.
            interval_minutes: how often queues are polled.
            queues: the limits of single queues, by their names.
        """
        common, of_exporter = self.limits(AlarmLimits()), self.exporter_limits()
        yield from common.problems(interval_minutes)
        yield from of_exporter.problems(interval_minutes)
        yield from check_runbooks(self.runbooks)
        special = [one.limits(common) for one in queues.values() if one is not None]
        if isinstance(self.notify, dict):
            yield from check_notify(self.notify, severities(common, *special, of_exporter))
        lists: dict[Path, list[str]] = (
            {("notify", severity): some for severity, some in self.notify.items()}
            if isinstance(self.notify, dict)
            else {("notify",): self.notify}
        )
        for field, targets in lists.items():
            allowed = "an address of email or https://, or the ARN of a topic of SNS"
            for index, target in enumerate(targets):
                yield from check_text((*field, index), target, _is_target, allowed)
                if is_topic(target) and is_region(region):
                    yield from check_action((*field, index), target, region)
            if len({target for target in targets if is_topic(target)}) >= MOST_ACTIONS:
                yield Problem(field, f"{len(targets)} targets", f"fewer than {MOST_ACTIONS} topics of your own")


def is_topic(target: str) -> bool:
    """Tells whether a target is the ARN of a topic."""
    return _TOPIC.fullmatch(target) is not None


def _is_target(target: str) -> bool:
    return is_topic(target) or is_endpoint(target)
