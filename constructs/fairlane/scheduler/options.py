"""Options of a rehearsal: strategies, and the behavior of EC2 instances."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.scheduling import FairShare, Fifo, QuotaManagement, SchedulingPolicy

MAX_ATTEMPTS: Final = 10

_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "head_of_line": ("block", "skip"),
    "unrunnable": ("pass", "block"),
    "share_order": ("declared", "least-used"),
    "victims": ("lowest-priority", "newest"),
    "decay": ("linear", "none"),
}

ALTERNATIVES: Final[Mapping[str, Sequence[str | int | None]]] = {
    **_CHOICES,
    "rank_seconds": (60, 300, None),
    "start_charge": (0, 1, 60),
    "stop_seconds": (0, 20, 120),
}
"""Values of the strategies that stand for behavior of AWS, to measure how much a result depends on them.

`restart_seconds` and `retries_before_termination` are not among them, because they are properties of the jobs.
"""

USED_STRATEGIES: Final[Mapping[type[SchedulingPolicy], Sequence[str]]] = {
    Fifo: ("head_of_line", "unrunnable"),
    FairShare: ("head_of_line", "unrunnable", "decay", "rank_seconds", "start_charge"),
    QuotaManagement: (
        "head_of_line",
        "unrunnable",
        "share_order",
        "victims",
        "stop_seconds",
        "retries_before_termination",
    ),
}
"""Strategies that each policy uses, besides `restart_seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """Choices for behavior that AWS does not document. The results of a rehearsal hold for these choices.

    Args:
        head_of_line: Effect of a first job that does not fit: `block` blocks the jobs behind it, and `skip` lets other
            jobs start first. With fair share, `block` blocks all shares, and `skip` gives the turn to the next share.
            With quotas, `block` blocks the share of the job, and `skip` lets later jobs of the share start, also if the
            first job has to borrow and may not. Default: `block`.
        unrunnable: Effect of a job that can never run: `pass` changes nothing for the other jobs, and `block` lets the
            job block the jobs behind it, as on AWS, like any first job that does not fit, until a time limit of the
            queue ends the job. With `head_of_line="skip"`, it blocks no other job. Default: `pass`, because a trace
            seldom tells when its user removed such a job.
        share_order: Order in which quota shares get their own capacity: `declared` is the order of the policy, and
            `least-used` starts with the share that uses the smallest part of its quota. Default: `declared`.
        victims: Job that is preempted first: `lowest-priority` or `newest`. Among jobs with the same priority, the job
            that started last. Default: `lowest-priority`.
        decay: Weight of past use with fair share: `linear` counts older use less, and `none` counts all use in the
            window equally. Default: `linear`.
        rank_seconds: Number of seconds, 1 or more, after which the shares of a fair-share queue are ranked anew while
            jobs wait: past use counts less with time, so that another share can be first although no job starts or
            ends. It is counted from the first submission of a job that can run. None to rank only when jobs are
            submitted or end. Default: 60.
        start_charge: Number of seconds of use that a job with fair share counts at once when it starts, for each of its
            instances, 0 or more, until the next ranking. With 0, all capacity that is free in the same second goes to
            the share that is first. Default: 1, so that shares with equal use take turns.
        stop_seconds: Number of seconds from the decision to preempt a job until its capacity is free, 0 or more.
            Default: 20, as in AWS's sample event.
        restart_seconds: Number of seconds that a stopped job needs before it works again, 0 or more, at the begin of
            each run after the first. The job holds its capacity during this time. `Job.restart` replaces it for one
            job. Default: 0.
        retries_before_termination: Number of preemptions after which a job waits again. The next preemption fails the
            job. On AWS, each job has its own number. Default: no limit.
    """

    head_of_line: Literal["block", "skip"] = "block"
    unrunnable: Literal["pass", "block"] = "pass"
    share_order: Literal["declared", "least-used"] = "declared"
    victims: Literal["lowest-priority", "newest"] = "lowest-priority"
    decay: Literal["linear", "none"] = "linear"
    rank_seconds: int | None = 60
    start_charge: int = 1
    stop_seconds: int = 20
    restart_seconds: int = 0
    retries_before_termination: int | None = None

    def alternatives(self, policy: SchedulingPolicy) -> Iterator[tuple[str, str | int | None]]:
        """Yield the name and the value of each other choice for a strategy that a policy uses."""
        for name in USED_STRATEGIES[type(policy)]:
            yield from ((name, value) for value in ALTERNATIVES.get(name, ()) if value != getattr(self, name))

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of unknown choices and of numbers out of range."""
        for field, choices in _CHOICES.items():
            if (got := getattr(self, field)) not in choices:
                yield Problem((field,), got, " or ".join(choices))
        if self.rank_seconds is not None:
            for problem in check_whole_number(("rank_seconds",), self.rank_seconds, 1, unit="seconds"):
                yield problem.followed_by(", or None")
        for field in ("start_charge", "stop_seconds", "restart_seconds"):
            yield from check_whole_number((field,), getattr(self, field), 0, unit="seconds")
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
