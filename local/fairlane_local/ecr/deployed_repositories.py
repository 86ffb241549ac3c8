"""Deployed image repositories of a local AWS, with the destinations of their replication."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairlane_local.server.access import client
from fairlane_local.server.background import registry_locations


@dataclass(frozen=True, slots=True)
class DeployedRepository:
    """Image repository as Amazon ECR describes it.

    Attributes:
        name: Name of the repository.
        region: Home Region of the repository.
        destinations: Regions that images are replicated to, each after its account ID if that is another account.
        mutability: Tag mutability, for example `IMMUTABLE`.
        exceptions: Tag filters that `mutability` does not apply to.
    """

    name: str
    region: str
    destinations: tuple[str, ...]
    mutability: str
    exceptions: tuple[str, ...]


def deployed_repositories(port: int) -> list[DeployedRepository]:
    """Return the repositories of all accounts and Regions, without replicas.

    Args:
        port: Port that the local AWS listens on.
    """
    registries = {
        (account_id, region): _repositories(client("ecr", port, account_id, region))
        for account_id, region in sorted(registry_locations(port))
    }
    replicas = {
        (*destination, name)
        for repositories in registries.values()
        for name, (_, destinations) in repositories.items()
        for destination in destinations
    }
    return [
        DeployedRepository(
            name=name,
            region=region,
            destinations=tuple(
                to_region if to_account == account_id else f"{to_account} {to_region}"
                for to_account, to_region in sorted(destinations)
            ),
            mutability=repository["imageTagMutability"],
            exceptions=tuple(
                exclusion["filter"] for exclusion in repository.get("imageTagMutabilityExclusionFilters", [])
            ),
        )
        for (account_id, region), repositories in registries.items()
        for name, (repository, destinations) in sorted(repositories.items())
        if (account_id, region, name) not in replicas
    ]


def _repositories(ecr: Any) -> dict[str, tuple[dict[str, Any], set[tuple[str, str]]]]:
    """Return the repositories of a registry by name, each with the accounts and Regions of its replication rules."""
    rules = ecr.describe_registry()["replicationConfiguration"]["rules"]
    pages = ecr.get_paginator("describe_repositories").paginate()
    return {
        repository["repositoryName"]: (repository, set(_destinations(repository["repositoryName"], rules)))
        for page in pages
        for repository in page["repositories"]
    }


def _destinations(name: str, rules: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        filters = rule.get("repositoryFilters", [])
        if not filters or any(name.startswith(prefix["filter"]) for prefix in filters):
            yield from ((destination["registryId"], destination["region"]) for destination in rule["destinations"])
