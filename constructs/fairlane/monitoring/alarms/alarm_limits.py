"""Limits of the alarms on a queue and on the exporter, by severity. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Self

from fairlane._internal.specs import field_values
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.monitoring.alarms.kinds.dead_letters import DeadLetters
from fairlane.monitoring.alarms.kinds.exporter_stale import ExporterStale
from fairlane.monitoring.alarms.kinds.failure_rate import FailureRate
from fairlane.monitoring.alarms.kinds.fan_out_failures import FanOutFailures
from fairlane.monitoring.alarms.kinds.fan_out_stalled import FanOutStalled
from fairlane.monitoring.alarms.kinds.hyperpod_events import (
    HyperPodCapacity,
    HyperPodErrors,
    HyperPodFailed,
    HyperPodUndelivered,
    HyperPodUnhealthy,
)
from fairlane.monitoring.alarms.kinds.hyperpod_rules import (
    HyperPodEvictions,
    HyperPodNothingAdmitted,
    HyperPodPending,
    HyperPodRestartLatency,
    HyperPodRestarts,
)
from fairlane.monitoring.alarms.kinds.idle_capacity import IdleCapacity
from fairlane.monitoring.alarms.kinds.idle_while_waiting import IdleWhileWaiting
from fairlane.monitoring.alarms.kinds.limit import DAY_MINUTES, DurationLimit, Limit
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
    "fan_out_stalled": {_WARNING: FanOutStalled()},
    "fan_out_failures": {_WARNING: FanOutFailures()},
    "hyperpod_failed": {_CRITICAL: HyperPodFailed()},
    "hyperpod_unhealthy": {_WARNING: HyperPodUnhealthy()},
    "hyperpod_errors": {_WARNING: HyperPodErrors()},
    "hyperpod_capacity": {_WARNING: HyperPodCapacity()},
    "hyperpod_undelivered": {_CRITICAL: HyperPodUndelivered()},
    "hyperpod_nothing_admitted": {_CRITICAL: HyperPodNothingAdmitted()},
    "hyperpod_pending": {_WARNING: HyperPodPending()},
    "hyperpod_restarts": {_WARNING: HyperPodRestarts()},
    "hyperpod_restart_latency": {_WARNING: HyperPodRestartLatency()},
    "hyperpod_evictions": {_WARNING: HyperPodEvictions()},
}

_SEVERITY: Final = re.compile(r"(?!Queues$)[A-Za-z][A-Za-z0-9]{0,31}")
"""Queues cannot be a severity: it is the construct id of the exporter's alarms on single queues."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Base class of limits, each kind a mapping by severity.

    A severity that a mapping does not name keeps its default limit. None removes the alarms of a severity, and an empty
    mapping those of all severities of the kind.
    """

    @classmethod
    def from_settings(cls, settings: object) -> Self:
        """Return the limits among the attributes of an object that has an attribute for each kind."""
        return cls(**field_values(cls, settings))

    def with_fallback(self, fallback: Self) -> Self:
        """Return these limits, with those of `fallback` for each kind and severity that has none here.

        A kind that is `{}` here, or that is `{}` in `fallback` and None here, stays `{}`. A severity of a kind that is
        `{}` in `fallback` has no default limit.
        """
        merged = {}
        for kind, own in field_values(type(self), self).items():
            common = getattr(fallback, kind)
            if own and common is not None:
                removed = dict.fromkeys(_DEFAULTS[kind]) if not common else {}
                merged[kind] = {**removed, **common, **own}
            else:
                merged[kind] = common if own is None else own
        return replace(fallback, **merged)

    def limits(self, interval_minutes: int = 1) -> Iterator[tuple[str, str, Limit]]:
        """Yield the kind, the severity and the limit of each alarm.

        Args:
            interval_minutes: Polling interval, in minutes. Default limits last at least as long as polls can detect.
                Default: 1.
        """
        for kind in fields(self):
            own = getattr(self, kind.name)
            if own is not None and not own:
                continue
            own = own or {}
            for severity, limit in {**_DEFAULTS[kind.name], **own}.items():
                if limit is not None:
                    yield kind.name, severity, limit if severity in own else _detectable(limit, interval_minutes)

    def problems(self, interval_minutes: object, fallback: "Limits | None" = None) -> Iterator[Problem]:
        """Yield the problems of all limits.

        Args:
            interval_minutes: Polling interval, in minutes. Polls detect nothing that lasts less.
            fallback: Limits that these limits are completed with, of the same type. Default: the default limits.
        """
        for kind in fields(self):
            by_severity, limit_type = getattr(self, kind.name), type(next(iter(_DEFAULTS[kind.name].values())))
            if by_severity is None:
                continue
            if not isinstance(by_severity, Mapping):
                allowed = f'limits by severity, for example {{"Warning": {limit_type.__name__}()}}'
                yield Problem((kind.name,), by_severity, allowed)
                continue
            for severity, limit in by_severity.items():
                where = (kind.name, str(severity))
                if not isinstance(severity, str) or not _SEVERITY.fullmatch(severity):
                    allowed = (
                        "a severity of 1 to 32 letters and digits that starts with a letter and is not Queues, "
                        "for example Warning"
                    )
                    yield Problem(where, severity, allowed)
                elif limit is None:
                    available = {**_DEFAULTS[kind.name], **(getattr(fallback, kind.name, None) or {})}
                    if severity not in available:
                        sentence = f"there is no limit to remove: {kind.name} has limits of {', '.join(available)}"
                        yield Problem.relation(where, sentence)
                if limit is None:
                    continue
                if not isinstance(limit, limit_type):
                    yield Problem(where, limit, f"{limit_type.__name__}(...)")
                    continue
                problems = [*_token_problems(limit), *limit.problems()]
                if not problems and isinstance(interval_minutes, int):
                    problems += _duration_problems(limit, interval_minutes)
                yield from (problem.within(*where) for problem in problems)


def _detectable(limit: Limit, interval_minutes: int) -> Limit:
    """Return the limit, with a longer duration if polls cannot detect its own."""
    if not isinstance(limit, DurationLimit):
        return limit
    return replace(limit, minutes=max(limit.minutes, limit.minimum_minutes(interval_minutes)))


def _token_problems(limit: Limit) -> Iterator[Problem]:
    for part in fields(limit):
        if is_token(value := getattr(limit, part.name)):
            yield Problem((part.name,), value, "a value known at synth, because the alarm's expression contains it")


def _duration_problems(limit: Limit, interval_minutes: int) -> Iterator[Problem]:
    duration = limit.duration_minutes()
    if duration is None:
        return
    unit = "minutes" if isinstance(limit, DurationLimit) else "hours"
    amount = getattr(limit, unit)
    if duration < (minimum := limit.minimum_minutes(interval_minutes)):
        interval = f"the polling interval of {interval_minutes} minutes"
        if minimum > interval_minutes:
            interval = f"two polling intervals of {interval_minutes} minutes"
        sentence = f"{amount:g} {unit} is shorter than {interval}: use {minimum} minutes or more"
        yield Problem.relation((unit,), sentence)
    period = limit.period_minutes(interval_minutes)
    if unit == "minutes" and -(-int(duration) // period) * period > DAY_MINUTES:
        longest = DAY_MINUTES // period * period
        allowed = f"at most {longest} minutes (whole periods of {period} minutes within a day)"
        yield Problem((unit,), amount, allowed)


@dataclass(frozen=True, kw_only=True)
class AlarmLimits(Limits):
    """Limits of a queue's alarms, each kind a mapping by severity: `{"Warning": OldestWait(hours=4)}`.

    A kind or a severity without a limit here has its default limit, which lasts at least one polling interval:
    `{"Warning": OldestWait(hours=2)}` keeps the default of Critical. None removes the alarms of a severity,
    `{"Critical": None}`, and an empty mapping, `{}`, those of a kind. Alarms whose metrics a queue
    lacks are left out: `starved_share` needs known entitlements, `idle_while_waiting` and `idle_capacity` need a known
    capacity limit, `preemptions` needs quota shares, and `spot_reclaims` needs Spot Instances.

    Args:
        oldest_wait: Limits on the wait of the oldest job. Default: 4 hours for Warning, 24 hours for Critical.
        blocked: Reasons with an alarm if AWS Batch reports that the job at the head of the queue cannot start. Default:
            all reasons, for Warning.
        failure_rate: Limits on the percentage of failed jobs. Default: 50 % of 10 or more jobs in an hour, for Warning.
        starved_share: Limits on the time that a share uses less than its entitlement while its jobs wait. Default: 60
            minutes, for Warning.
        idle_while_waiting: Limits on the time that capacity is idle while jobs wait. Default: 30 minutes, for Warning.
        idle_capacity: Limits on the time that nearly all capacity is idle. Default: 72 hours, for Warning.
        preemptions: Limits on preempted attempts in an hour. Default: 20, for Warning.
        spot_reclaims: Limits on attempts lost on Spot Instances in an hour. Default: 20, for Warning.
    """

    oldest_wait: Mapping[str, OldestWait | None] | None = None
    blocked: Mapping[str, QueueBlocked | None] | None = None
    failure_rate: Mapping[str, FailureRate | None] | None = None
    starved_share: Mapping[str, StarvedShare | None] | None = None
    idle_while_waiting: Mapping[str, IdleWhileWaiting | None] | None = None
    idle_capacity: Mapping[str, IdleCapacity | None] | None = None
    preemptions: Mapping[str, Preemptions | None] | None = None
    spot_reclaims: Mapping[str, SpotReclaims | None] | None = None


@dataclass(frozen=True, kw_only=True)
class ExporterLimits(Limits):
    """Limits of the alarms on the exporter, each kind a mapping by severity, as in `AlarmLimits`.

    Default limits last at least one polling interval (`stale`: two).

    Args:
        stale: Limits on the time without a poll, and on the time that events wait to be counted. Default: 15 minutes
            without a poll and 30 minutes for events, for Critical.
        dead_letters: Limits on events that could not be processed or delivered. Default: 1 event, for Warning.
        truncated: Limits on the time that a queue has more jobs than a poll lists. Default: 30 minutes, for Warning.
    """

    stale: Mapping[str, ExporterStale | None] | None = None
    dead_letters: Mapping[str, DeadLetters | None] | None = None
    truncated: Mapping[str, Truncated | None] | None = None


@dataclass(frozen=True, kw_only=True)
class FanOutLimits(Limits):
    """Limits of the alarms on a fan-out, each kind a mapping by severity, as in `AlarmLimits`.

    Args:
        fan_out_stalled: Limits on the time that lines wait while none of them is submitted. Default: 30 minutes, for
            Warning.
        fan_out_failures: Limits on the percentage of failed lines. Default: 10 % of 1 or more lines, for Warning.
    """

    fan_out_stalled: Mapping[str, FanOutStalled | None] | None = None
    fan_out_failures: Mapping[str, FanOutFailures | None] | None = None


@dataclass(frozen=True, kw_only=True)
class HyperPodLimits(Limits):
    """Limits of the alarms on a HyperPod cluster, each kind a mapping by severity, as in `AlarmLimits`.

    The last five kinds are alerts of Prometheus: without a workspace they do not exist.

    Args:
        hyperpod_failed: Alarm on a cluster that failed or rolls back. Default: Critical.
        hyperpod_unhealthy: Limits on unhealthy nodes in an hour. Default: 1, for Warning.
        hyperpod_errors: Limits on events of the level Error in an hour. Default: 1, for Warning.
        hyperpod_capacity: Limits on the time that an instance group gets no instance. Default: 60 minutes, for Warning.
        hyperpod_undelivered: Limits on events that did not reach the log group. Default: 1, for Critical.
        hyperpod_nothing_admitted: Limits on the time that jobs wait and none runs. Default: 30 minutes, for Critical.
        hyperpod_pending: Limits on the time that a queue has waiting jobs. Default: 240 minutes, for Warning.
        hyperpod_restarts: Limits on restarts of jobs in an hour. Default: 6, for Warning.
        hyperpod_restart_latency: Limits on the time of a restart. Default: 15 minutes, for Warning.
        hyperpod_evictions: Limits on evicted jobs of a queue in an hour. Default: 20, for Warning.
    """

    hyperpod_failed: Mapping[str, HyperPodFailed | None] | None = None
    hyperpod_unhealthy: Mapping[str, HyperPodUnhealthy | None] | None = None
    hyperpod_errors: Mapping[str, HyperPodErrors | None] | None = None
    hyperpod_capacity: Mapping[str, HyperPodCapacity | None] | None = None
    hyperpod_undelivered: Mapping[str, HyperPodUndelivered | None] | None = None
    hyperpod_nothing_admitted: Mapping[str, HyperPodNothingAdmitted | None] | None = None
    hyperpod_pending: Mapping[str, HyperPodPending | None] | None = None
    hyperpod_restarts: Mapping[str, HyperPodRestarts | None] | None = None
    hyperpod_restart_latency: Mapping[str, HyperPodRestartLatency | None] | None = None
    hyperpod_evictions: Mapping[str, HyperPodEvictions | None] | None = None


def severities(*limits: Limits) -> Sequence[str]:
    """Return the severities of all limits, each once, in their order."""
    return list(dict.fromkeys(severity for group in limits for _, severity, _ in group.limits()))
