"""Estimates of starts: the 50th and 90th percentile of many simulations."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from fairlane_client.eta.simulation import LATER

_LEVEL_TEXTS: Final = ("like", "share", "queue", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimate of the start of a waiting job. Times are seconds since 1970.

    Args:
        id: Id of the job.
        name: Name of the job.
        share: Share identifier or quota share. Empty in a queue without shares.
        amount: Capacity that the job needs, in `unit`.
        unit: Capacity unit.
        created: Time of submission.
        p50: Time before which the job starts in half of the simulations. None if that is more than 28 days away, or
            if the job cannot be estimated.
        p90: Time before which the job starts in 90 % of the simulations. None as for `p50`.
        basis: Past jobs that give the run time: `like` jobs, those of the `share`, those of the `queue`, or `none`.
        past_jobs: Number of these past jobs.
        never: Reason why the job can never start, for example `QUOTA_LIMIT`. Empty if it can.
    """

    id: str
    name: str
    share: str
    amount: int
    unit: str
    created: float
    p50: int | None
    p90: int | None
    basis: str
    past_jobs: int
    never: str = ""


def basis(level: int) -> str:
    """Return the name of a level of run times."""
    return _LEVEL_TEXTS[level]


def percentile(starts: Sequence[int], percent: int) -> int | None:
    """Return the start below which the next start falls with a probability. None if it is more than 28 days away."""
    if not starts:
        return None
    rank = min(len(starts), ceil(percent * (len(starts) + 1) / 100))
    start = sorted(starts)[rank - 1]
    return None if start >= LATER else start
