"""Weight factors of the share identifiers of a trace."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import lcm

from fairlane.scheduling import FairShare
from fairlane.scheduling.share_identifiers import stands_for


def weight_factors(policy: FairShare, names: Iterable[str]) -> dict[str, Fraction]:
    """Return the weight factor of each identifier.

    An identifier without an entry in the policy has the weight factor 1. Identifiers with the same `*` entry divide the
    part of the entry.
    """
    entries = {name: _entry(policy, name) for name in names}
    identifiers = Counter(entries.values())
    return {
        name: Fraction(1) if entry is None else Fraction(str(policy.weight_factors[entry])) * identifiers[entry]
        for name, entry in entries.items()
    }


def _entry(policy: FairShare, name: str) -> str | None:
    if name in policy.weight_factors:
        return name
    return next((entry for entry in policy.weight_factors if stands_for(entry, name)), None)


def undeclared_identifiers(policy: FairShare, names: Iterable[str]) -> list[str]:
    """Return the identifiers that the policy does not list."""
    return [name for name in names if _entry(policy, name) is None]


class Weights:
    """Weight factors of a policy as whole numbers with the same ratios, so that all comparisons are exact.

    The common denominator comes from the policy alone, so that a new share identifier changes no other weight.
    """

    def __init__(self, policy: FairShare) -> None:
        self._policy = policy
        self._exact = {entry: Fraction(str(weight)) for entry, weight in policy.weight_factors.items()}
        self._denominator = lcm(*(weight.denominator for weight in self._exact.values()))

    def entry(self, name: str) -> str | None:
        """Return the entry of an identifier. None if the policy does not list the identifier."""
        return _entry(self._policy, name)

    def of(self, entry: str | None, identifiers: int = 1) -> int:
        """Return the weight of each of a number of identifiers that divide the part of an entry."""
        weight = Fraction(1) if entry is None else self._exact[entry]
        return int(weight * self._denominator) * identifiers


def resolve_identifiers(policy: FairShare, names: Iterable[str]) -> FairShare:
    """Return the policy with the identifiers of a trace, and with the listed identifiers that do not end in `*`."""
    listed = [entry for entry in policy.weight_factors if not entry.endswith("*")]
    weights = weight_factors(policy, dict.fromkeys([*listed, *names]))
    return FairShare(
        {name: float(weight) for name, weight in weights.items()},
        policy.share_decay_seconds,
        policy.compute_reservation,
    )
