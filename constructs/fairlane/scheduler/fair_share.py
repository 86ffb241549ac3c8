"""Scheduler of a fair-share queue, with its shares and their past use."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import ceil, sqrt
from typing import Final

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import ROW_MASK
from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.placement import PlacementScheduler
from fairlane.scheduler.submission import Wait, WaitReason
from fairlane.scheduler.waiting import prune, push, remove, renumber, waiting_rows
from fairlane.scheduler.weights import Weights
from fairlane.scheduling import FairShare

_MIN_WINDOW: Final = 600
_LEVEL_RANK: Final = 6
_MAX_BELOW_LEVEL: Final = 16
_NO_KEY: Final = 1 << 300
_NEVER: Final = 1 << 62
_JUST_BELOW: Final = 1 - 1e-9


@mypyc_attr(serializable=True)
class Usage:
    """Use of a share over a window times its weight factor. This key ranks the shares of a fair-share queue.

    Use x seconds ago counts 1 - x / window, or 1 if `even`. All numbers are whole numbers: a unit that is used for a
    second counts `step`. Between two changes, x seconds after the second `since`, the key is

        value + x * (slope - x * bend)

    Units that start raise the slope. Units that leave the window lower the bend or, if `even`, the slope.

    Attributes:
        units: Number of units in use now.
        next_expiry: Second at which the next change leaves the window. The formula is valid until then.
    """

    __slots__ = (
        "_even",
        "_expired_units",
        "_steps",
        "bend",
        "next_expiry",
        "since",
        "slope",
        "step",
        "units",
        "value",
        "weight",
        "window",
    )

    def __init__(self, window: int, weight: int, *, even: bool) -> None:
        self.window = window
        self.weight = weight
        self.step = weight if even else 2 * window * weight
        self.units = 0
        self.since = self.value = self.slope = self.bend = 0
        self.next_expiry = _NEVER
        self._even = even
        self._expired_units = 0
        self._steps: deque[tuple[int, int]] = deque()

    def key_at(self, now: int) -> int:
        """Return the key at a second. Calls must have increasing seconds."""
        if self.next_expiry <= now:
            self._expire(now)
        seconds = now - self.since
        return self.value + seconds * (self.slope - seconds * self.bend)

    def add(self, units: int, now: int) -> None:
        """Change the number of units in use by `units`."""
        if self.next_expiry <= now:
            self._expire(now)
        seconds = now - self.since  # as in _move, without a call
        change = seconds * self.bend
        self.value += seconds * (self.slope - change)
        self.slope += self.step * units - 2 * change
        self.since = now
        self.units += units
        if not self._even:
            self.bend += self.weight * units
        steps, expiry = self._steps, now + self.window
        if not steps:
            self.next_expiry = expiry
        elif steps[-1][0] == expiry:
            steps.pop()
        steps.append((expiry, self.units))

    def reweigh(self, weight: int) -> None:
        """Change the weight factor, also of the past use."""
        old = self.weight
        self.weight = weight
        self.step, self.value, self.slope, self.bend = (
            number // old * weight for number in (self.step, self.value, self.slope, self.bend)
        )

    def changed(self, window: int, weight: int, now: int) -> "Usage":
        """Return the use with another window and weight factor. Use before the old window stays forgotten."""
        self.key_at(now)
        changed = Usage(window, weight, even=self._even)
        if self._expired_units:
            changed.add(self._expired_units, now - self.window)
        for expiry, units in self._steps:
            changed.add(units - changed.units, expiry - self.window)
        changed.key_at(now)
        return changed

    @property
    def last_expiry(self) -> int:
        """Second at which all past use has left the window if no units are in use."""
        return self._steps[-1][0] if self._steps else 0

    def _move(self, now: int) -> None:
        seconds = now - self.since
        change = seconds * self.bend
        self.value += seconds * (self.slope - change)
        self.slope -= 2 * change
        self.since = now

    def _expire(self, now: int) -> None:
        """Remove the changes that have left the window."""
        steps = self._steps
        while self.next_expiry <= now:
            self._move(self.next_expiry)
            units = steps.popleft()[1]
            if self._even:
                self.slope -= self.weight * (units - self._expired_units)
            else:
                self.bend -= self.weight * (units - self._expired_units)
            self._expired_units = units
            self.next_expiry = steps[0][0] if steps else _NEVER

    def slope_at(self, now: int) -> int:
        """Return the growth of the key per second. `key_at` must have been called for the same second."""
        return self.slope - 2 * (now - self.since) * self.bend

    def seconds_above(self, now: int, margin: int, level_slope: int) -> int:
        """Return the number of seconds for which the key stays above a level if no units are removed.

        Args:
            now: Second for which `key_at` was called.
            margin: Key minus the level.
            level_slope: Growth of the level per second.
        """
        # Lower bound of the key: no units are added, and no units were in use one window ago.
        loss = level_slope - self.slope + 2 * (now - self.since) * self.bend
        bend = self.weight * self.units
        if loss > 0:
            seconds = 2 * margin / (loss + sqrt(loss * loss + 4.0 * bend * margin))
        elif bend:
            seconds = (sqrt(loss * loss + 4.0 * bend * margin) - loss) / (2 * bend)
        else:
            return self.window
        return int(seconds * _JUST_BELOW)


class Share(Lane):
    """Share identifier, with its waiting jobs and its use.

    Attributes:
        index: Index in the scheduler.
        name: Share identifier.
        entry: Entry of the policy, which may end in `*`. None if the policy does not list the identifier.
        usage: Past use.
        waiting: Heap of the sort keys of waiting jobs.
        charge: Growth of the key by jobs that started in this pass.
        listed: True if the share has jobs, and is awake or asleep.
        wake_time: Second at which the share wakes. 0 if it is awake.
        active: True if the share has jobs or past use that counts. Only with a compute reservation or a `*` entry.
    """

    __slots__ = ("active", "charge", "entry", "index", "listed", "name", "usage", "waiting", "wake_time")

    def __init__(self, scheduler: Scheduler, index: int, name: str, entry: str | None, usage: Usage) -> None:
        super().__init__(scheduler)
        self.index = index
        self.name = name
        self.entry = entry
        self.usage = usage
        self.waiting: list[int] = []
        self.charge = 0
        self.listed = False
        self.wake_time = 0
        self.active = False


class ActiveShares:
    """Shares that have waiting or running jobs, or past use that counts.

    Attributes:
        number: Number of active shares.
    """

    def __init__(self) -> None:
        self.number = 0
        self._expirations: deque[tuple[int, Share]] = deque()

    def add(self, share: Share) -> bool:
        """Make a share active, because it has a job, and return True if it was not active."""
        if share.active:
            return False
        share.active = True
        self.number += 1
        return True

    def check_at(self, share: Share, second: int) -> None:
        """Check a share at a later second, because it may have no jobs now."""
        if not share.usage.units:
            self._expirations.append((second, share))

    def check_now(self, share: Share, now: int) -> None:
        """Check a share at the next pass, because a waiting job left it."""
        if not share.waiting and not share.usage.units:
            self._expirations.appendleft((now, share))

    def expire(self, now: int) -> Iterator[Share]:
        """Yield the shares that are no longer active."""
        while self._expirations and self._expirations[0][0] <= now:
            share = self._expirations.popleft()[1]
            if share.active and not share.waiting and not share.usage.units and not share.usage.key_at(now):
                share.active = False
                self.number -= 1
                yield share


@mypyc_attr(serializable=True)
class ComputeReservation:
    """Reserved part of the capacity: (compute reservation / 100) ** n, with n active shares."""

    def __init__(self, capacity: int, percent: int) -> None:
        self._capacity = capacity
        self._fraction = Fraction(percent, 100)
        self._reserved: dict[int, int] = {}

    def allows(self, free: int, active: int) -> bool:
        """Return True if `free` is at least the capacity that is reserved with a number of active shares."""
        if active not in self._reserved:
            self._reserved[active] = ceil(self._capacity * self._fraction**active)
        return free >= self._reserved[active]


class FairShareScheduler(PlacementScheduler):
    """Fair-share scheduler: the next job is of the share with the smallest key, usage times weight factor.

    A job that starts counts as some seconds of use at once, so that shares with equal keys take turns. While the first
    job blocks the others, the shares are ranked again from time to time, because their keys change.

    Keys change with time. To compare few shares at each decision, shares with large keys sleep until their keys can
    fall below a level. The level changes by the average change of all keys. The other shares are awake. If the key of
    an awake share is below the level, the smallest key of the awake shares is the smallest key of all shares.
    """

    def __init__(
        self, loop: EventLoop, policy: FairShare, environments: Sequence[Environment], strategies: Strategies
    ) -> None:
        self._shares: list[Share] = []
        self._names: dict[str, Share] = {}
        super().__init__(loop, environments)
        self._skip = strategies.head_of_line == "skip"
        self._even = strategies.decay == "none"
        self._start_charge = strategies.start_charge
        self._rank_seconds = strategies.rank_seconds
        self._settled = 0
        self._ranks_later = False
        self._waiting = 0
        self._awake: list[Share] = []
        self._asleep: list[tuple[int, int]] = []
        self._level: int | None = None
        self._slope = self._level_time = 0
        self._crowded = False
        self._apply(policy)

    def _lanes(self) -> list[Share]:
        return self._shares

    def _apply(self, policy: FairShare) -> None:
        self._policy = policy
        self._weights = Weights(policy)
        self._window = max(_MIN_WINDOW, policy.share_decay_seconds or 0)
        reserved = policy.compute_reservation
        self._reservation = ComputeReservation(self._capacity, reserved) if reserved else None
        divided = any(entry.endswith("*") for entry in policy.weight_factors)
        self._active = ActiveShares() if reserved or divided else None

    def change(self, policy: FairShare, environments: Sequence[Environment]) -> None:
        """Change the policy and the environments. Past use counts with the new weight factors and window."""
        now = self._loop.now
        self._place_on(environments)
        self._apply(policy)
        for share in self._shares:
            share.active = False
            share.entry = self._weights.entry(share.name)
            share.usage = share.usage.changed(self._window, self._weights.of(share.entry), now)
        for share in sorted(self._shares, key=lambda share: share.usage.last_expiry):
            if self._active and (share.waiting or share.usage.units or share.usage.key_at(now)):
                self._active.add(share)
                self._active.check_at(share, share.usage.last_expiry)
        for entry in policy.weight_factors:
            self._divide(entry)
        self._crowded = True

    def lane(self, share: str, instance_type: str) -> Share:
        """Return the lane of a share. The instance type has no effect."""
        if share not in self._names:
            entry = self._weights.entry(share)
            usage = Usage(self._window, self._weights.of(entry), even=self._even)
            added = self._names[share] = Share(self, len(self._shares), share, entry, usage)
            added.largest = self._largest
            self._shares.append(added)
        return self._names[share]

    def arrive(self, share: Share, row: int) -> None:
        """Add a waiting job."""
        if self._loop.removed:
            push(share.waiting, self._jobs.order[row], self._loop.removed)
        else:
            heappush(share.waiting, self._jobs.order[row])
        self._waiting += 1
        if not share.listed:
            share.listed = True
            self._awake.append(share)
        if self._active and self._active.add(share):
            self._divide(share.entry)

    def remove(self, share: Share, row: int) -> None:
        """Remove a waiting job."""
        remove(share.waiting, self._jobs.order[row], self._loop.removed)
        self._waiting -= 1
        if self._active:
            self._active.check_now(share, self._loop.now)

    def release(self, share: Share, run: int, row: int, now: int) -> None:
        """Reduce the use of a share, because a run ended."""
        share.usage.add(-self._jobs.needs[row], now)
        if share.wake_time:
            share.wake_time = 0
            self._awake.append(share)
        if self._active:
            self._active.check_at(share, now + self._window)

    def resume(self, share: Share, row: int, now: int) -> None:
        """Start a job that really started at a second, and count its use."""
        units = self._jobs.needs[row]
        if self._active and self._active.add(share):
            self._divide(share.entry)
        share.usage.add(units, now)
        self._loop.start(row, now, self._place_run(units))

    def schedule(self, now: int) -> None:
        """Start jobs of the share with the smallest key, until the first job of the share does not fit.

        With `skip`, other shares may then start their jobs.
        """
        first, several = self._first, self._several
        if self._ranks_later:
            self._ranks_later = self.due = False
            self._loop.timers.pop(self, None)
        if not self._waiting or (first.free <= 0 and not (several and self._find(1))):
            return
        if self._active:
            for share in self._active.expire(now):
                self._divide(share.entry)
        needs, removed = self._jobs.needs, self._loop.removed
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
                keys = [key + share.charge for key, share in zip(keys, self._awake, strict=True)]
                continue
            index = keys.index(key) if keys.count(key) == 1 else self._break_tie(keys, key)
            share = self._awake[index]
            row = share.waiting[0] & ROW_MASK
            units = needs[row]
            charge = _NO_KEY
            environment = first if units <= first.free else several and self._find(units)
            if environment and (not self._reservation or self._admits(share, units)):
                heappop(share.waiting)
                if removed:
                    prune(share.waiting, removed)
                share.usage.add(units, now)
                self._waiting -= 1
                self._loop.start(row, now, environment)
                if not self._waiting or (first.free <= 0 and not (several and self._find(1))):
                    break
                if share.waiting:
                    charge = key + share.usage.step * units * self._start_charge
            elif not self._skip:
                self._rank_later(now)
                if units > self._largest:
                    self._loop.block(row, now)
                break
            charged.append(share)
            share.charge += charge - key
            keys[index] = charge
        for share in charged:
            share.charge = 0

    def _rank_later(self, now: int) -> None:
        """Plan another ranking, if the keys can change until then although no job starts or ends."""
        if self._rank_seconds is None:
            return
        if self._settled <= now:
            self._settled = max(share.usage.last_expiry for share in self._shares)
        if self._settled > now:
            self._ranks_later = True
            self._loop.rank_later(self, self._rank_seconds, now)

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
            keys.append(key)
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
            return share.usage.weight, self._jobs.submits[share.waiting[0] & ROW_MASK], share.name

        return min((index for index, other in enumerate(keys) if other == key), key=order)

    def order(self, now: int) -> Iterator[int]:
        """Yield the rows of all waiting jobs in the order of a pass, as if all of them could start."""
        jobs = self._jobs
        queues: dict[int, list[int]] = {}
        heap = [
            (
                share.usage.key_at(now),
                share.usage.weight,
                jobs.submits[share.waiting[0] & ROW_MASK],
                share.name,
                share.index,
            )
            for share in self._shares
            if share.waiting
        ]
        heapify(heap)
        while heap:
            key, weight, _, name, index = heappop(heap)
            if index not in queues:
                queues[index] = waiting_rows(self._shares[index].waiting, self._loop.removed)[::-1]
            row = queues[index].pop()
            yield row
            if queues[index]:
                key += self._shares[index].usage.step * jobs.needs[row] * self._start_charge
                heappush(heap, (key, weight, jobs.submits[queues[index][-1]], name, index))

    def wait(self, share: Share, row: int, now: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        first = share.waiting[0] & ROW_MASK if self._skip else next(self.order(now))
        if first != row:
            return Wait(WaitReason.BEHIND, self._jobs.id(first))
        return Wait(WaitReason.RESERVATION if self._find(self._jobs.needs[row]) else WaitReason.CAPACITY)

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows."""
        for share in self._shares:
            renumber(share.waiting, self._loop.removed, rows)

    def _admits(self, share: Share, units: int) -> bool:
        if not self._reservation or not self._active or not share.usage.units:
            return True
        free = sum(environment.free for environment in self._environments)
        return self._reservation.allows(free - units, self._active.number)

    def _divide(self, entry: str | None) -> None:
        """Divide the part of a `*` entry among its active shares."""
        if entry and entry.endswith("*"):
            shares = [share for share in self._shares if share.active and share.entry == entry]
            for share in shares:
                share.usage.reweigh(self._weights.of(entry, len(shares)))
            self._crowded = True
