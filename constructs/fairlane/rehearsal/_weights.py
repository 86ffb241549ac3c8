"""The weight factors of the share identifiers that a trace has."""

from collections.abc import Iterable
from fractions import Fraction
from math import gcd, lcm

from fairlane.scheduling import FairShare


def weight_factors(policy: FairShare, names: Iterable[str]) -> dict[str, float]:
    """The weight factor of each identifier: its own, that of its beginning, or 1."""
    prefixes = [entry[:-1] for entry in policy.weight_factors if entry.endswith("*")]
    weights = {}
    for name in names:
        entries = [name, *(f"{prefix}*" for prefix in prefixes if name.startswith(prefix))]
        weights[name] = next((policy.weight_factors[entry] for entry in entries if entry in policy.weight_factors), 1.0)
    return weights


def undeclared(policy: FairShare, names: Iterable[str]) -> list[str]:
    """The identifiers that the policy does not list."""
    prefixes = tuple(entry[:-1] for entry in policy.weight_factors if entry.endswith("*"))
    return [name for name in names if name not in policy.weight_factors and not name.startswith(prefixes)]


def whole_weights(policy: FairShare, names: Iterable[str]) -> dict[str, int]:
    """Weight factors in whole numbers with the same ratios, so that all comparisons are exact."""
    exact = {name: Fraction(str(weight)) for name, weight in weight_factors(policy, names).items()}
    common = lcm(*(weight.denominator for weight in exact.values()))
    whole = {name: int(weight * common) for name, weight in exact.items()}
    divisor = gcd(*whole.values())
    return {name: weight // divisor for name, weight in whole.items()}


def resolved(policy: FairShare, names: Iterable[str]) -> FairShare:
    """The policy with the identifiers that there are: those of a trace, and those that are listed one by one."""
    listed = [entry for entry in policy.weight_factors if not entry.endswith("*")]
    weights = weight_factors(policy, dict.fromkeys([*listed, *names]))
    return FairShare(weights, policy.share_decay_seconds, policy.compute_reservation)
