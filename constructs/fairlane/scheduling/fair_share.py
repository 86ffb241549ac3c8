"""Fair-share scheduling: the next job is of the share with the least use for its weight."""

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
    """Fair-share scheduling: a queue is divided over time between share identifiers, in proportion to their weights.

    Each job names its share identifier at submission. No job is preempted, so a share that was idle waits until jobs
    of other shares end. Share identifiers that the policy does not list have the weight factor 1.0. List all of them,
    because the first concurrent jobs of an unlisted identifier can fail.

    All settings update in place. Sources: `FairsharePolicy` and `ShareAttributes` in the Batch API. The limit of 500
    and the pattern of identifiers come from error messages of the service.

    Args:
        weight_factors: AWS's weight factor for each share identifier, 0.0001 to 999.9999, for at most 500
            identifiers. **Lower means more**: a share with 1 gets three times as much as a share with 3. An identifier
            has 1 to 255 characters of A-Z, a-z, 0-9, - and _. An identifier that ends in `*` stands for all
            identifiers with this prefix, which divide its part among them.
        share_decay_seconds: Number of seconds that past use counts against a share, 0 to 604,800 (one week). For 0,
            AWS's API reference says 600 seconds, and the user guide says that only current use counts. Default: AWS's.
        compute_reservation: Percentage of the capacity, 0 to 99, that AWS keeps free for shares without jobs: with n
            active shares, (compute_reservation / 100) ** n of the capacity. Default: 0.
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
        """Return a policy that divides a queue by proportions, where more means more.

        With `{"a": 60, "b": 30}`, a gets two thirds of the capacity.

        Args:
            proportions: Positive number for each share identifier. Only the ratios matter, up to 1 to 999.9999. The
                weight factor of a share is the largest proportion divided by the share's own, with four decimals. A
                token is refused, because CloudFormation cannot divide.
            share_decay_seconds: The same as in `FairShare`.
            compute_reservation: The same as in `FairShare`.
        """
        usable = isinstance(proportions, Mapping) and not any(_bad_proportions(proportions))
        largest = max(proportions.values(), default=1) if usable else 1
        weights = {share: round(largest / own, 4) for share, own in proportions.items()} if usable else proportions
        policy = cls(weights, share_decay_seconds, compute_reservation)
        object.__setattr__(policy, "_proportions", proportions)
        return policy

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of identifiers, weights, decay and reservation, and identifiers that overlap."""
        name = "weight_factors" if self._proportions is None else "proportions"
        if not isinstance(self.weight_factors, Mapping):
            yield Problem((name,), self.weight_factors, "a mapping of share identifiers to numbers")
        else:
            if len(self.weight_factors) > MAX_SHARE_IDENTIFIERS:
                count = len(self.weight_factors)
                sentence = f"{count} share identifiers are too many: use at most {MAX_SHARE_IDENTIFIERS}"
                yield Problem.relation((name,), sentence)
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
                    sentence = f'"{prefix}*" already stands for {identifier}: remove one of them'
                    yield Problem.relation((name, str(identifier)), sentence)

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
        """Yield a problem if the service environment counts instance types."""
        yield from check_counts_instances("fair-share scheduling", capacity)

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yield nothing."""
        yield from ()

    @property
    def share_names(self) -> list[str]:
        """Share identifiers. An identifier may end in `*`."""
        return list(self.weight_factors)

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Return the capacity in proportion to 1 / weight factor, without the reservation for n active shares.

        AWS does not document the unit in which SageMaker jobs count towards fair share. Fairlane counts instances.
        With a reservation, the entitlement of a share with a dominant weight can be above its ceiling, because AWS
        reserves less when more shares are active.
        """
        parts = {identifier: 1 / weight for identifier, weight in self.weight_factors.items()}
        total = sum(parts.values())
        return {
            identifier: {unit: self._usable(number, len(parts)) * part / total for unit, number in limits.items()}
            for limits in [capacity_limits(capacity)]
            for identifier, part in parts.items()
        }

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Return the whole capacity for each share, without the reservation for one active share."""
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
            yield Problem(("proportions", str(identifier)), proportion, "a number above 0")
