"""Scheduler of a fair-share queue."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from fairlane.scheduler.compute_reservation import ComputeReservation
from fairlane.scheduler.engine import FRONT_OFFSET, ROW_MASK, Engine
from fairlane.scheduler.usage import Usage
from fairlane.scheduling import FairShare

_MIN_WINDOW: Final = 600
_LEVEL_RANK: Final = 6
_MAX_BELOW_LEVEL: Final = 16
_NO_KEY: Final = 1 << 300


class Share:
    """Share identifier of the trace, with its waiting jobs and its use."""

    __slots__ = ("active", "charge", "index", "listed", "name", "usage", "waiting", "wake_time")

    def __init__(self, index: int, name: str, usage: Usage) -> None:
        self.index = index
        self.name = name
        self.usage = usage
        self.waiting: list[int] = []
        self.charge = 0
        self.listed = False
        self.wake_time = 0
        self.active = False


class FairShareScheduler:
    """Fair-share scheduler: the next job is of the share with the smallest key, usage times weight factor.

    A job that starts counts as one second of use at once, so that shares with equal keys take turns.

    Keys change with time. To compare few shares at each decision, shares with large keys sleep until their keys can
    fall below a level. The level changes by the average change of all keys. The other shares are awake. If the key of
    an awake share is below the level, the smallest key of the awake shares is the smallest key of all shares.
    """

    def __init__(
        self,
        engine: Engine,
        policy: FairShare,
        shares: Sequence[int],
        weights: Mapping[str, int],
        capacity: int,
        *,
        skip: bool,
        even: bool,
    ) -> None:
        window = max(_MIN_WINDOW, policy.share_decay_seconds or 0)
        self._engine = engine
        self._shares = [
            Share(n, name, Usage(window, weight, even=even)) for n, (name, weight) in enumerate(weights.items())
        ]
        self._share_index = shares
        self._free = capacity
        self._skip = skip
        self._even = even
        self._waiting = 0
        self._awake: list[Share] = []
        self._asleep: list[tuple[int, int]] = []
        self._level: int | None = None
        self._slope = self._level_time = 0
        self._crowded = False
        reserved = policy.compute_reservation
        self._reservation = ComputeReservation(capacity, reserved, window) if reserved else None

    def arrive(self, row: int, *, retry: bool) -> None:
        """Add a waiting job. A retried job is before all other jobs with the same priority."""
        share = self._shares[self._share_index[row]]
        heappush(share.waiting, self._engine.order[row] - (FRONT_OFFSET if retry else 0))
        self._waiting += 1
        if not share.listed:
            share.listed = True
            self._awake.append(share)
        if self._reservation:
            self._reservation.add_job(share)

    def release(self, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        share = self._shares[self._share_index[row]]
        units = self._engine.needs[row]
        self._free += units
        share.usage.add(-units, now)
        if share.wake_time:
            share.wake_time = 0
            self._awake.append(share)
        if self._reservation:
            self._reservation.end_run(share, now)

    def schedule(self, now: int) -> None:
        """Start jobs of the share with the smallest key, until the first job of the share does not fit.

        With `skip`, other shares may then start their jobs.
        """
        if not self._free or not self._waiting:
            return
        level = self._update_level(now)
        keys = self._keys(now, level)
        charged: list[Share] = []
        while True:
            key = min(keys, default=_NO_KEY)
            if level is None:
                if key == _NO_KEY:
                    break
            elif key >= level:
                level = self._wake_all(now)
                keys = self._keys(now, level)
                continue
            index = keys.index(key) if keys.count(key) == 1 else self._break_tie(keys, key)
            share = self._awake[index]
            row = share.waiting[0] & ROW_MASK
            units = self._engine.needs[row]
            charge = _NO_KEY
            if self._admits(share, units, now):
                heappop(share.waiting)
                share.usage.add(units, now)
                self._engine.start(row, now)
                self._waiting -= 1
                self._free -= units
                if not self._free or not self._waiting:
                    break
                if share.waiting:
                    charge = key + share.usage.step * units
            elif not self._skip:
                break
            charged.append(share)
            share.charge += charge - key
            keys[index] = charge
        for share in charged:
            share.charge = 0

    def _update_level(self, now: int) -> int | None:
        """Wake the shares whose wake time has passed, and return the level."""
        asleep = self._asleep
        while asleep and asleep[0][0] <= now:
            wake_time, index = heappop(asleep)
            share = self._shares[index]
            if share.wake_time == wake_time:
                share.wake_time = 0
                self._awake.append(share)
        if self._crowded:
            return self._wake_all(now)
        return None if self._level is None else self._level + self._slope * (now - self._level_time)

    def _keys(self, now: int, level: int | None) -> list[int]:
        """Return the keys of the awake shares, after shares with large keys were put to sleep."""
        awake: list[Share] = []
        keys: list[int] = []
        below = 0
        for share in self._awake:
            if not share.waiting:
                share.listed = False
                continue
            usage = share.usage
            if usage.next_expiry <= now:
                key = usage.key_at(now)
            else:  # the same without a call, because this line runs most often
                seconds = now - usage.since
                key = usage.value + seconds * (usage.slope - seconds * usage.bend)
            if level is not None:
                if key < level:
                    below += 1
                elif seconds := usage.seconds_above(now, key - level, self._slope):
                    share.wake_time = now + seconds + 1
                    heappush(self._asleep, (share.wake_time, share.index))
                    continue
            awake.append(share)
            keys.append(key + share.charge)
        self._awake = awake
        self._crowded = not self._even and (len(awake) if level is None else below) > _MAX_BELOW_LEVEL
        return keys

    def _wake_all(self, now: int) -> int | None:
        """Wake all shares, set a level above the smallest keys, and return the level."""
        self._awake = awake = [share for share in self._shares if share.waiting]
        for share in self._shares:
            share.listed = bool(share.waiting)
            share.wake_time = 0
        self._asleep.clear()
        self._level, self._level_time = None, now
        if len(awake) > _MAX_BELOW_LEVEL:
            keys = sorted(share.usage.key_at(now) + share.charge for share in awake)
            if keys[_LEVEL_RANK] < _NO_KEY:
                self._level = max(keys[_LEVEL_RANK], keys[0] + 1)
                self._slope = sum(share.usage.slope_at(now) for share in awake) // len(awake)
        return self._level

    def _break_tie(self, keys: Sequence[int], key: int) -> int:
        """Return the index of the share with the smallest weight, then the earliest submission, then by name."""

        def order(index: int) -> tuple[int, int, str]:
            share = self._awake[index]
            return share.usage.weight, self._engine.submits[share.waiting[0] & ROW_MASK], share.name

        return min((index for index, other in enumerate(keys) if other == key), key=order)

    def _admits(self, share: Share, units: int, now: int) -> bool:
        if units > self._free:
            return False
        return not self._reservation or not share.usage.units or self._reservation.allows(self._free - units, now)
