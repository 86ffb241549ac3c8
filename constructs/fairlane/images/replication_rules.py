"""Replication rules of a registry, and the limits of Amazon ECR on them. Imports no aws_cdk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from fairlane.errors import Problem
from fairlane.images.names import Place

MAX_RULES: Final = 10
MAX_DESTINATIONS: Final = 25
MAX_FILTERS: Final = 100
"""Service quotas of Amazon ECR. AWS does not raise them. CloudFormation's schema accepts more."""

Destinations: TypeAlias = frozenset[Place]
Rules: TypeAlias = Mapping[str, Destinations]
"""Destinations of repositories, by the prefix of their names."""


def destinations(regions: Iterable[str], other_accounts: Mapping[str, Iterable[str]], account: str) -> Destinations:
    """Return the destinations in an account and in other accounts."""
    regions_by_account = {account: regions, **other_accounts}
    return frozenset(
        Place(owner, region) for owner, owner_regions in regions_by_account.items() for region in owner_regions
    )


def add_rule(rules: Rules, prefix: str, to: Destinations) -> dict[str, Destinations]:
    """Return the rules with one more rule. A prefix that has a rule keeps its destinations and gets the new ones."""
    return {**rules, **({prefix: rules.get(prefix, frozenset()) | to} if to else {})}


def group_rules(rules: Rules) -> list[tuple[list[str], list[Place]]]:
    """Return one rule for each set of destinations, with all its prefixes, because a registry accepts few rules."""
    by_destinations: dict[Destinations, list[str]] = {}
    for prefix, to in rules.items():
        by_destinations.setdefault(to, []).append(prefix)
    return [(sorted(prefixes), sorted(to)) for to, prefixes in by_destinations.items()]


def render_rules(rules: Rules) -> list[dict[str, Any]]:
    """Render the rules in the format of the ECR API and of the CDK."""
    return [
        {
            "destinations": [{"region": place.region, "registryId": place.account} for place in places],
            "repositoryFilters": [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in prefixes],
        }
        for prefixes, places in group_rules(rules)
    ]


def limit_problems(rules: Rules, max_filters: int) -> Iterator[Problem]:
    """Yield the limits of a registry that the rules exceed.

    Args:
        rules: All rules of the registry.
        max_filters: Most filters in one rule.
    """
    field = ("regions",)
    groups = group_rules(rules)
    if len(groups) > MAX_RULES:
        yield Problem.relation(
            field,
            f"{len(groups)} different sets of destinations need {len(groups)} rules, and a registry accepts at most "
            f"{MAX_RULES}: give some repositories the same destinations",
        )
    all_places = {place for _, places in groups for place in places}
    if len(all_places) > MAX_DESTINATIONS:
        limit = f"use at most {MAX_DESTINATIONS} in all rules of a registry together"
        yield Problem.relation(field, f"{len(all_places)} destinations are too many: {limit}")
    for prefixes, _ in groups:
        if len(prefixes) > max_filters:
            yield Problem.relation(
                field,
                f"{len(prefixes)} filters have the same destinations, and a rule accepts at most {max_filters}: "
                "use one common prefix for several repositories",
            )


def two_hop_problems(home: Place, prefix: str, to: Destinations, others: Mapping[Place, Rules]) -> Iterator[Problem]:
    """Yield chains of rules: ECR does not replicate a replicated image a second time.

    Args:
        home: Registry of the new rule.
        prefix: Prefix of the new rule.
        to: Destinations of the new rule.
        others: Rules of all other registries of the app.
    """
    for other, rules in others.items():
        for other_prefix, other_destinations in rules.items():
            if not (other_prefix.startswith(prefix) or prefix.startswith(other_prefix)):
                continue
            if home in other_destinations and (unreached := to - other_destinations - {other}):
                yield _two_hop_problem(other, home, unreached)
            if other in to and (unreached := other_destinations - to - {home}):
                yield _two_hop_problem(home, other, unreached)


def _two_hop_problem(first: Place, second: Place, unreached: Destinations) -> Problem:
    regions = ", ".join(place.region for place in sorted(unreached))
    return Problem.relation(
        ("regions",),
        f"images replicated from {first.region} to {second.region} are not replicated further to {regions}: "
        f"replicate from {first.region} to every destination",
    )
