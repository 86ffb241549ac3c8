"""Time-limit actions on a job that cannot start and blocks the head of its queue."""

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
    """Reason, in AWS's words, why the job at the head of a queue cannot start."""

    INSUFFICIENT_INSTANCE_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
    """AWS has no free instances of the type. For service jobs, time in SCHEDULED also counts."""
    SERVICE_ENVIRONMENT_MAX_RESOURCE = "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE"
    """The job needs more than the service environment has, and would wait forever."""
    QUOTA_MANAGEMENT_LIMIT_EXCEEDED = "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"
    """The job needs more than the maximum of its quota share, and would wait forever."""
    COMPUTE_ENVIRONMENT_MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    """The job needs more than its compute environments may have, and would wait forever."""
    JOB_RESOURCE_REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    """The job fits no instance type of the queue's compute environments, and would wait forever."""
    EC2_INSTANCE_CONFIGURATION_UNSUPPORTED = "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"
    """EC2 cannot start an instance with the configuration of the compute environment."""


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
"""Reason of a blocked queue that is not in `TimeLimitReason`."""


def blocked_reasons(*, training: bool) -> list[str]:
    """Return the reasons that AWS Batch may give for a blocked queue, without explanations, and `Other`.

    Args:
        training: True for a queue of SageMaker training jobs, False for containers.
    """
    return [*sorted(map(str, SERVICE_JOB_REASONS if training else COMPUTE_JOB_REASONS)), OTHER_REASONS]


class JobAction(StrEnum):
    """Action on the job: `TERMINATE` in queues for SageMaker training jobs, `CANCEL` in all other queues."""

    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStateTimeLimitAction:
    """Time-limit action: fails a job that stays at the head of its queue too long and blocks the jobs behind it.

    Source: `JobStateTimeLimitAction` in the Batch API, and "Jobs stuck in RUNNABLE" in the user guide.

    Args:
        reason: Reason for waiting. A queue has at most one action for each reason.
        max_time_seconds: Number of seconds that the job may stay, 600 to 86,400 (10 minutes to a day).
        action: Action on the job. Default: the only action that the kind of queue allows.
    """

    reason: TimeLimitReason
    max_time_seconds: int
    action: JobAction | None = None

    def problems(self, allowed_action: JobAction, allowed_reasons: Sequence[TimeLimitReason]) -> Iterator[Problem]:
        """Yield the problems in a queue that allows this action and these reasons."""
        yield from check_choice(("reason",), self.reason, allowed_reasons)
        yield from check_whole_number(
            ("max_time_seconds",), self.max_time_seconds, MIN_TIME_SECONDS, MAX_TIME_SECONDS, unit="seconds"
        )
        if self.action is not None:
            yield from check_choice(("action",), self.action, [allowed_action])


def check_time_limit_actions(
    actions: Sequence[JobStateTimeLimitAction], allowed_action: JobAction, allowed_reasons: Sequence[TimeLimitReason]
) -> Iterator[Problem]:
    """Yield the problems of a queue's actions, and a problem for each reason that several actions have."""
    if not isinstance(actions, Sequence) or isinstance(actions, str):
        yield Problem(("time_limit_actions",), actions, "a list of JobStateTimeLimitAction")
        return
    counts = Counter[str]()
    for index, action in enumerate(actions):
        if not isinstance(action, JobStateTimeLimitAction):
            yield Problem(("time_limit_actions", index), action, "a JobStateTimeLimitAction")
            continue
        for problem in action.problems(allowed_action, allowed_reasons):
            yield problem.within("time_limit_actions", index)
        if not is_token(action.reason):
            counts[str(action.reason)] += 1
            if counts[str(action.reason)] == 2:
                sentence = f"an action for {action.reason} exists already: use one action for each reason"
                yield Problem.relation(("time_limit_actions", index, "reason"), sentence)
