"""Options of a rehearsal: strategies, and the behavior of EC2 instances."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem

MAX_ATTEMPTS: Final = 10

_CHOICES: Final = {
    "head_of_line": ("block", "skip"),
    "share_order": ("declared", "least-used"),
    "victims": ("lowest-priority", "newest"),
    "decay": ("linear", "none"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """Choices for behavior that AWS does not document. The results of a rehearsal hold for these choices.

    Args:
        head_of_line: Effect of a first job that does not fit: `block` blocks the jobs behind it, and `skip` lets other
            jobs start first. With fair share, `block` blocks all shares, and `skip` gives the turn to the next share.
            With quotas, `block` blocks the share of the job, and `skip` lets later jobs of the share start, also if the
            first job has to borrow and may not. Default: `block`.
        share_order: Order in which quota shares get their own capacity: `declared` is the order of the policy, and
            `least-used` starts with the share that uses the smallest part of its quota. Default: `declared`.
        victims: Job that is preempted first: `lowest-priority` or `newest`. Among jobs with the same priority, the job
            that started last. Default: `lowest-priority`.
        decay: Weight of past use with fair share: `linear` counts older use less, and `none` counts all use in the
            window equally. Default: `linear`.
        stop_seconds: Number of seconds from the decision to preempt a job until its capacity is free, 0 or more.
            Default: 20, as in AWS's sample event.
        retries_before_termination: Number of preemptions after which a job waits again. The next preemption fails the
            job. On AWS, each job has its own number. Default: no limit.
    """

    head_of_line: Literal["block", "skip"] = "block"
    share_order: Literal["declared", "least-used"] = "declared"
    victims: Literal["lowest-priority", "newest"] = "lowest-priority"
    decay: Literal["linear", "none"] = "linear"
    stop_seconds: int = 20
    retries_before_termination: int | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of unknown choices and of numbers out of range."""
        for field, choices in _CHOICES.items():
            if (got := getattr(self, field)) not in choices:
                yield Problem((field,), got, " or ".join(choices))
        yield from check_whole_number(("stop_seconds",), self.stop_seconds, 0, unit="seconds")
        if self.retries_before_termination is not None:
            yield from check_whole_number(("retries_before_termination",), self.retries_before_termination, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2Instances:
    """Start-up, idle time and Spot reclaims of the EC2 instances of a queue. SageMaker manages its own instances.

    Args:
        start_up_seconds: Number of seconds that a job waits for its instances if too few instances are idle, 0 or
            more. The job holds its capacity during this time. Default: 0.
        idle_seconds: Number of seconds that an instance stays available after its job, 0 or more. Default: 0.
        reclaims_per_hour: Average number of Spot reclaims per hour of one unit of the capacity in use, 0 or more.
            Default: 0.
        attempts: Maximum number of runs of a job whose instances are reclaimed, 1 to 10 (AWS's range). Default: 1.
        seed: Seed of the random reclaims. The same seed gives the same reclaims. Default: 0.
    """

    start_up_seconds: int = 0
    idle_seconds: int = 0
    reclaims_per_hour: float = 0.0
    attempts: int = 1
    seed: int = 0

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of numbers out of range."""
        for field in ("start_up_seconds", "idle_seconds"):
            yield from check_whole_number((field,), getattr(self, field), 0, unit="seconds")
        rate = self.reclaims_per_hour
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < math.inf:
            yield Problem(("reclaims_per_hour",), rate, "a number, 0 or more")
        yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if not isinstance(self.seed, int):
            yield Problem(("seed",), self.seed, "a whole number")


def minutes(number: float) -> int:
    """Return a number of minutes in seconds."""
    return round(number * 60)


def hours(number: float) -> int:
    """Return a number of hours in seconds."""
    return round(number * 3600)
