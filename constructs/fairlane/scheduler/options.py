"""What a rehearsal takes for given: choices that AWS leaves open, and how machines behave."""

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
    """What AWS does not document, and a rehearsal must choose. Results are results under these.

    Args:
        head_of_line: a first job that does not fit blocks those behind it, or lets them pass ("skip"). With fair
            share, it blocks or passes the turn of its share. Inside a quota share it always blocks.
        share_order: the order in which quota shares get their own capacity: as declared, or least used first.
        victims: which of the jobs that may be preempted goes first: that of lowest priority, or the newest. Among
            equals it is the one that started last.
        decay: how past use counts with fair share: less the older it is, or all alike while in the window ("none").
        stop_seconds: from the decision to preempt a job until its capacity is free; AWS's sample event has 20.
        retries_before_termination: how many preemptions a job survives; with 0 it fails at the first, None is without
            limit. On AWS each job says so itself.
    """

    head_of_line: Literal["block", "skip"] = "block"
    share_order: Literal["declared", "least-used"] = "declared"
    victims: Literal["lowest-priority", "newest"] = "lowest-priority"
    decay: Literal["linear", "none"] = "linear"
    stop_seconds: int = 20
    retries_before_termination: int | None = None

    def problems(self) -> Iterator[Problem]:
        """Yields every choice that there is not."""
        for field, choices in _CHOICES.items():
            if (got := getattr(self, field)) not in choices:
                yield Problem((field,), got, " or ".join(choices))
        yield from check_whole_number(("stop_seconds",), self.stop_seconds, 0, unit="seconds")
        if self.retries_before_termination is not None:
            yield from check_whole_number(("retries_before_termination",), self.retries_before_termination, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """How the instances of a queue on EC2 come and go. SageMaker's need no such thing.

    Args:
        start_up_seconds: how long a job waits for its machines where none idles; it holds capacity meanwhile.
        idle_seconds: how long a machine stays after its job.
        reclaims_per_hour: how often EC2 takes back a Spot instance in use, on average.
        attempts: how often a job is run at most, when its machines are taken back; AWS allows 1 to 10.
        seed: of the reclaims; the same seed gives the same ones.
    """

    start_up_seconds: int = 0
    idle_seconds: int = 0
    reclaims_per_hour: float = 0.0
    attempts: int = 1
    seed: int = 0

    def problems(self) -> Iterator[Problem]:
        """Yields every value that cannot be."""
        for field in ("start_up_seconds", "idle_seconds"):
            yield from check_whole_number((field,), getattr(self, field), 0, unit="seconds")
        rate = self.reclaims_per_hour
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < math.inf:
            yield Problem(("reclaims_per_hour",), rate, "a number, 0 or more")
        yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if not isinstance(self.seed, int):
            yield Problem(("seed",), self.seed, "a whole number")


def minutes(number: float) -> int:
    """Seconds, for what counts in seconds."""
    return round(number * 60)


def hours(number: float) -> int:
    """Seconds, for what counts in seconds."""
    return round(number * 3600)
