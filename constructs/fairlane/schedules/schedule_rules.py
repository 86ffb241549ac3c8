"""Rules of schedules that submit jobs. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from fairlane._internal.checks import SIMILAR, check_choice, check_name, check_text, check_whole_number, listing
from fairlane._internal.schedule_expressions import check_schedule
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.schedules.request_rules import parameter_problems, payload_problems
from fairlane.scheduling import Fifo, SchedulingPolicy, State
from fairlane.scheduling.policy import MAX_JOB_PRIORITY
from fairlane.scheduling.share_identifiers import check_share_identifier, stands_for

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,43}")
"""Form of a name that fits, with the scheduled time, in a client token of 64 characters."""
_OF_TRAINING: Final = ("payload", "execution_role")
_OF_CONTAINERS: Final = ("job_definition", "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """Settings of a schedule that do not depend on its queue, as the arguments of `TrainingSchedule`.

    Args:
        schedule_name: Name of the schedule.
        schedule: Schedule expression.
        time_zone: Time zone of the expression.
        priority: Scheduling priority of the jobs. None for the default of the queue or the job definition.
        payload: CreateTrainingJob request without `RoleArn`. None for a job of a job definition.
        parameters: Values of the parameters of the job definition.
        state: State of the schedule.
    """

    schedule_name: str
    schedule: str | None
    time_zone: str = "UTC"
    priority: int | None = None
    payload: Mapping[str, Any] | None = None
    parameters: Mapping[str, str] | None = None
    state: State = State.ENABLED

    def problems(self) -> Iterator[Problem]:
        """Yield the values that EventBridge Scheduler, AWS Batch or SageMaker would refuse."""
        allowed = "1 to 43 characters of A-Z, a-z, 0-9, - and _"
        yield from check_text(("schedule_name",), self.schedule_name, _NAME.fullmatch, allowed)
        yield from check_schedule(("schedule",), self.schedule)
        yield from _time_zone_problems(self.time_zone)
        if self.priority is not None:
            yield from check_whole_number(("priority",), self.priority, 0, MAX_JOB_PRIORITY)
        yield from check_choice(("state",), self.state, State)
        if self.payload is not None:
            yield from payload_problems(self.payload)
        if self.parameters is not None:
            yield from parameter_problems(self.parameters)


def _time_zone_problems(time_zone: object) -> Iterator[Problem]:
    if is_token(time_zone):
        return
    try:
        ZoneInfo(str(time_zone))
    except (OSError, ValueError, ZoneInfoNotFoundError):
        names = available_timezones()
        similar = get_close_matches(str(time_zone), names, 1, SIMILAR)
        hint = "".join(f" (did you mean {name}?)" for name in similar)
        if names:  # empty on systems without a database of time zones
            yield Problem(("time_zone",), time_zone, f"a time zone such as Europe/Berlin{hint}")


def kind_problems(training: bool, given: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the settings that are missing, or that belong to jobs of the other kind of queue.

    Args:
        training: True for a queue for SageMaker training jobs, False for a queue for containers.
        given: Settings `payload`, `execution_role`, `job_definition` and `parameters`. None for those that are not set.
    """
    kind = "SageMaker training jobs" if training else "containers"
    texts = {
        "payload": "a CreateTrainingJob request without RoleArn",
        "execution_role": "an execution role of the training jobs",
        "job_definition": "a job definition of containers",
    }
    own, others = (_OF_TRAINING, _OF_CONTAINERS) if training else (_OF_CONTAINERS, _OF_TRAINING)
    for name in own:
        if given[name] is None and name in texts:
            yield Problem((name,), None, texts[name])
    for name in others:
        if given[name] is not None:
            sentence = f"the queue is for {kind}: remove {name}"
            yield Problem.relation((name,), sentence)


def share_problems(
    field: Path, share: str | None, policy: SchedulingPolicy, queue: str, priority: int | None
) -> Iterator[Problem]:
    """Yield a share that the queue does not have, a missing share, and a priority without effect.

    Args:
        field: Path of the share.
        share: Share identifier or quota share of the jobs.
        policy: Scheduling policy of the queue.
        queue: Name of the queue.
        priority: Scheduling priority of the jobs.
    """
    names = policy.share_names
    if isinstance(policy, Fifo):
        if share is not None:
            yield Problem.relation(field, f"queue {queue} has no shares: remove {field[-1]}")
        if priority is not None:
            yield Problem.relation(("priority",), f"queue {queue} ignores priorities: remove priority")
    elif share is None:
        yield Problem(field, None, f"a share of queue {queue}: {listing(names)}")
    elif is_token(share):
        return
    elif share.endswith("*"):
        yield Problem(field, share, f"the full name of a share of queue {queue}, without *")
    elif not any(is_token(name) or stands_for(name, share) for name in names):
        yield Problem(field, share, f"a share of queue {queue}: {listing(names)}")


def imported_share_problems(share_identifier: str | None, quota_share: str | None) -> Iterator[Problem]:
    """Yield the problems of the shares of a queue whose policy is unknown."""
    if share_identifier is not None:
        yield from check_share_identifier(("share_identifier",), share_identifier)
    if quota_share is not None:
        yield from check_name(("quota_share",), quota_share)
    if share_identifier is not None and quota_share is not None:
        sentence = "a queue has either share identifiers or quota shares: remove share_identifier or quota_share"
        yield Problem.relation(("share_identifier",), sentence)
