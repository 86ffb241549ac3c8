"""Generated day of a queue: consistent usage and demand of its shares, minute by minute."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Self

_MINUTES_A_DAY: Final = 24 * 60
_BUSIEST: Final = 15 * 60
_JOB_MINUTES: Final = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Capacity of a queue.

    Args:
        limit: Maximum capacity that all jobs together can use, in instances or vCPUs.
        shares: Entitlement of each share, by name. 0 if the entitlement is unknown.
        gpus: Number of GPUs of one instance or vCPU. Default: 8.
        job_size: Capacity of one job, in instances or vCPUs. Default: 1, one instance.
    """

    limit: float
    shares: Mapping[str, float]
    gpus: float = 8
    job_size: float = 1

    @property
    def job_gpus(self) -> int:
        """Number of GPUs of one job."""
        return round(self.gpus * self.job_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUsage:
    """Usage of a share or of a queue, with one entry a minute.

    Args:
        entitled: Entitlement of the share, or limit of the queue.
        gpus: Number of GPUs of one unit of capacity.
        job_size: Capacity of one job.
        used: Capacity in use.
        lent: Capacity of the entitlement that other shares use.
        waiting: Number of jobs that wait for capacity.
        oldest: Waiting time of the oldest waiting job, in seconds.
        ended: Number of jobs that end in the minute.
    """

    entitled: float
    gpus: float
    job_size: float
    used: list[float]
    lent: list[float]
    waiting: list[float]
    oldest: list[float]
    ended: list[int]

    @property
    def job_gpus(self) -> int:
        """Number of GPUs of one job."""
        return round(self.gpus * self.job_size)

    def jobs(self, capacity: float) -> int:
        """Return the number of jobs of a capacity."""
        return round(capacity / self.job_size)

    def whole(self, capacity: float) -> float:
        """Return the part of a capacity that whole jobs use."""
        return math.floor(capacity / self.job_size) * self.job_size

    @classmethod
    def total(cls, limit: float, parts: Sequence[Self]) -> Self:
        """Return the total of several shares."""
        return cls(
            entitled=limit,
            gpus=parts[0].gpus,
            job_size=parts[0].job_size,
            used=[sum(column) for column in zip(*(part.used for part in parts), strict=True)],
            lent=[sum(column) for column in zip(*(part.lent for part in parts), strict=True)],
            waiting=[sum(column) for column in zip(*(part.waiting for part in parts), strict=True)],
            oldest=[max(column) for column in zip(*(part.oldest for part in parts), strict=True)],
            ended=[sum(column) for column in zip(*(part.ended for part in parts), strict=True)],
        )


def queue_day(capacity: Capacity, start: int, minutes: int, random: Random) -> dict[str, QueueUsage]:
    """Return the generated usage of a queue with any number of shares.

    The total usage of all shares is at most the limit. Each share uses its demand, up to its entitlement. The remaining
    capacity is divided among the shares with a higher demand, in proportion to the excess. The other jobs wait.

    Args:
        capacity: Capacity of the queue.
        start: Start of the day, in seconds since 1970.
        minutes: Length of the day, in minutes.
        random: Random number generator.

    Returns:
        Usage by share. The empty name has the usage of the queue.
    """
    shares = capacity.shares or {"": 0.0}
    total = sum(shares.values())
    entitled = {name: value if total else capacity.limit / len(shares) for name, value in shares.items()}
    busiest = next((name for name in sorted(entitled) if entitled[name]), "")
    demands = {name: _demand(start // 60, minutes, random, busy=name == busiest) for name in sorted(entitled)}
    usage = {
        name: QueueUsage(
            entitled=part,
            gpus=capacity.gpus,
            job_size=capacity.job_size,
            used=[],
            lent=[],
            waiting=[],
            oldest=[],
            ended=[],
        )
        for name, part in entitled.items()
    }
    for minute in range(minutes):
        _add_minute(usage, {name: demands[name][minute] * entitled[name] for name in usage}, capacity.limit, random)
    return {**usage, "": QueueUsage.total(capacity.limit, list(usage.values()))}


def _demand(start: int, minutes: int, random: Random, *, busy: bool) -> list[float]:
    """Return the demand of a share as a factor of its entitlement: low at night, high in the afternoon."""
    peak = random.uniform(1.5, 1.8) if busy else random.uniform(0.85, 1.1)
    busiest = _BUSIEST + random.uniform(-150, 150)
    noise = 0.0
    demand = []
    for minute in range(start, start + minutes):
        distance = (minute - busiest + _MINUTES_A_DAY / 2) % _MINUTES_A_DAY - _MINUTES_A_DAY / 2
        noise = 0.985 * noise + random.gauss(0, 0.012)
        demand.append(max(0.0, 0.25 + (peak - 0.25) * math.exp(-((distance / 290) ** 2)) + noise))
    return demand


def _add_minute(usage: Mapping[str, QueueUsage], demand: Mapping[str, float], limit: float, random: Random) -> None:
    own = {name: use.whole(min(demand[name], use.entitled)) for name, use in usage.items()}
    excess = {name: max(0.0, demand[name] - use.entitled) for name, use in usage.items()}
    free = max(0.0, limit - sum(own.values()))
    part = min(1.0, free / total) if (total := sum(excess.values())) else 0.0
    borrowed = {name: use.whole(excess[name] * part) for name, use in usage.items()}
    idle = {name: max(0.0, use.entitled - own[name] - borrowed[name]) for name, use in usage.items()}
    lent = min(1.0, sum(borrowed.values()) / total) if (total := sum(idle.values())) else 0.0
    for name, use in usage.items():
        used = own[name] + borrowed[name]
        use.used.append(used)
        use.lent.append(idle[name] * lent)
        use.waiting.append(max(0, use.jobs(demand[name] - used - use.job_size)))
        before = use.oldest[-1] if use.oldest else 0.0
        served = 0.4 if random.random() < 0.008 else 1.0
        use.oldest.append(before * served + 60 if use.waiting[-1] else 0.0)
        use.ended.append(sum(random.random() < 0.5 for _ in range(_double_rate(use.jobs(used) / _JOB_MINUTES, random))))


def _double_rate(rate: float, random: Random) -> int:
    """Return twice the rate, rounded up or down at random."""
    whole = math.floor(2 * rate)
    return whole + (random.random() < 2 * rate - whole)
