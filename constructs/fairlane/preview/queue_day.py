"""A made-up day of a queue: what its shares use and want, minute by minute, and nothing that cannot be."""

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
    """What is known of a queue's capacity.

    Args:
        limit: the most that its jobs can use together.
        shares: what each share is entitled to, by name; 0 where it is not known.
        gpus: of a unit of capacity: of an instance, or of a vCPU.
    """

    limit: float
    shares: Mapping[str, float]
    gpus: float = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A share's minutes, or the queue's.

    Args:
        entitled: capacity that it is entitled to; of the queue, its limit.
        gpus: of a unit of capacity.
        used: capacity in use.
        lent: capacity of the entitlement that others use.
        waiting: jobs that wait for capacity.
        oldest: for how many seconds the oldest of them has waited.
        ended: jobs that ended in the minute.
    """

    entitled: float
    gpus: float
    used: list[float]
    lent: list[float]
    waiting: list[float]
    oldest: list[float]
    ended: list[int]

    def jobs(self, capacity: float) -> int:
        """How many jobs have so much: an instance each, or a GPU if units are smaller and have GPUs."""
        return round(capacity * min(1, self.gpus or 1))

    @classmethod
    def together(cls, limit: float, parts: Sequence[Self]) -> Self:
        """What several shares are together."""
        return cls(
            entitled=limit,
            gpus=parts[0].gpus,
            used=[sum(column) for column in zip(*(part.used for part in parts), strict=True)],
            lent=[sum(column) for column in zip(*(part.lent for part in parts), strict=True)],
            waiting=[sum(column) for column in zip(*(part.waiting for part in parts), strict=True)],
            oldest=[max(column) for column in zip(*(part.oldest for part in parts), strict=True)],
            ended=[sum(column) for column in zip(*(part.ended for part in parts), strict=True)],
        )


def queue_day(capacity: Capacity, start: int, minutes: int, random: Random) -> dict[str, Use]:
    """Makes up a day of a queue with any shares.

    Shares use no more together than the limit. Each gets what it wants up to its entitlement; what is then left goes
    to those that want more, in proportion; the rest waits.

    Args:
        capacity: of the queue.
        start: when the day begins, in seconds since 1970.
        minutes: how long it is.
        random: where chance comes from.

    Returns:
        The use by share; under the empty name, that of the queue.
    """
    shares = capacity.shares or {"": 0.0}
    known = sum(shares.values())
    entitled = {name: value if known else capacity.limit / len(shares) for name, value in shares.items()}
    wanted = {name: _wanted(start // 60, minutes, random, busy=rank == 0) for rank, name in enumerate(sorted(entitled))}
    uses = {
        name: Use(entitled=part, gpus=capacity.gpus, used=[], lent=[], waiting=[], oldest=[], ended=[])
        for name, part in entitled.items()
    }
    for minute in range(minutes):
        _add_minute(uses, {name: wanted[name][minute] * entitled[name] for name in uses}, capacity.limit, random)
    return {**uses, "": Use.together(capacity.limit, list(uses.values()))}


def _wanted(start: int, minutes: int, random: Random, *, busy: bool) -> list[float]:
    """What a share wants, as part of its entitlement: little at night, much in the afternoon."""
    peak = random.uniform(1.5, 1.8) if busy else random.uniform(0.85, 1.1)
    busiest = _BUSIEST + random.uniform(-150, 150)
    noise = 0.0
    wanted = []
    for minute in range(start, start + minutes):
        away = (minute - busiest + _MINUTES_A_DAY / 2) % _MINUTES_A_DAY - _MINUTES_A_DAY / 2
        noise = 0.985 * noise + random.gauss(0, 0.012)
        wanted.append(max(0.0, 0.25 + (peak - 0.25) * math.exp(-((away / 290) ** 2)) + noise))
    return wanted


def _add_minute(uses: Mapping[str, Use], wanted: Mapping[str, float], limit: float, random: Random) -> None:
    own = {name: math.floor(min(wanted[name], use.entitled)) for name, use in uses.items()}
    more = {name: max(0.0, wanted[name] - use.entitled) for name, use in uses.items()}
    free = max(0.0, limit - sum(own.values()))
    part = min(1.0, free / total) if (total := sum(more.values())) else 0.0
    borrowed = {name: math.floor(more[name] * part) for name in uses}
    idle = {name: max(0.0, use.entitled - own[name] - borrowed[name]) for name, use in uses.items()}
    lent = min(1.0, sum(borrowed.values()) / total) if (total := sum(idle.values())) else 0.0
    for name, use in uses.items():
        used = own[name] + borrowed[name]
        use.used.append(used)
        use.lent.append(idle[name] * lent)
        use.waiting.append(max(0, use.jobs(wanted[name] - used - 1)))
        before = use.oldest[-1] if use.oldest else 0.0
        served = 0.4 if random.random() < 0.008 else 1.0
        use.oldest.append(before * served + 60 if use.waiting[-1] else 0.0)
        use.ended.append(
            sum(random.random() < 0.5 for _ in range(_twice_as_many(use.jobs(used) / _JOB_MINUTES, random)))
        )


def _twice_as_many(rate: float, random: Random) -> int:
    whole = math.floor(2 * rate)
    return whole + (random.random() < 2 * rate - whole)
