"""Estimate of the monthly cost of monitoring, as an upper bound."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, Final

from fairlane.errors import Problem
from fairlane.monitoring.costs.bill_table import bill_rows, bill_text, counted, region_name
from fairlane.monitoring.costs.cluster_use import CLUSTER_EVENTS, RULE_ASSUMPTION, ClusterUse
from fairlane.monitoring.costs.prices import Line, bill_lines, price_list
from fairlane.monitoring.costs.series_count import QueueUse, count_fan_out_series, count_series
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES

LOG_RETENTION_DAYS: Final = 30
"""Number of days that the log groups of Fairlane's constructs keep their events, unless an app changes it."""

_MINUTES: Final = 31 * 24 * 60

# Configuration of the deployed exporter.
MEMORY_GB: Final = 256 / 1024
_IDLE_POLLERS: Final = 5  # of SQS; the number of pollers if the concurrency of an event source mapping is limited
_IDLE_POLLS_PER_MINUTE: Final = 3
_REQUESTS_PER_EVENT: Final = 3  # sent, received, deleted

# Assumptions that only the bill can confirm.
_POLL_SECONDS: Final = 1.0
_POLL_SECONDS_PER_QUEUE: Final = 0.1  # some seven calls of 100 ms, for eight queues at a time
_EVENT_SECONDS: Final = 0.1
_EVENTS_PER_JOB: Final = 2  # its end, and a preemption or a blocked-queue event

# Bytes that the real handlers print, newlines included, with names of 20 characters and all possible metrics: 1,098 for
# a queue and 747 for a share in a poll, 1,609 for a container job that failed in its third attempt, and 1,583 for a
# service job.
QUEUE_LINE_BYTES: Final = 1_200
SHARE_LINE_BYTES: Final = 800
EVENT_BYTES: Final = 1_700
FAN_OUT_LINE_BYTES: Final = 800
"""Bytes of a line of a fan-out: 700 with names of 24 characters and numbers of 6 digits."""
_INVOCATION_BYTES: Final = 400  # Lambda's own lines: START, END and REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringUse:
    """Use of monitoring in one account and Region.

    Args:
        region: Region.
        queues: Queues that the exporter publishes metrics of. Default: none, for a Region without an exporter.
        interval_minutes: Polling interval, in minutes. Default: 1.
        fan_outs: Number of Regions of each fan-out. Default: no fan-outs.
        clusters: HyperPod clusters. Default: none.
        alarm_metrics: Number of metrics in alarms. A metric in two alarms counts twice. Default: 0.
        composite_alarms: Number of composite alarms. Default: 0.
        dashboards: Number of dashboards. Default: 0.
        keys: Number of customer managed KMS keys. Default: 0.
        jobs_per_month: Assumed number of jobs that end in a month. Default: 10,000.
        reason_count: Assumed number of failure reasons for each queue, and of blocking reasons as well. Default: 5.
        notifications_per_month: Assumed number of notifications that alarms send in a month. Default: 1,000.
        log_retention_days: Number of days that log groups keep their events. Default: 30.
    """

    region: str
    queues: tuple[QueueUse, ...] = ()
    interval_minutes: int = 1
    fan_outs: tuple[int, ...] = ()
    clusters: tuple[ClusterUse, ...] = ()
    alarm_metrics: int = 0
    composite_alarms: int = 0
    dashboards: int = 0
    keys: int = 0
    jobs_per_month: int = 10_000
    reason_count: int = 5
    notifications_per_month: int = 1_000
    log_retention_days: int = LOG_RETENTION_DAYS

    def amounts(self, catalog: Mapping[str, Any]) -> dict[str, float]:
        """Return the amounts in a month, by name of the price.

        Args:
            catalog: Contents of `metrics.json`.
        """
        amounts = self._exporter_amounts(catalog)
        for other in (self._fan_out_amounts(catalog), *(cluster.amounts() for cluster in self.clusters)):
            for name, amount in other.items():
                amounts[name] = amounts.get(name, 0) + amount
        return amounts | {
            "stored_bytes": stored(amounts.get("log_bytes", 0), self.log_retention_days),
            "alarm_metrics": self.alarm_metrics,
            "composite_alarms": self.composite_alarms,
            "dashboards": self.dashboards,
            "keys": self.keys,
            "notifications": self.notifications_per_month if self.alarm_metrics else 0,
        }

    def _exporter_amounts(self, catalog: Mapping[str, Any]) -> dict[str, float]:
        if not self.queues:
            return {}
        series = sum(sum(count_series(queue, catalog, self.reason_count).values()) for queue in self.queues)
        polls, events = _MINUTES / self.interval_minutes, self.jobs_per_month * _EVENTS_PER_JOB
        shares = sum(queue.shares + queue.other for queue in self.queues)
        poll_bytes = len(self.queues) * QUEUE_LINE_BYTES + shares * SHARE_LINE_BYTES + _INVOCATION_BYTES
        logged = polls * poll_bytes + events * (EVENT_BYTES + _INVOCATION_BYTES)
        poll_seconds = _POLL_SECONDS + len(self.queues) * _POLL_SECONDS_PER_QUEUE
        return {
            "metrics": series + 1,  # EventsRejected for events without a queue name
            "log_bytes": logged,
            "lambda_requests": polls + events,
            "lambda_gb_seconds": MEMORY_GB * (polls * poll_seconds + events * _EVENT_SECONDS),
            "sqs_requests": _IDLE_POLLERS * _IDLE_POLLS_PER_MINUTE * _MINUTES + events * _REQUESTS_PER_EVENT,
            "events": events,
            "schedules": polls,
        }

    def _fan_out_amounts(self, catalog: Mapping[str, Any]) -> dict[str, float]:
        """Return the amounts of the metrics of fan-outs. Their functions and tables are no part of the monitoring."""
        if not self.fan_outs:
            return {}
        runs = _MINUTES / PUBLISHED_MINUTES
        logged = runs * sum(FAN_OUT_LINE_BYTES * (1 + regions) for regions in self.fan_outs)
        series = sum(count_fan_out_series(regions, catalog) for regions in self.fan_outs)
        return {"metrics": series, "log_bytes": logged}

    def __str__(self) -> str:
        text = self._exporter_text()
        if self.fan_outs:
            text += f" {counted(len(self.fan_outs), 'fan-out')} in {counted(sum(self.fan_outs), 'Region')} in total."
        if self.clusters:
            clusters = counted(len(self.clusters), "HyperPod cluster")
            text += f" {clusters} with {CLUSTER_EVENTS:,} events a month each."
        return text

    def _exporter_text(self) -> str:
        if not self.queues:
            return f"{region_name(self.region)}: no exported metrics."
        interval = "every minute" if self.interval_minutes == 1 else f"every {self.interval_minutes} minutes"
        return (
            f"{region_name(self.region)}: {counted(len(self.queues), 'queue')} polled {interval}, "
            f"{counted(self.jobs_per_month, 'job')} a month, {counted(self.reason_count, 'failure reason')} and "
            f"{counted(self.reason_count, 'blocking reason')} for each queue."
        )


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """Upper bound of the monthly cost of monitoring, under the listed assumptions.

    Args:
        lines: Lines of the bill.
        assumptions: Assumptions of the estimate, each of one or more sentences.
    """

    lines: tuple[Line, ...]
    assumptions: tuple[str, ...]

    @property
    def usd(self) -> float:
        """Total of all lines, in USD."""
        return sum(line.usd for line in self.lines)

    def table(self) -> str:
        """Return the estimate as plain text: date and sources of the prices, all lines, the total, the assumptions."""
        title = "Upper bound of the monthly cost of monitoring"
        return bill_text(title, self.lines, [bill_rows({"": self.lines})], self.assumptions)


def monthly_cost(uses: Sequence[MonitoringUse], catalog: Mapping[str, Any]) -> MonthlyCost:
    """Return the monthly cost of monitoring, as an upper bound where possible.

    Each series is assumed to have data in every hour, and each event to be handled alone. Each use starts at the first
    tier, and no free tier is deducted.

    Args:
        uses: Use of monitoring in each account and Region.
        catalog: Contents of `metrics.json`.
    """
    amounts_by_use = [use.amounts(catalog) for use in uses]
    names = price_list()["prices"]
    lines = tuple(
        line for name in names for line in bill_lines(name, [amounts.get(name, 0) for amounts in amounts_by_use])
    )
    return MonthlyCost(lines, tuple(_assumptions(uses)))


def stored(logged: float, retention_days: int) -> float:
    """Return the bytes that log groups store at a time, as soon as they have existed for the retention time.

    Args:
        logged: Bytes that are logged in a month.
        retention_days: Number of days that the log groups keep their events.
    """
    return logged * retention_days / 30


def retention_assumption(days: Iterable[int]) -> str:
    """Return the assumption about the stored logs.

    Args:
        days: Numbers of days that log groups keep their events.
    """
    numbers = sorted(set(days))
    words = f"{', '.join(map(str, numbers))} {'day' if numbers == [1] else 'days'}"
    return f"Log groups store the logs of {words}, once they have existed for so long."


def limit_problems(cost: MonthlyCost, limit_usd: object) -> Iterator[Problem]:
    """Yield a limit that is not an amount of money, or that the cost exceeds.

    Args:
        cost: Monthly cost of monitoring.
        limit_usd: Maximum cost, in USD a month.
    """
    field = ("limit_usd",)
    if isinstance(limit_usd, bool) or not isinstance(limit_usd, int | float) or not 0 < limit_usd < inf:
        yield Problem(field, limit_usd, "an amount in USD a month: a number above 0")
    elif cost.usd > limit_usd:
        largest = max(cost.lines, key=lambda line: line.usd)
        sentence = (
            f"monitoring costs about ${ceil(cost.usd):,} a month, above the limit of ${limit_usd:,}: use fewer shares, "
            f'alarms or dashboards, or raise the limit; the largest line is "{largest.item}" with ${largest.usd:,.2f}'
        )
        yield Problem.relation(field, sentence)


def _assumptions(uses: Sequence[MonitoringUse]) -> Iterator[str]:
    yield from map(str, uses)
    if any(use.queues for use in uses):
        yield "Every series has data in every hour. CloudWatch bills only hours with data, so idle shares cost less."
        yield (
            f"A poll takes {_POLL_SECONDS:g} s plus {_POLL_SECONDS_PER_QUEUE:g} s for each queue. A job has "
            f"{_EVENTS_PER_JOB} events. Each event is handled and logged alone, takes {_EVENT_SECONDS:g} s and needs "
            f"{_REQUESTS_PER_EVENT} SQS requests; events that are handled together cost less."
        )
    if any(use.queues or use.fan_outs or use.clusters for use in uses):
        yield retention_assumption(use.log_retention_days for use in uses)
    if any(cluster.rules for use in uses for cluster in use.clusters):
        yield RULE_ASSUMPTION
    yield (
        "Free tiers are not deducted. Not included: delivery of notifications, KMS requests, and reading metrics and "
        "logs."
    )
    yield from region_assumption(use.region for use in uses)


def region_assumption(regions: Iterable[str]) -> Iterator[str]:
    """Yield the assumption about Regions other than that of the prices, if there are any.

    Args:
        regions: Names of Regions, which can be tokens.
    """
    priced_region = price_list()["region"]
    if others := sorted(set(map(region_name, regions)) - {priced_region}):
        yield f"The prices of {priced_region} are used for {', '.join(others)}, where some prices may differ."
