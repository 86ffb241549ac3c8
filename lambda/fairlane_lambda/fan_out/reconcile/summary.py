"""Numbers of lines by Region: of a manifest for its note in the ledger, and of all manifests for the metrics."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fairlane_lambda.emf import Metrics
from fairlane_lambda.fan_out.ledger import SUBMITTING, UNKNOWN
from fairlane_lambda.fan_out.reconcile.lines import Line
from fairlane_lambda.fan_out.table import Item

WAITING: Final = "waiting"
_OTHERS: Final = {
    "submitted": ("SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED"),
    "running": ("STARTING", "RUNNING"),
    "done": ("SUCCEEDED",),
    "failed": ("FAILED", "REFUSED"),
}
_METRICS: Final = {WAITING: "FanOutLinesWaiting"} | {name: f"FanOutLines{name.title()}" for name in _OTHERS}
_CATEGORY: Final = {state: name for name, states in _OTHERS.items() for state in states} | {
    SUBMITTING: WAITING,
    UNKNOWN: WAITING,
}
_SINCE: Final = "since"

Counts = dict[str, dict[str, int]]
"""Number of lines by Region and kind, and in `since` the time since which the first one waits, in milliseconds."""


class Summary:
    """Numbers of the lines of a manifest. Of the jobs of a line, the latest counts.

    Args:
        record: Record of the manifest.
    """

    def __init__(self, record: Item) -> None:
        self._record = record
        # A plan that goes on has the lines that its version claimed before. One that retries lines has further jobs.
        self._first_claim = record["created_at"] if record.get("operation") == "retry" else 0
        self._latest: dict[str, tuple[int, str, str]] = {}
        self._claimed: dict[str, int] = {}

    def add(self, line: Line) -> None:
        """Add a line."""
        item = line.item
        claimed, category = item.get("claimed_at", 0), _CATEGORY[item["state"]]
        if line.id not in self._latest or self._latest[line.id][0] <= claimed:
            self._latest[line.id] = (claimed, category, item["region"])
        if item.get("version") == self._record["version"] and claimed >= self._first_claim:
            self._claimed[item["region"]] = self._claimed.get(item["region"], 0) + 1

    def counts(self) -> Counts:
        """Return the numbers. The lines of a stopped manifest do not wait."""
        counts: Counts = {}
        is_stopped = self._record.get("stopped") or self._record["state"] == "STOPPED"
        for claimed, category, region in self._latest.values():
            if category != WAITING:
                _add(counts, region, category, 1)
            elif not is_stopped:
                _add(counts, region, WAITING, 1, claimed)
        if not is_stopped and self._record["state"] != "SUBMITTED":
            for region, lines in self._record["regions"].items():
                if (unclaimed := lines - self._claimed.get(region, 0)) > 0:
                    _add(counts, region, WAITING, unclaimed, self._record["created_at"])
        return counts


def add_counts(total: Counts, counts: Mapping[str, Mapping[str, int]], is_recent: bool) -> None:
    """Add the numbers of a manifest to a total.

    Args:
        total: Numbers of several manifests.
        counts: Numbers of a manifest.
        is_recent: True if its ended lines count.
    """
    for region, numbers in counts.items():
        for name, number in numbers.items():
            if name == WAITING:
                _add(total, region, name, number, numbers[_SINCE])
            elif name in _OTHERS and (is_recent or name in ("submitted", "running")):
                _add(total, region, name, number)


def publish(metrics: Metrics, fan_out: str, regions: Iterable[str], total: Counts, now: int) -> None:
    """Add the metrics of a fan-out: of all its Regions together, and of each.

    Args:
        metrics: Metrics to add to.
        fan_out: Name of the fan-out.
        regions: Its Regions. Lines in others count in the metrics of all Regions.
        total: Numbers of its lines.
        now: Current time in epoch milliseconds.
    """
    _publish(metrics, list(total.values()), now, {"fan_out": fan_out})
    for region in regions:
        _publish(metrics, [total.get(region, {})], now, {"fan_out": fan_out, "region": region})


def _publish(metrics: Metrics, counts: list[dict[str, int]], now: int, dimensions: dict[str, Any]) -> None:
    for name, metric in _METRICS.items():
        metrics.add(metric, sum(numbers.get(name, 0) for numbers in counts), **dimensions)
    since = min((numbers[_SINCE] for numbers in counts if _SINCE in numbers), default=now)
    metrics.add("FanOutOldestUnsubmittedAge", max(0, now - since) / 1000, **dimensions)


def _add(counts: Counts, region: str, name: str, number: int, since: int | None = None) -> None:
    numbers = counts.setdefault(region, {})
    numbers[name] = numbers.get(name, 0) + number
    if since is not None:
        numbers[_SINCE] = min(since, numbers.get(_SINCE, since))
