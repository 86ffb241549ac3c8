"""The repositories of images that stand in an AWS on localhost, and where they are replicated to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairlane_local.server.access import client
from fairlane_local.server.background import registries


@dataclass(frozen=True, slots=True)
class StandingRepository:
    """A repository as AWS describes it.

    Attributes:
        name: its name.
        region: its home.
        destinations: the Regions that it is replicated to, behind an account if that is another.
        mutability: of its tags.
        exceptions: tags to which that does not apply.
    """

    name: str
    region: str
    destinations: tuple[str, ...]
    mutability: str
    exceptions: tuple[str, ...]


def standing_repositories(port: int) -> list[StandingRepository]:
    """Reads the repositories of all accounts and Regions, replicas left out.

    Args:
        port: where the AWS on localhost listens.
    """
    described = {
        (account_id, region): _described(client("ecr", port, account_id, region))
        for account_id, region in sorted(registries(port))
    }
    replicas = {
        (*place, name) for repositories in described.values() for name, (_, to) in repositories.items() for place in to
    }
    return [
        StandingRepository(
            name=name,
            region=region,
            destinations=tuple(there if owner == account_id else f"{owner} {there}" for owner, there in sorted(to)),
            mutability=repository["imageTagMutability"],
            exceptions=tuple(one["filter"] for one in repository.get("imageTagMutabilityExclusionFilters", [])),
        )
        for (account_id, region), repositories in described.items()
        for name, (repository, to) in sorted(repositories.items())
        if (account_id, region, name) not in replicas
    ]


def _described(ecr: Any) -> dict[str, tuple[dict[str, Any], set[tuple[str, str]]]]:
    """The repositories of a registry by name, each with the accounts and Regions that rules send it to."""
    rules = ecr.describe_registry()["replicationConfiguration"]["rules"]
    pages = ecr.get_paginator("describe_repositories").paginate()
    found = {one["repositoryName"]: one for page in pages for one in page["repositories"]}
    return {name: (one, set(_destinations(name, rules))) for name, one in found.items()}


def _destinations(name: str, rules: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        filters = rule.get("repositoryFilters", [])
        if not filters or any(name.startswith(one["filter"]) for one in filters):
            yield from ((to["registryId"], to["region"]) for to in rule["destinations"])
