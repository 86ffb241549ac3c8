"""Quota management: each share owns capacity, lends it while idle and takes it back by preemption."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from fairlane._internal.checks import check_choice, check_flag, check_name, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import NUM_INSTANCES, Capacity, capacity_limits, check_limits
from fairlane.scheduling.policy import Allotment, SchedulingPolicy
from fairlane.scheduling.state import State

REGIONS_WITHOUT_QUOTA_SHARES: Final = frozenset({"me-central-1"})
"""Regions whose CloudFormation has no `AWS::Batch::QuotaShare` (resource schemas of 2026-10-20)."""
MAX_QUOTA_SHARES: Final = 20
UNLIMITED: Final = -1


class Sharing(StrEnum):
    """What a quota share does with idle capacity: its own, and that of others."""

    RESERVE = "RESERVE"
    """Keeps its own idle capacity to itself, and borrows none."""
    LEND = "LEND"
    """Lends its own idle capacity, and borrows none."""
    LEND_AND_BORROW = "LEND_AND_BORROW"
    """Lends its own idle capacity, and borrows that of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaShare:
    """One team's own capacity in a queue with quota management, and how it shares it.

    What is lent out comes back at once: when the owner submits a job, AWS stops a borrower's. That cannot be turned
    off; where a job must never be stopped for others, let its share reserve or lend, not borrow.

    A new name replaces the share, and AWS terminates the jobs of the one that goes: set `state=State.DISABLED` and
    let it drain first. All else updates in place, but a capacity below what is in use makes the share's own jobs
    preemptible. Source: `CreateQuotaShare` and `UpdateQuotaShare` in the Batch API.

    Args:
        name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; jobs name it at submission.
        capacity: instances that it owns of each `ml.*` type, one to five types, at least 1 of each.
        sharing: what it does with idle capacity.
        borrow_limit: the most that it may borrow, in percent of its own capacity of each type, 0 or more. Only with
            `Sharing.LEND_AND_BORROW`. None, or AWS's -1, is without limit.
        in_share_preemption: whether a waiting job may stop one of lower priority in the same share.
        state: a disabled share drains: it takes no new jobs, and those that it has may finish.
    """

    name: str
    capacity: Mapping[str, int]
    sharing: Sharing
    borrow_limit: int | None = None
    in_share_preemption: bool = False
    state: State = State.ENABLED

    def __post_init__(self) -> None:
        if isinstance(self.capacity, Mapping):
            object.__setattr__(self, "capacity", MappingProxyType(dict(self.capacity)))

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_name((), self.name)
        yield from check_limits(("capacity",), self.capacity)
        yield from check_choice(("sharing",), self.sharing, Sharing)
        if self.borrow_limit is not None:
            yield from check_whole_number(("borrow_limit",), self.borrow_limit, UNLIMITED, unit="percent")
            if not is_token(self.sharing) and self.sharing != Sharing.LEND_AND_BORROW:
                yield Problem(
                    ("borrow_limit",), self.borrow_limit, f"a limit only with sharing {Sharing.LEND_AND_BORROW}"
                )
        yield from check_flag(("in_share_preemption",), self.in_share_preemption)
        yield from check_choice(("state",), self.state, State)

    def _may_reach(self, unit: str, lent_by_others: int) -> int:
        own = self.capacity[unit]
        if self.sharing != Sharing.LEND_AND_BORROW:
            return own
        if self.borrow_limit is None or self.borrow_limit == UNLIMITED:
            return own + lent_by_others
        return own + min(lent_by_others, own * self.borrow_limit // 100)


@dataclass(frozen=True, init=False, slots=True)
class QuotaManagement(SchedulingPolicy):
    """Divides a SageMaker training queue into quota shares that own, lend, borrow and take back instances.

    It needs a service environment of its own that counts instance types, and a Region that has quota shares. Idle
    capacity goes to borrowers first come, first served, AWS's only strategy. Source: "Quota management" in the AWS
    Batch User Guide.

    Args:
        shares: 1 to 20 shares of different names.
    """

    shares: tuple[QuotaShare, ...]

    def __init__(self, *shares: QuotaShare) -> None:
        object.__setattr__(self, "shares", shares)

    def problems(self) -> Iterator[Problem]:
        """Yields every problem of every share, a wrong number of them, and names that come twice."""
        if not 1 <= len(self.shares) <= MAX_QUOTA_SHARES:
            count = f"{len(self.shares)} quota shares"
            yield Problem(("shares",), count, f"1 to {MAX_QUOTA_SHARES} quota shares in a queue")
        for index, share in enumerate(self.shares):
            if isinstance(share, QuotaShare):
                for problem in share.problems():
                    yield problem.within("shares", str(share.name))
            else:
                yield Problem(("shares", index), share, "a QuotaShare")
        names = Counter(str(share.name) for share in self.shares if isinstance(share, QuotaShare))
        for name, times in names.items():
            if times > 1:
                yield Problem(("shares", name), f"{times} shares of that name", "a different name for each share")

    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yields quotas that the environment lacks or has less of, and an environment that counts instances."""
        if NUM_INSTANCES in capacity:
            allowed = "a mapping of ml.* instance types to numbers with QuotaManagement, which counts each type"
            yield Problem(("capacity",), capacity[NUM_INSTANCES], allowed)
            return
        if any(map(is_token, capacity)):
            return
        for share, unit, number in self._quotas():
            path = ("scheduling", "shares", str(share.name), "capacity", str(unit))
            if unit not in capacity:
                yield Problem(path, unit, f"an instance type of the queue's environment: {', '.join(capacity)}")
            elif _is_known(number) and _is_known(capacity[unit]) and number > capacity[unit]:
                yield Problem(path, number, f"at most the {capacity[unit]} that the queue's environment has")

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yields quotas that add up to more, or to less, than the environment has."""
        values = [*capacity, *capacity.values(), *(value for _, *quota in self._quotas() for value in quota)]
        if any(map(is_token, values)):
            return
        owned: Counter[str] = Counter()
        for _, unit, number in self._quotas():
            owned[unit] += number
        for unit, there in capacity.items():
            if owned[unit] > there:
                yield Advice(
                    "fairlane:QuotaManagement.quotasAboveCapacity",
                    f"the shares own {owned[unit]} {unit} and the environment has {there}: when all are busy, "
                    f"{owned[unit] - there} of them are promised and not there",
                )
            elif owned[unit] < there:
                yield Advice(
                    "fairlane:QuotaManagement.quotasBelowCapacity",
                    f"the shares own {owned[unit]} {unit} and the environment has {there}: "
                    f"{there - owned[unit]} belong to no share, and only what a share owns can be used or lent",
                )

    @property
    def share_names(self) -> list[str]:
        """The names of the quota shares."""
        return [share.name for share in self.shares]

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Gives each share what it owns, which preemption restores to it."""
        return {share.name: dict(share.capacity) for share in self.shares}

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Gives each share what it owns and may borrow, at most what the environment has.

        The bounds are AWS's for the largest job of a share: its own capacity, and if it borrows, no more than its
        borrow limit allows and the shares that lend own.
        """
        limits = capacity_limits(capacity)
        lent = Counter[str]()
        for share, unit, number in self._quotas():
            if share.sharing != Sharing.RESERVE:
                lent[unit] += number
        return {
            share.name: {
                unit: min(limits.get(unit, 0), share._may_reach(unit, lent[unit] - number))
                for unit, number in share.capacity.items()
            }
            for share in self.shares
        }

    def _quotas(self) -> Iterator[tuple[QuotaShare, str, int]]:
        for share in self.shares:
            if isinstance(share, QuotaShare) and isinstance(share.capacity, Mapping):
                for unit, number in share.capacity.items():
                    yield share, unit, number


def _is_known(number: object) -> bool:
    return isinstance(number, int) and not is_token(number)
