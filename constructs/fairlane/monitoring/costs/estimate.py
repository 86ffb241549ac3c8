"""What watching queues costs a month, from what there is to be watched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from textwrap import fill
from typing import Any, Final
from urllib.parse import urlsplit

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.monitoring.costs.prices import Line, price_list, priced
from fairlane.monitoring.costs.series_count import QueueUse, count_series

_MINUTES: Final = 31 * 24 * 60
_WIDTH: Final = 100

# What the exporter is deployed with.
MEMORY_GB: Final = 256 / 1024
_IDLE_POLLERS: Final = 5  # of SQS; as many as there are where the concurrency of a mapping is limited
_IDLE_POLLS_A_MINUTE: Final = 3
_REQUESTS_OF_AN_EVENT: Final = 3  # sent, received, deleted

# What is assumed: nobody knows it before the bill.
_POLL_SECONDS: Final = 1.0
_POLL_SECONDS_OF_A_QUEUE: Final = 0.1  # some seven calls of 100 ms, of eight queues at a time
_EVENT_SECONDS: Final = 0.1
_EVENTS_OF_A_JOB: Final = 2  # its end, and a preemption or a block of its queue

# Bytes that the real handlers print, newlines included, with names of 20 characters and all that can be published:
# 1,098 of a queue and 747 of a share in a poll, 1,609 of a job of containers that failed in its third attempt, 1,583 of
# a service job.
QUEUE_LINE_BYTES: Final = 1_200
SHARE_LINE_BYTES: Final = 800
EVENT_BYTES: Final = 1_700
_INVOCATION_BYTES: Final = 400  # Lambda's own lines: START, END and REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringUse:
    """What watches the queues of one account and Region.

    Args:
        region: where.
        queues: those that the exporter publishes metrics of; none where there is no exporter.
        interval_minutes: how often they are polled.
        alarm_metrics: metrics that alarms refer to; one in two alarms, or twice in two, is billed twice.
        composite_alarms: alarms of alarms.
        dashboards: how many.
        keys: customer managed keys of KMS.
        jobs_per_month: how many jobs are assumed to end.
        reasons_seen: how many reasons failures of each queue's jobs are assumed to have, and blocks as many.
        notifications_per_month: how many messages alarms are assumed to send.
    """

    region: str
    queues: tuple[QueueUse, ...] = ()
    interval_minutes: int = 1
    alarm_metrics: int = 0
    composite_alarms: int = 0
    dashboards: int = 0
    keys: int = 0
    jobs_per_month: int = 10_000
    reasons_seen: int = 5
    notifications_per_month: int = 1_000

    def amounts(self, catalog: Mapping[str, Any]) -> dict[str, float]:
        """Amounts a month by the name of their price.

        Args:
            catalog: what `metrics.json` says of all metrics.
        """
        return self._exporter(catalog) | {
            "alarm_metrics": self.alarm_metrics,
            "composite_alarms": self.composite_alarms,
            "dashboards": self.dashboards,
            "keys": self.keys,
            "notifications": self.notifications_per_month if self.alarm_metrics else 0,
        }

    def _exporter(self, catalog: Mapping[str, Any]) -> dict[str, float]:
        if not self.queues:
            return {}
        series = sum(sum(count_series(queue, catalog, self.reasons_seen).values()) for queue in self.queues)
        polls, events = _MINUTES / self.interval_minutes, self.jobs_per_month * _EVENTS_OF_A_JOB
        shares = sum(queue.shares + queue.other for queue in self.queues)
        poll_bytes = len(self.queues) * QUEUE_LINE_BYTES + shares * SHARE_LINE_BYTES + _INVOCATION_BYTES
        logged = polls * poll_bytes + events * (EVENT_BYTES + _INVOCATION_BYTES)
        poll_seconds = _POLL_SECONDS + len(self.queues) * _POLL_SECONDS_OF_A_QUEUE
        return {
            "metrics": series + 1,  # EventsRejected of events that do not name their queue
            "log_bytes": logged,
            "stored_bytes": logged,  # kept for a month
            "lambda_requests": polls + events,
            "lambda_gb_seconds": MEMORY_GB * (polls * poll_seconds + events * _EVENT_SECONDS),
            "sqs_requests": _IDLE_POLLERS * _IDLE_POLLS_A_MINUTE * _MINUTES + events * _REQUESTS_OF_AN_EVENT,
            "events": events,
            "schedules": polls,
        }

    def __str__(self) -> str:
        if not self.queues:
            return f"{_shown(self.region)}: no metrics are exported."
        every = "every minute" if self.interval_minutes == 1 else f"every {self.interval_minutes} minutes"
        return (
            f"{_shown(self.region)}: {_number(len(self.queues), 'queue')} polled {every}, "
            f"{_number(self.jobs_per_month, 'job')} a month, {_number(self.reasons_seen, 'reason')} for failures in "
            "each queue and as many for blocks."
        )


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What monitoring costs a month, at most, if what is assumed holds.

    Args:
        lines: of the bill.
        assumptions: what is not known, and what it is taken for; each a sentence or more.
    """

    lines: tuple[Line, ...]
    assumptions: tuple[str, ...]

    @property
    def usd(self) -> float:
        """What all lines come to."""
        return sum(line.usd for line in self.lines)

    def table(self) -> str:
        """The whole estimate as plain text: prices' date and sources, every line, the total, and what is assumed."""
        known = price_list()
        hosts = ", ".join(dict.fromkeys(str(urlsplit(line.source).hostname) for line in self.lines))
        heading = (
            f"Monitoring costs at most, in USD a month, by list prices of {known['region']} as of {known['as_of']}"
        )
        where = "; ".join(filter(None, [hosts, "addresses: fairlane/costs/prices.json"]))
        sources = fill(f"({where}):", _WIDTH)
        assumed = [fill(text, _WIDTH, initial_indent="- ", subsequent_indent="  ") for text in self.assumptions]
        rows = [("", "Quantity", "Unit", "Price", "USD")]
        rows += [
            (line.what, _trimmed(line.quantity), line.unit, _price(line.price), f"{line.usd:,.2f}")
            for line in self.lines
        ]
        rows.append(("Total", "", "", "", f"{self.usd:,.2f}"))
        return "\n".join([heading, sources, "", *_aligned(rows), "", "Assumed:", *assumed])


def monthly_cost(uses: Sequence[MonitoringUse], catalog: Mapping[str, Any]) -> MonthlyCost:
    """What monitoring costs a month.

    It is an upper bound where it can be: each series is taken to have data in every hour and each event to be handled
    alone, tiers begin anew with each use, and no free tier is deducted.

    Args:
        uses: of each account and Region.
        catalog: what `metrics.json` says of all metrics.
    """
    amounts = [use.amounts(catalog) for use in uses]
    names = price_list()["prices"]
    lines = tuple(line for name in names for line in priced(name, [of_use.get(name, 0) for of_use in amounts]))
    return MonthlyCost(lines, tuple(_assumptions(uses)))


def limit_problems(cost: MonthlyCost, limit_usd: object) -> Iterator[Problem]:
    """Yields a limit that is no amount of money, or that monitoring would cost more than.

    Args:
        cost: of the monitoring.
        limit_usd: the most that it may cost a month.
    """
    field = ("limit_usd",)
    if isinstance(limit_usd, bool) or not isinstance(limit_usd, int | float) or not 0 < limit_usd < inf:
        yield Problem(field, limit_usd, "an amount of USD a month: a number, more than 0")
    elif cost.usd > limit_usd:
        most = max(cost.lines, key=lambda line: line.usd)
        allowed = (
            f"at most the ${limit_usd:,} that was set: fewer shares, alarms or dashboards, or a higher limit; "
            f'the largest line is "{most.what}" with ${most.usd:,.2f}'
        )
        yield Problem(field, f"about ${ceil(cost.usd):,} a month", allowed)


def _assumptions(uses: Sequence[MonitoringUse]) -> Iterator[str]:
    yield from map(str, uses)
    if any(use.queues for use in uses):
        yield "Every series has data in every hour. CloudWatch bills only hours with data: quiet shares cost less."
        yield (
            f"A poll takes {_POLL_SECONDS:g} s and {_POLL_SECONDS_OF_A_QUEUE:g} s for each queue. A job has "
            f"{_EVENTS_OF_A_JOB} events; each is handled and logged alone, in {_EVENT_SECONDS:g} s, and is "
            f"{_REQUESTS_OF_AN_EVENT} requests to SQS, where many that come together cost less."
        )
    yield (
        "Free tiers are not deducted. Not in it: deliveries of notifications, requests to KMS, and reading metrics and "
        "logs."
    )
    ours = price_list()["region"]
    if others := sorted({_shown(use.region) for use in uses} - {ours}):
        yield f"Prices of {ours} are taken for {', '.join(others)}, where some may differ."


def _shown(region: str) -> str:
    return "a Region known only at deployment" if is_token(region) else region


def _number(count: int, of: str) -> str:
    return f"{count:,} {of}{'' if count == 1 else 's'}"


def _trimmed(quantity: float) -> str:
    return f"{quantity:,.{2 if quantity >= 0.1 else 6}f}".rstrip("0").rstrip(".")


def _price(usd: float) -> str:
    return f"{usd:.2f}" if usd == round(usd, 2) else f"{usd:.10f}".rstrip("0")


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Columns side by side: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for what, quantity, unit, price, usd in rows:
        cells = (
            what.ljust(widths[0]),
            quantity.rjust(widths[1]),
            unit.ljust(widths[2]),
            price.rjust(widths[3]),
            usd.rjust(widths[4]),
        )
        yield "  ".join(cells)
