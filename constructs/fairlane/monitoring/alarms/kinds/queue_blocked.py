"""The alarm `blocked`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_list
from fairlane._internal.lambda_package import metrics_catalog
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, HOUR, NOT_BREACHING, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit
from fairlane.scheduling.time_limits import OTHER_REASONS, TimeLimitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBlocked(Limit):
    """Alarms on reports of AWS Batch that the job at the head of the queue cannot start, one alarm for each reason.

    AWS Batch reports a reason once. AWS does not document whether it repeats the report, so the alarm stays in ALARM
    for an hour after the last report. After that, the alarm of `OldestWait` covers the wait.

    Args:
        reasons: Reasons that have an alarm: AWS's text up to the explanation, or Other. Default: all reasons that the
            queue can have.
    """

    first_step: ClassVar = (
        "compare the job at the head of the queue (aws batch get-job-queue-snapshot --job-queue QUEUE) with the "
        "capacity and the instance types of the queue's environments"
    )
    parts: ClassVar = "reasons"
    reasons: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield reasons that are not strings; `part_rules` compares them with the reasons of the queue."""
        if self.reasons is not None:
            yield from check_list(("reasons",), self.reasons, str, "reasons")

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield a condition for each reason of the queue."""
        all_reasons = metrics_catalog()["reasons"]["QueueBlocked"]
        for part in queue.queue.blocked_reasons:
            if self.reasons is not None and part not in self.reasons:
                continue
            others = [reason for reason in all_reasons if reason not in list(TimeLimitReason)]
            reasons = others if part == OTHER_REASONS else [part]
            series = {f"blocked{n}": queue.metric("QueueBlocked", reason=reason) for n, reason in enumerate(reasons)}
            yield Condition(
                part=part,
                meaning=f"AWS Batch reported that the job at the head of the queue cannot start: {part}",
                series=series,
                expression=" + ".join(f"FILL({name}, 0)" for name in series),
                comparison=GREATER_OR_EQUAL,
                threshold=1,
                missing_data=NOT_BREACHING,
                period=HOUR,
            )
