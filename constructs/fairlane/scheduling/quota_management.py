"""Quota management: quota shares own capacity, lend it while it is idle, and get it back by preemption."""

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
"""Regions without `AWS::Batch::QuotaShare` in CloudFormation (resource schemas of 2026-10-20)."""
MAX_QUOTA_SHARES: Final = 20
UNLIMITED: Final = -1


class Sharing(StrEnum):
    """Use of idle capacity by a quota share: its own capacity, and the capacity of other shares."""

    RESERVE = "RESERVE"
    """The share lends no capacity and borrows none."""
    LEND = "LEND"
    """The share lends its idle capacity and borrows none."""
    LEND_AND_BORROW = "LEND_AND_BORROW"
    """The share lends its idle capacity and borrows idle capacity of other shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaShare:
    """Quota share: the capacity of one team in a queue with quota management, and the rules for lending it.

    The owner gets lent capacity back at once: when the owner submits a job, AWS stops a job of a borrower. This
    preemption cannot be disabled. If the jobs of a share must never be preempted by other shares, the share must not
    borrow.

    A new name replaces the share, and AWS terminates the jobs of the old share: set `state=State.DISABLED` and drain
    the share first. All other settings update in place. A capacity below the current use makes the share's own jobs
    preemptible. Source: `CreateQuotaShare` and `UpdateQuotaShare` in the Batch API.

    Args:
        name: Name of the share, 1 to 128 characters of A-Z, a-z, 0-9, - and _. Jobs name it at submission.
        capacity: Number of instances of each `ml.*` type that the share owns: 1 to 5 types, at least 1 instance each.
        sharing: Use of idle capacity.
        borrow_limit: Maximum borrowed capacity in percent of the share's own capacity of each type, 0 or more. Only
            with `Sharing.LEND_AND_BORROW`. Default, or AWS's -1: no limit.
        in_share_preemption: True if a waiting job may stop a job of lower priority in the same share. Default: False.
        state: State of the share. A disabled share drains: it takes no new jobs, and its jobs may finish. Default:
            enabled.
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
        """Yield the problems of each value."""
        yield from check_name((), self.name)
        yield from check_limits(("capacity",), self.capacity)
        yield from check_choice(("sharing",), self.sharing, Sharing)
        if self.borrow_limit is not None:
            yield from check_whole_number(("borrow_limit",), self.borrow_limit, UNLIMITED, unit="percent")
            if not is_token(self.sharing) and self.sharing != Sharing.LEND_AND_BORROW:
                sentence = (
                    f"a borrow limit requires sharing {Sharing.LEND_AND_BORROW}: remove the limit or change sharing"
                )
                yield Problem.relation(("borrow_limit",), sentence)
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
    """Quota management: a SageMaker training queue is divided into quota shares that own, lend and borrow instances.

    The queue requires its own service environment, which counts instance types, and a Region with quota shares. AWS
    gives idle capacity to borrowers in FIFO order, its only strategy. Source: "Quota management" in the AWS Batch
    User Guide.

    Args:
        shares: 1 to 20 quota shares with different names.
    """

    shares: tuple[QuotaShare, ...]

    def __init__(self, *shares: QuotaShare) -> None:
        object.__setattr__(self, "shares", shares)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of each share, a wrong number of shares, and names that several shares have."""
        if not 1 <= len(self.shares) <= MAX_QUOTA_SHARES:
            sentence = f"the queue has {len(self.shares)} quota shares: use 1 to {MAX_QUOTA_SHARES}"
            yield Problem.relation(("shares",), sentence)
        for index, share in enumerate(self.shares):
            if isinstance(share, QuotaShare):
                for problem in share.problems():
                    yield problem.within("shares", str(share.name))
            else:
                yield Problem(("shares", index), share, "a QuotaShare")
        names = Counter(str(share.name) for share in self.shares if isinstance(share, QuotaShare))
        for name, times in names.items():
            if times > 1:
                yield Problem.relation(("shares", name), f"{times} shares have this name: give each share its own name")

    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yield quotas above the service environment's capacity, and an environment that counts instances."""
        if NUM_INSTANCES in capacity:
            sentence = "quota management counts each instance type: use a mapping of ml.* instance types to numbers"
            yield Problem.relation(("capacity",), sentence)
            return
        if any(map(is_token, capacity)):
            return
        for share, unit, number in self._quotas():
            path = ("scheduling", "shares", str(share.name), "capacity", str(unit))
            if unit not in capacity:
                yield Problem(path, unit, f"an instance type in the capacity of the queue: {', '.join(capacity)}")
            elif _is_number(number) and _is_number(capacity[unit]) and number > capacity[unit]:
                yield Problem(path, number, f"at most {capacity[unit]}, the capacity of the queue")

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yield warnings about quotas that add up to more or to less than the capacity of the service environment."""
        values = [*capacity, *capacity.values(), *(value for _, *quota in self._quotas() for value in quota)]
        if any(map(is_token, values)):
            return
        owned: Counter[str] = Counter()
        for _, unit, number in self._quotas():
            owned[unit] += number
        for unit, total in capacity.items():
            if owned[unit] > total:
                yield Advice(
                    "fairlane:QuotaManagement.quotasAboveCapacity",
                    f"the quota shares own {owned[unit]} {unit} and the service environment has {total}: while all "
                    f"shares have jobs, {owned[unit] - total} are missing; lower the shares or raise the capacity",
                )
            elif owned[unit] < total:
                yield Advice(
                    "fairlane:QuotaManagement.quotasBelowCapacity",
                    f"the quota shares own {owned[unit]} {unit} and the service environment has {total}: "
                    f"{total - owned[unit]} belong to no share and cannot be used; raise the capacity of a share",
                )

    @property
    def share_names(self) -> list[str]:
        """Names of the quota shares."""
        return [share.name for share in self.shares]

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Return each share's own capacity, which preemption guarantees."""
        return {share.name: dict(share.capacity) for share in self.shares}

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Return each share's own capacity plus the capacity that it may borrow, up to the service environment's.

        The limits are AWS's for the largest job of a share: a share that borrows may borrow up to its borrow limit,
        and up to the capacity of the shares that lend.
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


def _is_number(number: object) -> bool:
    return isinstance(number, int) and not is_token(number)
