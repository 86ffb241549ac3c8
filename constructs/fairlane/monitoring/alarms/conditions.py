"""When each alarm of a queue is in state ALARM, by which metrics, and how it takes what is missing.

Gauges are published as 0 where there is nothing, so that what is missing of them is not known: such alarms keep their
state (`ignore`), and the exporter's own alarm tells; so do those on dead letters, of which SQS falls silent. Counts are
published only when there is something to count: what is missing of them is 0, by `FILL`, and where CloudWatch has never
seen the metric, `notBreaching`. Only that polls are missing is itself what an alarm is about (`breaching`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.monitoring.alarms import (
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
from fairlane.monitoring.alarms.alarm_limits import period_minutes
from fairlane.monitoring.alarms.reasons import OTHER_REASONS, SPECIAL_REASONS, blocked_reasons
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.series import Series, exported, native

OVER: Final = "GreaterThanThreshold"
AT_LEAST: Final = "GreaterThanOrEqualToThreshold"
UNDER: Final = "LessThanThreshold"

KEEP: Final = "ignore"
FINE: Final = "notBreaching"
BAD: Final = "breaching"

_HOUR: Final = 3600
_KNOWN: Final = "waiting >= 0 AND used >= 0"
"""What one side of a comparison lacks counts as 0 there: where it is not known, there must be no value at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When one alarm is in state ALARM.

    Args:
        of: the share or reason that it is of; empty for a queue as a whole.
        says: what it means that it is so.
        series: the metrics, by the names that the expression has for them.
        expression: metric math; without it, the one metric by itself.
        period: over how long values are put together, in seconds.
        periods: how many of them in a row must breach.
        comparison: of the value with the threshold.
        threshold: in the unit of the value.
        missing: how missing data is treated.
        warm_up_minutes: how long a new alarm waits before it is evaluated.
    """

    of: str = ""
    says: str
    series: Mapping[str, Series]
    expression: str | None = None
    period: int
    periods: int = 1
    comparison: str
    threshold: float
    missing: str
    warm_up_minutes: int | None = None

    def queries(self) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
        """What the alarm asks CloudWatch for."""
        query = cloudwatch.CfnAlarm.MetricDataQueryProperty
        plain = self.expression is None
        asked = [
            query(id=name, metric_stat=series.in_alarm(self.period), return_data=plain)
            for name, series in self.series.items()
        ]
        return asked if plain else [*asked, query(id="result", expression=self.expression, return_data=True)]

    def warm_up(self) -> cloudwatch.CfnAlarm.WarmUpConfigurationProperty | None:
        """How a new alarm begins, if not at once."""
        if self.warm_up_minutes is None:
            return None
        return cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
            warm_up_period_duration_in_minutes=self.warm_up_minutes,
            only_start_evaluating_after_warm_up_period_ends=True,
        )


class QueueConditions:
    """The conditions of the alarms of one queue.

    Args:
        queue: what is known of it.
        namespace: where its metrics are.
        interval_minutes: how often it is polled.
    """

    def __init__(self, queue: MonitoredQueue, *, namespace: str, interval_minutes: int) -> None:
        self._queue = queue
        self._namespace = namespace
        self._interval = interval_minutes

    def of(self, limit: Limit) -> Iterator[Condition]:
        """The conditions for a limit: none if the queue has not what it is about, several if it is of each share."""
        match limit:
            case OldestWait():
                yield self._oldest_wait(limit)
            case QueueBlocked():
                yield from self._blocked(limit)
            case FailureRate():
                yield self._failure_rate(limit)
            case StarvedShare():
                yield from self._starved(limit)
            case IdleWhileWaiting() if self._queue.limit and self._queue.alone:
                yield self._idle_while_waiting(limit)
            case IdleCapacity() if self._queue.limit and self._queue.alone:
                yield self._idle(limit)
            case Preemptions() if self._queue.quotas:
                yield self._preemptions(limit)
            case SpotReclaims() if self._queue.spot:
                yield self._spot(limit)
            case ExporterStale():
                yield self._stale(limit)
            case Truncated():
                yield self._truncated(limit)

    def _oldest_wait(self, limit: OldestWait) -> Condition:
        return Condition(
            says=f"a job has been waiting for capacity for more than {_number(limit.hours)} hours",
            series={"age": self._exported("OldestRunnableAge")},
            comparison=OVER,
            threshold=limit.hours * _HOUR,
            missing=KEEP,
            period=60 * period_minutes(limit, self._interval),
            periods=2,
        )

    def _blocked(self, limit: QueueBlocked) -> Iterator[Condition]:
        every = metrics_catalog()["reasons"]["QueueBlocked"]
        for of in blocked_reasons(training=self._queue.service):
            if limit.reasons is not None and of not in limit.reasons:
                continue
            reasons = [one for one in every if one not in SPECIAL_REASONS] if of == OTHER_REASONS else [of]
            series = {f"blocked{n}": self._exported("QueueBlocked", reason=one) for n, one in enumerate(reasons)}
            yield Condition(
                of=of,
                says=f"AWS Batch says that the job at its head cannot start: {of}",
                series=series,
                expression=" + ".join(f"FILL({name}, 0)" for name in series),
                comparison=AT_LEAST,
                threshold=1,
                missing=FINE,
                period=_HOUR,
            )

    def _failure_rate(self, limit: FailureRate) -> Condition:
        ended = "(FILL(failed, 0) + FILL(succeeded, 0))"
        return Condition(
            says=f"{_number(limit.percent)} % or more of the jobs that ended in an hour failed, "
            f"of {limit.of_at_least} or more; jobs that somebody cancelled or terminated do not count",
            series={"failed": self._exported("JobsFailed"), "succeeded": self._exported("JobsSucceeded")},
            expression=f"IF({ended} >= {limit.of_at_least}, 100 * FILL(failed, 0) / {ended}, 0)",
            comparison=AT_LEAST,
            threshold=limit.percent,
            missing=FINE,
            period=_HOUR,
        )

    def _starved(self, limit: StarvedShare) -> Iterator[Condition]:
        part = _number(limit.below_percent / 100)
        for share in entitled_shares(self._queue) if self._queue.alone else ():
            if limit.shares is not None and share not in limit.shares:
                continue
            yield Condition(
                of=share,
                says=f"share {share} has had less than {_number(limit.below_percent)} % of its entitlement "
                f"for {limit.minutes} minutes, while jobs of it were waiting",
                series={
                    "waiting": self._exported("RunnableJobs", share=share).by("Minimum"),
                    "used": self._exported("CapacityInUse", share=share).by("Maximum"),
                    "entitled": self._exported("CapacityEntitlement", share=share).by("Minimum"),
                },
                expression=f"IF({_KNOWN}, IF(waiting > 0 AND used < {part} * entitled, 1, 0))",
                comparison=AT_LEAST,
                threshold=1,
                missing=KEEP,
                **self._lasting(limit),
            )

    def _idle_while_waiting(self, limit: IdleWhileWaiting) -> Condition:
        return Condition(
            says=f"less than {_number(limit.below_percent)} % of its capacity has been in use "
            f"for {limit.minutes} minutes, while jobs were waiting",
            series={
                "waiting": self._exported("RunnableJobs").by("Minimum"),
                "used": self._exported("CapacityUtilization").by("Maximum"),
            },
            expression=f"IF({_KNOWN}, IF(waiting > 0 AND used < {_number(limit.below_percent)}, 1, 0))",
            comparison=AT_LEAST,
            threshold=1,
            missing=KEEP,
            **self._lasting(limit),
        )

    def _idle(self, limit: IdleCapacity) -> Condition:
        return Condition(
            says=f"less than {_number(limit.below_percent)} % of its capacity has been in use for {limit.hours} hours",
            series={"used": self._exported("CapacityUtilization").by("Maximum")},
            comparison=UNDER,
            threshold=limit.below_percent,
            missing=KEEP,
            **self._lasting(limit),
        )

    def _preemptions(self, limit: Preemptions) -> Condition:
        return Condition(
            says=f"{limit.per_hour} or more attempts were stopped for others in an hour",
            series={"preempted": native("JobsPreempted", self._queue.name)},
            expression="FILL(preempted, 0)",
            comparison=AT_LEAST,
            threshold=limit.per_hour,
            missing=FINE,
            period=_HOUR,
        )

    def _spot(self, limit: SpotReclaims) -> Condition:
        return Condition(
            says=f"{limit.per_hour} or more attempts on a queue with Spot machines were lost in an hour: "
            "tried again, or reclaimed for good",
            series={
                "retried": native("JobsRetried", self._queue.name),
                "lost": self._exported("JobFailures", reason="SpotReclaim"),
            },
            expression="FILL(retried, 0) + FILL(lost, 0)",
            comparison=AT_LEAST,
            threshold=limit.per_hour,
            missing=FINE,
            period=_HOUR,
        )

    def _stale(self, limit: ExporterStale) -> Condition:
        return Condition(
            says=f"its jobs were not listed for {limit.minutes} minutes, so that what is shown of it is old",
            series={"polls": self._exported("RunnableJobs").by("SampleCount")},
            expression="FILL(polls, 0)",
            comparison=UNDER,
            threshold=1,
            missing=BAD,
            warm_up_minutes=60 + 2 * self._interval,  # until the first polls of a new exporter can be read
            **self._lasting(limit),
        )

    def _truncated(self, limit: Truncated) -> Condition:
        return Condition(
            says=f"for {limit.minutes} minutes it has had more jobs than a poll lists: what is shown is a lower bound",
            series={"truncated": self._exported("Truncated").by("Minimum")},
            comparison=AT_LEAST,
            threshold=1,
            missing=KEEP,
            **self._lasting(limit),
        )

    def _exported(self, name: str, *, share: str | None = None, reason: str | None = None) -> Series:
        return exported(self._namespace, name, self._queue.name, share=share, reason=reason)

    def _lasting(self, limit: Limit) -> dict[str, Any]:
        """As many periods as it takes until it has lasted."""
        period = period_minutes(limit, self._interval)
        lasting = limit.lasting_minutes()
        assert lasting is not None
        return {"period": 60 * period, "periods": -(-round(lasting) // period)}


def entitled_shares(queue: MonitoredQueue) -> list[str]:
    """The shares whose entitlement is known."""
    return [share for share, units in queue.shares.items() if units]


def _number(value: float) -> str:
    return f"{value:g}"
