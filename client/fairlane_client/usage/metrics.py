"""Use of a queue from the metrics of `JobMetrics`: hourly means of the capacity in use."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fairlane.catalog.gpu_catalog import training_gpus
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import Queue
from fairlane_client.usage.holds import HOUR, Gap, Hold

METRIC: Final = "CapacityInUse"
NAMESPACE: Final = "Fairlane"
OTHER: Final = "other"
PART: Final = "parts of an hour, which hourly metrics do not have"
NO_METRICS: Final = "hours without metrics"


def metric_holds(calls: Calls, queue: Queue, start: int, end: int) -> Iterator[Hold | Gap]:
    """Yield the use of a queue from its hourly means, and gaps for the hours that have none.

    A mean of 3.5 instances in an hour becomes 3 instances in the whole hour and one in its first half, which is the
    same capacity times time. CloudWatch keeps hourly means for 455 days.

    Args:
        calls: Calls to CloudWatch.
        queue: Queue with one capacity unit: the metrics have no unit.
        start: Start, in milliseconds since 1970.
        end: End.

    Raises:
        NotAllowed: If the caller may not read metrics.
        Throttled: If the metrics cannot be read.
    """
    (unit,) = queue.units
    gpus = training_gpus(unit) if unit.startswith("ml.") else None
    names = [*queue.shares, OTHER] if queue.shares else [""]
    means = _means(calls, queue.name, ["", *(name for name in names if name)], start, end)
    for hour in range(start // HOUR * HOUR, end, HOUR):
        if hour < start or hour + HOUR > end:
            yield Gap(hour, hour + HOUR, PART)
            continue
        if hour not in means[""]:
            yield Gap(hour, hour + HOUR, NO_METRICS)
            continue
        for share in names:
            time = round(means[share].get(hour, 0) * HOUR)
            for amount, length in ((time // HOUR, HOUR), (1, time % HOUR)):
                if amount and length:
                    yield Hold(
                        share=share,
                        unit=unit,
                        amount=amount,
                        start=hour,
                        end=hour + length,
                        gpus=None if gpus is None else gpus * amount,
                        instance_type=unit if unit.startswith("ml.") else "",
                    )


def outside(holds: Iterable[Hold | Gap], start: int, end: int) -> Iterator[Hold | Gap]:
    """Yield what lies before or after a time, for which another source is used."""
    for hold in holds:
        if hold.start < min(hold.end, start):
            yield replace(hold, end=min(hold.end, start))
        if max(hold.start, end) < hold.end:
            yield replace(hold, start=max(hold.start, end))


def _means(calls: Calls, queue: str, shares: Iterable[str], start: int, end: int) -> dict[str, dict[int, float]]:
    """Return the mean of each hour, by share. The share of the whole queue is empty."""
    names = list(shares)
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {"Metric": _metric(queue, share), "Period": HOUR // 1000, "Stat": "Average"},
        }
        for number, share in enumerate(names)
    ]
    found: dict[str, dict[int, float]] = {share: {} for share in names}
    token: Mapping[str, Any] = {}
    while True:
        page = calls(
            "get_metric_data",
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start // HOUR * HOUR / 1000, UTC),
            EndTime=datetime.fromtimestamp(-(-end // HOUR) * HOUR / 1000, UTC),
            **token,
        )
        for result in page["MetricDataResults"]:
            times = [round(time.timestamp() * 1000) for time in result["Timestamps"]]
            found[names[int(result["Id"][1:])]].update(zip(times, result["Values"], strict=True))
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _metric(queue: str, share: str) -> dict[str, Any]:
    dimensions = [{"Name": "JobQueueName", "Value": queue}, *([{"Name": "Share", "Value": share}] if share else [])]
    return {"Namespace": NAMESPACE, "MetricName": METRIC, "Dimensions": dimensions}
