"""The alarm `blocked`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_list
from fairlane._internal.lambda_package import metrics_catalog
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import AT_LEAST, FINE, HOUR, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit
from fairlane.scheduling.time_limits import OTHER_REASONS, TimeLimitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBlocked(Limit):
    """AWS Batch said that the job at the head of the queue cannot start; an alarm for each reason.

    AWS says so once; if it repeats it is not documented. So the alarm lasts for an hour after AWS last said it, and
    `OldestWait` takes over.

    Args:
        reasons: Reasons in AWS's words before the explanation, or Other. Default: all that the queue can have.
    """

    look_at: ClassVar = (
        "the job at the head of the queue (aws batch get-job-queue-snapshot) against what its environments have"
    )
    parts: ClassVar = "reasons"
    reasons: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield reasons that are no texts; the queue knows which reasons it can have."""
        if self.reasons is not None:
            yield from check_list(("reasons",), self.reasons, str, "reasons")

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield a condition for each reason of the queue."""
        every = metrics_catalog()["reasons"]["QueueBlocked"]
        for part in queue.queue.blocked_reasons:
            if self.reasons is not None and part not in self.reasons:
                continue
            reasons = [one for one in every if one not in list(TimeLimitReason)] if part == OTHER_REASONS else [part]
            series = {f"blocked{n}": queue.exported("QueueBlocked", reason=one) for n, one in enumerate(reasons)}
            yield Condition(
                part=part,
                meaning=f"AWS Batch says that the job at its head cannot start: {part}",
                series=series,
                expression=" + ".join(f"FILL({name}, 0)" for name in series),
                comparison=AT_LEAST,
                threshold=1,
                missing=FINE,
                period=HOUR,
            )
