"""Number of CloudWatch series of a queue and of a fan-out. CloudWatch bills each series as one metric."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_FAN_OUT: Final = "fan_out"
_SERVICE_JOB_METRICS: Final = {"ScheduledJobs"}
_PREEMPTION_METRICS: Final = {"JobsPreempted"}
_LIMIT_METRICS: Final = {"CapacityLimit", "CapacityUtilization"}
_ENTITLEMENT: Final = "CapacityEntitlement"
_LENDING: Final = {"CapacityBorrowed", "CapacityLent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUse:
    """Properties of a queue that determine the number of its series.

    Args:
        service: True if the queue takes SageMaker training jobs.
        shares: Number of declared shares.
        entitled: Number of declared shares whose entitlement is known.
        other: True if jobs may have undeclared shares, which are counted together as `other`.
        preemption: True if jobs may be preempted, as with quota shares.
        limit: True if the capacity limit of the queue is known.
    """

    service: bool
    shares: int
    entitled: int
    other: bool
    preemption: bool
    limit: bool


def count_series(queue: QueueUse, catalog: Mapping[str, Any], reason_count: int) -> dict[str, int]:
    """Return the maximum number of series of each metric.

    Args:
        queue: Queue that publishes the series.
        catalog: Contents of `metrics.json`.
        reason_count: Number of values of the dimension Reason, for each metric that has it.
    """
    return {
        name: sum(_series(name, per, queue, reason_count) for per in metric["per"])
        for name, metric in catalog["metrics"].items()
        if metric.get("source") != _FAN_OUT
    }


def count_fan_out_series(regions: int, catalog: Mapping[str, Any]) -> int:
    """Return the number of series of a fan-out.

    Args:
        regions: Number of Regions of its queues.
        catalog: Contents of `metrics.json`.
    """
    series = {"fan_out": 1, "fan_out_region": regions}
    metrics = [metric for metric in catalog["metrics"].values() if metric.get("source") == _FAN_OUT]
    return sum(series[per] for metric in metrics for per in metric["per"])


def _series(name: str, per: str, queue: QueueUse, reason_count: int) -> int:
    if (
        (name in _SERVICE_JOB_METRICS and not queue.service)
        or (name in _PREEMPTION_METRICS and not queue.preemption)
        or (name in _LIMIT_METRICS and not queue.limit)
    ):
        return 0
    if per == "share":
        if name == _ENTITLEMENT:
            return queue.entitled
        if name in _LENDING:  # `other` borrows from shares, so both metrics include it
            return queue.entitled + (queue.other and queue.entitled > 0)
        return queue.shares + queue.other
    return {"queue": 1, "reason": reason_count}[per]
