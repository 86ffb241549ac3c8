"""Fair share: each share identifier gets its part over time, and whoever used least goes next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fairlane._internal.checks import check_number, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import Capacity, capacity_limits, check_counts_instances
from fairlane.scheduling.policy import Allotment, SchedulingPolicy
from fairlane.scheduling.share_identifiers import MAX_SHARE_IDENTIFIERS, check_share_identifier

MIN_WEIGHT_FACTOR: Final = 0.0001
MAX_WEIGHT_FACTOR: Final = 999.9999
MAX_SHARE_DECAY_SECONDS: Final = 604_800
MAX_COMPUTE_RESERVATION: Final = 99


@dataclass(frozen=True, slots=True)
class FairShare(SchedulingPolicy):
    """Divides a queue between share identifiers in proportion to their weights, over time; nothing is preempted.

    Every job names its share identifier at submission. A running job keeps its place whatever the shares say, so a
    share that was idle waits until jobs of others end. Identifiers that the policy does not list run at weight
    factor 1.0; list them all, because the first concurrent jobs of an unknown one can fail.

    All of it updates in place. Sources: `FairsharePolicy` and `ShareAttributes` in the Batch API; the limit of 500
    and the pattern of identifiers are the service's own answers.

    Args:
        weight_factors: AWS's weight factor for each share identifier, 0.0001 to 999.9999, at most 500 of them.
            **Lower means more**: 1 gets three times as much as 3. An identifier has up to 255 characters of A-Z, a-z,
            0-9, - and _; with `*` at its end it stands for all that start so, which divide its part among them.
        share_decay_seconds: how long past use counts against a share, 0 to 604800 seconds (a week). AWS's API says
            that 0 means 600 seconds, its user guide that 0 counts current use only.
        compute_reservation: percentage, 0 to 99, kept free for shares that have no jobs now: with n active shares AWS
            holds back (compute_reservation / 100) ** n of the capacity.
    """

    weight_factors: Mapping[str, float]
    share_decay_seconds: int | None = None
    compute_reservation: int | None = None
    _proportions: Mapping[str, float] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.weight_factors, Mapping):
            object.__setattr__(self, "weight_factors", MappingProxyType(dict(self.weight_factors)))

    @classmethod
    def by_proportion(
        cls,
        proportions: Mapping[str, float],
        *,
        share_decay_seconds: int | None = None,
        compute_reservation: int | None = None,
    ) -> "FairShare":
        """Divides a queue by proportions, where more means more: with `{"a": 60, "b": 30}`, a gets two thirds.

        Args:
            proportions: a positive number for each share identifier; only their ratios matter, up to 1 to 999.9999.
                The weight factor is the largest proportion divided by one's own, to four decimals. A token is
                refused here, because CloudFormation cannot divide.
            share_decay_seconds: as for `FairShare`.
            compute_reservation: as for `FairShare`.
        """
        usable = isinstance(proportions, Mapping) and not any(_bad_proportions(proportions))
        largest = max(proportions.values(), default=1) if usable else 1
        weights = {share: round(largest / own, 4) for share, own in proportions.items()} if usable else proportions
        policy = cls(weights, share_decay_seconds, compute_reservation)
        object.__setattr__(policy, "_proportions", proportions)
        return policy

    def problems(self) -> Iterator[Problem]:
        """Yields every identifier, weight, decay and reservation that AWS would refuse, and all overlaps."""
        name = "weight_factors" if self._proportions is None else "proportions"
        if not isinstance(self.weight_factors, Mapping):
            yield Problem((name,), self.weight_factors, "a mapping of share identifiers to numbers")
        else:
            if len(self.weight_factors) > MAX_SHARE_IDENTIFIERS:
                count = f"{len(self.weight_factors)} share identifiers"
                yield Problem((name,), count, f"at most {MAX_SHARE_IDENTIFIERS} share identifiers")
            yield from self._identifier_problems(name)
            yield from self._weight_problems() if self._proportions is None else self._ratio_problems(self._proportions)
        for name, got, highest, unit in (
            ("share_decay_seconds", self.share_decay_seconds, MAX_SHARE_DECAY_SECONDS, "seconds"),
            ("compute_reservation", self.compute_reservation, MAX_COMPUTE_RESERVATION, "percent"),
        ):
            if got is not None:
                yield from check_whole_number((name,), got, 0, highest, unit=unit)

    def _identifier_problems(self, name: str) -> Iterator[Problem]:
        identifiers = [identifier for identifier in self.weight_factors if not is_token(identifier)]
        prefixes = [str(identifier)[:-1] for identifier in identifiers if str(identifier).endswith("*")]
        for identifier in identifiers:
            yield from check_share_identifier((name, str(identifier)), identifier)
            for prefix in prefixes:
                if str(identifier).startswith(prefix) and identifier != f"{prefix}*":
                    allowed = f'share identifiers that do not overlap: "{prefix}*" already stands for this one'
                    yield Problem((name, str(identifier)), identifier, allowed)

    def _weight_problems(self) -> Iterator[Problem]:
        for identifier, weight in self.weight_factors.items():
            yield from check_number(("weight_factors", str(identifier)), weight, MIN_WEIGHT_FACTOR, MAX_WEIGHT_FACTOR)

    def _ratio_problems(self, proportions: Mapping[str, float]) -> Iterator[Problem]:
        unusable = list(_bad_proportions(proportions))
        yield from unusable
        for identifier, weight in self.weight_factors.items() if not unusable else ():
            if weight > MAX_WEIGHT_FACTOR:
                allowed = f"at least the largest proportion divided by {MAX_WEIGHT_FACTOR}"
                yield Problem(("proportions", str(identifier)), proportions[identifier], allowed)

    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yields a problem where the environment counts instance types."""
        yield from check_counts_instances("FairShare", capacity)

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yields nothing."""
        yield from ()

    @property
    def share_names(self) -> list[str]:
        """The share identifiers; some may end in `*`."""
        return list(self.weight_factors)

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Divides the capacity in proportion to 1 / weight factor, less what AWS reserves when all are active.

        How AWS counts the use of SageMaker jobs towards fair share is not documented; this takes instances. With a
        reservation, a share of overwhelming weight may be entitled to more than its ceiling: AWS reserves less when
        more shares are active.
        """
        parts = {identifier: 1 / weight for identifier, weight in self.weight_factors.items()}
        whole = sum(parts.values())
        return {
            identifier: {unit: self._usable(number, len(parts)) * part / whole for unit, number in limits.items()}
            for limits in [capacity_limits(capacity)]
            for identifier, part in parts.items()
        }

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Gives each share the whole capacity, less what AWS reserves when one share is active."""
        limits = capacity_limits(capacity)
        return {
            identifier: {unit: self._usable(number, 1) for unit, number in limits.items()}
            for identifier in self.weight_factors
        }

    def _usable(self, number: int, active_shares: int) -> float:
        return number * (1 - ((self.compute_reservation or 0) / 100) ** active_shares)


def _bad_proportions(proportions: Mapping[str, float]) -> Iterator[Problem]:
    for identifier, proportion in proportions.items():
        number = isinstance(proportion, int | float) and not isinstance(proportion, bool)
        if not number or is_token(proportion) or not 0 < proportion < 1e300:
            yield Problem(("proportions", str(identifier)), proportion, "a number above 0 that is known at synth")
