"""The replication rules of a registry: which there are, how many it takes, what they do not do. Knows no aws_cdk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from fairlane.errors import Problem
from fairlane.images.names import Place

MAX_RULES: Final = 10
MAX_DESTINATIONS: Final = 25
MAX_FILTERS: Final = 100
"""Service quotas of Amazon ECR, none of which AWS raises. CloudFormation's schema would let through more."""

Destinations: TypeAlias = frozenset[Place]
Rules: TypeAlias = Mapping[str, Destinations]
"""By what names of repositories begin with, where they go."""


def destinations(regions: Iterable[str], other_accounts: Mapping[str, Iterable[str]], account: str) -> Destinations:
    """All places that are meant by Regions of an account, and by those of others."""
    return frozenset(
        Place(owner, region) for owner, some in {account: regions, **other_accounts}.items() for region in some
    )


def added(rules: Rules, prefix: str, to: Destinations) -> dict[str, Destinations]:
    """The rules with one more; what is replicated already goes to more places."""
    return {**rules, **({prefix: rules.get(prefix, frozenset()) | to} if to else {})}


def grouped(rules: Rules) -> list[tuple[list[str], list[Place]]]:
    """Puts all prefixes with the same destinations into one rule, as a registry has few."""
    by_destinations: dict[Destinations, list[str]] = {}
    for prefix, to in rules.items():
        by_destinations.setdefault(to, []).append(prefix)
    return [(sorted(prefixes), sorted(to)) for to, prefixes in by_destinations.items()]


def as_api(rules: Rules) -> list[dict[str, Any]]:
    """The rules as the API of ECR has them, and the CDK."""
    return [
        {
            "destinations": [{"region": place.region, "registryId": place.account} for place in places],
            "repositoryFilters": [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in prefixes],
        }
        for prefixes, places in grouped(rules)
    ]


def limit_problems(rules: Rules, most_filters: int) -> Iterator[Problem]:
    """Yields what a registry does not take, with so many filters in a rule."""
    groups = grouped(rules)
    if len(groups) > MAX_RULES:
        allowed = f"at most {MAX_RULES} in a registry, one for each different set of destinations: give some the same"
        yield Problem(("regions",), f"{len(groups)} rules", allowed)
    every = {place for _, places in groups for place in places}
    if len(every) > MAX_DESTINATIONS:
        allowed = f"at most {MAX_DESTINATIONS} over all rules of a registry"
        yield Problem(("regions",), f"{len(every)} destinations", allowed)
    for prefixes, _ in groups:
        if len(prefixes) > most_filters:
            allowed = f"at most {most_filters} with the same destinations: one prefix that several begin with"
            yield Problem(("regions",), f"{len(prefixes)} filters", allowed)


def two_hop_problems(here: Place, prefix: str, to: Destinations, others: Mapping[Place, Rules]) -> Iterator[Problem]:
    """Yields chains of rules: an image that was replicated to a registry does not go on from there.

    Args:
        here: the registry of the new rule.
        prefix: of the new rule.
        to: its destinations.
        others: the rules of all other registries that are known.
    """
    for there, rules in others.items():
        for other, their in rules.items():
            if not (other.startswith(prefix) or prefix.startswith(other)):
                continue
            if here in their and (lost := to - their - {there}):
                yield _two_hops(there, here, lost)
            if there in to and (lost := their - to - {here}):
                yield _two_hops(here, there, lost)


def _two_hops(first: Place, second: Place, lost: Destinations) -> Problem:
    chain = f"{first.region} to {second.region} to {', '.join(place.region for place in sorted(lost))}"
    allowed = f"one hop: what is replicated to {second.region} does not go on; replicate from {first.region} to all"
    return Problem(("regions",), chain, allowed)
