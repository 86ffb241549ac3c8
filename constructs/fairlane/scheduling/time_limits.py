"""What AWS Batch does to a job that cannot start and blocks the head of its queue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fairlane._internal.checks import check_choice, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem

MIN_TIME_SECONDS: Final = 600
MAX_TIME_SECONDS: Final = 86_400


class TimeLimitReason(StrEnum):
    """Why the job at the head of a queue cannot start, in AWS's words."""

    INSUFFICIENT_INSTANCE_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
    """There are no such instances now; for service jobs, time in SCHEDULED counts too."""
    SERVICE_ENVIRONMENT_MAX_RESOURCE = "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE"
    """The job wants more than the service environment has: it would wait for ever."""
    QUOTA_MANAGEMENT_LIMIT_EXCEEDED = "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"
    """The job wants more than its quota share may ever reach: it would wait for ever."""
    COMPUTE_ENVIRONMENT_MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    """The job wants more than its compute environments may ever have: it would wait for ever."""
    JOB_RESOURCE_REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    """No machine of the queue's compute environments can hold the job: it would wait for ever."""
    EC2_INSTANCE_CONFIGURATION_UNSUPPORTED = "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"
    """EC2 cannot start such a machine as the compute environment asks for."""


SERVICE_JOB_REASONS: Final = (
    TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY,
    TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE,
    TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED,
)
COMPUTE_JOB_REASONS: Final = (
    TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY,
    TimeLimitReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
    TimeLimitReason.JOB_RESOURCE_REQUIREMENT,
    TimeLimitReason.EC2_INSTANCE_CONFIGURATION_UNSUPPORTED,
)

OTHER_REASONS: Final = "Other"
"""Stands for all reasons of a blocked queue that are not among `TimeLimitReason`."""


def blocked_reasons(*, training: bool) -> list[str]:
    """Return the reasons why AWS Batch may say that a queue is blocked: its words before the explanation, or Other.

    Args:
        training: True for a queue of SageMaker training jobs, False for containers.
    """
    return [*sorted(map(str, SERVICE_JOB_REASONS if training else COMPUTE_JOB_REASONS)), OTHER_REASONS]


class JobAction(StrEnum):
    """What happens to the job: SageMaker queues know only `TERMINATE`, all others only `CANCEL`."""

    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStateTimeLimitAction:
    """Fails a job that stays at the head of its queue too long, so that it no longer blocks those behind it.

    Source: `JobStateTimeLimitAction` in the Batch API, and "Jobs stuck in RUNNABLE" in the user guide.

    Args:
        reason: the one reason for waiting that it acts on; a queue has one action for a reason.
        max_time_seconds: how long the job may stay, 600 to 86400 seconds (10 minutes to a day).
        action: what to do; by default the only one that the queue's kind allows.
    """

    reason: TimeLimitReason
    max_time_seconds: int
    action: JobAction | None = None

    def problems(self, allowed_action: JobAction, allowed_reasons: Sequence[TimeLimitReason]) -> Iterator[Problem]:
        """Yields every value that AWS would refuse on a queue with this only action and these reasons."""
        yield from check_choice(("reason",), self.reason, allowed_reasons)
        yield from check_whole_number(
            ("max_time_seconds",), self.max_time_seconds, MIN_TIME_SECONDS, MAX_TIME_SECONDS, unit="seconds"
        )
        if self.action is not None:
            yield from check_choice(("action",), self.action, [allowed_action])


def check_time_limit_actions(
    actions: Sequence[JobStateTimeLimitAction], allowed_action: JobAction, allowed_reasons: Sequence[TimeLimitReason]
) -> Iterator[Problem]:
    """Checks all actions of one queue, and that none acts on the same reason as another."""
    if not isinstance(actions, Sequence) or isinstance(actions, str):
        yield Problem(("time_limit_actions",), actions, "a list of JobStateTimeLimitAction")
        return
    seen = Counter[str]()
    for index, action in enumerate(actions):
        if not isinstance(action, JobStateTimeLimitAction):
            yield Problem(("time_limit_actions", index), action, "a JobStateTimeLimitAction")
            continue
        for problem in action.problems(allowed_action, allowed_reasons):
            yield problem.within("time_limit_actions", index)
        if not is_token(action.reason):
            seen[str(action.reason)] += 1
            if seen[str(action.reason)] == 2:
                yield Problem(("time_limit_actions", index, "reason"), action.reason, "one action for each reason")
