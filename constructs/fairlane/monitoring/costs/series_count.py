"""How many series of CloudWatch the exporter publishes of a queue: each is billed as a metric of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_OF_SERVICE_JOBS: Final = {"ScheduledJobs"}
_OF_PREEMPTION: Final = {"JobsPreempted"}
_OF_A_LIMIT: Final = {"CapacityLimit", "CapacityUtilization"}
_ENTITLEMENT: Final = "CapacityEntitlement"
_LENDING: Final = {"CapacityBorrowed", "CapacityLent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUse:
    """A queue that the exporter publishes metrics of.

    Args:
        service: whether it is one of SageMaker training jobs.
        shares: how many shares are declared.
        entitled: how many of them have an entitlement that is known.
        other: whether jobs may have shares that are not declared, which are `other` together.
        preemption: whether jobs may be preempted, as with quota shares.
        limit: whether the most capacity that it can have is known.
    """

    service: bool
    shares: int
    entitled: int
    other: bool
    preemption: bool
    limit: bool


def count_series(queue: QueueUse, catalog: Mapping[str, Any], reasons_seen: int) -> dict[str, int]:
    """How many series there are by metric, when all that can be published is.

    Args:
        queue: whose they are.
        catalog: what `metrics.json` says of all metrics.
        reasons_seen: how many values the dimension Reason has, of each metric that has it.
    """
    return {
        name: sum(_per(name, per, queue, reasons_seen) for per in metric["per"])
        for name, metric in catalog["metrics"].items()
    }


def _per(name: str, per: str, queue: QueueUse, reasons_seen: int) -> int:
    if (
        (name in _OF_SERVICE_JOBS and not queue.service)
        or (name in _OF_PREEMPTION and not queue.preemption)
        or (name in _OF_A_LIMIT and not queue.limit)
    ):
        return 0
    if per == "share":
        if name == _ENTITLEMENT:
            return queue.entitled
        if name in _LENDING:  # what is borrowed and lent is told of `other` too, as it borrows of shares
            return queue.entitled + (queue.other and queue.entitled > 0)
        return queue.shares + queue.other
    return {"queue": 1, "reason": reasons_seen}[per]
