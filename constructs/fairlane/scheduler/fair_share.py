"""Fair share: the share that used least of late goes next."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from fairlane.scheduler.engine import AT_THE_FRONT, ROW_MASK, Engine
from fairlane.scheduler.reservation import Reservation
from fairlane.scheduler.usage import Usage
from fairlane.scheduling import FairShare

_MIN_WINDOW: Final = 600
_BELOW: Final = 6
_MOST_BELOW: Final = 16
_NO_KEY: Final = 1 << 300


class Share:
    """A share identifier of the trace: what waits, and what it used."""

    __slots__ = ("active", "charge", "index", "listed", "name", "usage", "waiting", "wakes")

    def __init__(self, index: int, name: str, usage: Usage) -> None:
        self.index = index
        self.name = name
        self.usage = usage
        self.waiting: list[int] = []
        self.charge = 0
        self.listed = False
        self.wakes = 0
        self.active = False


class FairShareScheduler:
    """Starts jobs of the share whose key, usage times weight factor, is least.

    What starts in a pass counts one second at once, so that shares of equal keys take turns.

    Keys move with time. To look at few shares at each decision, those whose keys are well above the least ones sleep:
    for as long as they cannot fall below a level, which rises or falls as all keys do on average. The others are
    awake; as long as one of them is below the level, the least of them is the least of all.
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
        self._of = shares
        self._free = capacity
        self._skip = skip
        self._even = even
        self._waiting = 0
        self._awake: list[Share] = []
        self._asleep: list[tuple[int, int]] = []
        self._level: int | None = None
        self._slope = self._level_at = 0
        self._crowded = False
        reserved = policy.compute_reservation
        self._reservation = Reservation(capacity, reserved, window) if reserved else None

    def arrive(self, row: int, *, again: bool) -> None:
        """A job waits; one that is retried goes before the others of its priority."""
        share = self._shares[self._of[row]]
        heappush(share.waiting, self._engine.order[row] - (AT_THE_FRONT if again else 0))
        self._waiting += 1
        if not share.listed:
            share.listed = True
            self._awake.append(share)
        if self._reservation:
            self._reservation.wakes(share)

    def release(self, run: int, row: int, now: int) -> None:
        """A run is over, and its use will fade."""
        share = self._shares[self._of[row]]
        units = self._engine.needs[row]
        self._free += units
        share.usage.add(-units, now)
        if share.wakes:
            share.wakes = 0
            self._awake.append(share)
        if self._reservation:
            self._reservation.fades(share, now)

    def schedule(self, now: int) -> None:
        """Starts jobs, share by share, until nothing fits."""
        if not self._free or not self._waiting:
            return
        level = self._level_now(now)
        keys = self._keys(now, level)
        charged: list[Share] = []
        while True:
            key = min(keys, default=_NO_KEY)
            if level is None:
                if key == _NO_KEY:
                    break
            elif key >= level:
                level = self._look_at_all(now)
                keys = self._keys(now, level)
                continue
            place = keys.index(key) if keys.count(key) == 1 else self._first_of_equals(keys, key)
            share = self._awake[place]
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
            keys[place] = charge
        for share in charged:
            share.charge = 0

    def _level_now(self, now: int) -> int | None:
        """Wakes those whose time has come, and tells where the level is."""
        asleep = self._asleep
        while asleep and asleep[0][0] <= now:
            wakes, index = heappop(asleep)
            share = self._shares[index]
            if share.wakes == wakes:
                share.wakes = 0
                self._awake.append(share)
        if self._crowded:
            return self._look_at_all(now)
        return None if self._level is None else self._level + self._slope * (now - self._level_at)

    def _keys(self, now: int, level: int | None) -> list[int]:
        """The keys of those awake, who are fewer afterwards."""
        awake: list[Share] = []
        keys: list[int] = []
        below = 0
        for share in self._awake:
            if not share.waiting:
                share.listed = False
                continue
            usage = share.usage
            if usage.leaves <= now:
                key = usage.at(now)
            else:  # the same, without a call: most of a rehearsal's time is spent here
                seconds = now - usage.since
                key = usage.value + seconds * (usage.slope - seconds * usage.bend)
            if level is not None:
                if key < level:
                    below += 1
                elif seconds := usage.stays_above(now, key - level, self._slope):
                    share.wakes = now + seconds + 1
                    heappush(self._asleep, (share.wakes, share.index))
                    continue
            awake.append(share)
            keys.append(key + share.charge)
        self._awake = awake
        self._crowded = not self._even and (len(awake) if level is None else below) > _MOST_BELOW
        return keys

    def _look_at_all(self, now: int) -> int | None:
        """Wakes all, and finds a level below which some are."""
        self._awake = awake = [share for share in self._shares if share.waiting]
        for share in self._shares:
            share.listed = bool(share.waiting)
            share.wakes = 0
        self._asleep.clear()
        self._level, self._level_at = None, now
        if len(awake) > _MOST_BELOW:
            keys = sorted(share.usage.at(now) + share.charge for share in awake)
            if keys[_BELOW] < _NO_KEY:
                self._level = max(keys[_BELOW], keys[0] + 1)
                self._slope = sum(share.usage.trend(now) for share in awake) // len(awake)
        return self._level

    def _first_of_equals(self, keys: Sequence[int], key: int) -> int:
        """Of equal keys, the smaller weight goes first, then the earlier submission, then the name."""

        def order(place: int) -> tuple[int, int, str]:
            share = self._awake[place]
            return share.usage.weight, self._engine.submits[share.waiting[0] & ROW_MASK], share.name

        return min((place for place, other in enumerate(keys) if other == key), key=order)

    def _admits(self, share: Share, units: int, now: int) -> bool:
        if units > self._free:
            return False
        return not self._reservation or not share.usage.units or self._reservation.leaves(self._free - units, now)
