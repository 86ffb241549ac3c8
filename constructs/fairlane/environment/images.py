"""Environment-file model of `images`, and the rules for all images of a Region together."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from fairlane.environment.base import Model, entry_problem
from fairlane.errors import Problem
from fairlane.images.names import Place
from fairlane.images.replication_rules import (
    MAX_FILTERS,
    Rules,
    add_rule,
    destinations,
    limit_problems,
    two_hop_problems,
)
from fairlane.images.repository_rules import RepositorySettings, repository_problems

ReplicationField = Literal["own", "merge", "external"]


class ImageModel(Model, title="image repository"):
    """Repository of images in this Region, and the Regions that Amazon ECR replicates the images to."""

    regions: list[str] = []
    """Other Regions to replicate the images to. Each of them gets a stack for the replicas. Default: none."""
    other_accounts: dict[str, list[str]] = {}
    """Regions in other accounts, by the account ID: twelve digits in quotes. The other account must allow the
    replication. Default: none."""
    mutable_tags: list[str] = []
    """At most 5 patterns of tags that can be moved, for example dev-*; * matches any characters. All other tags are
    immutable. Default: none."""
    expire_after_days: int = 30
    """Number of days after the push after which an image without a tag expires, 1 to 3,650. Default: 30."""
    kms_keys: dict[str, str] = {}
    """ARNs of the KMS keys that encrypt the images, by Region: for all Regions or for none. Default: none."""

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `ReplicatedRepository`."""
        return dict(self)

    @property
    def replica_settings(self) -> RepositorySettings:
        """Settings that the repository and its replicas share."""
        return RepositorySettings(tuple(self.mutable_tags), self.expire_after_days, self.kms_keys, policy=None)

    def problems(self, name: str, home: Place) -> Iterator[Problem]:
        """Yield the problems of the repository by itself.

        Args:
            name: Name of the repository, its key in the file.
            home: Account and Region of the repository.
        """
        for problem in repository_problems(repository_name=name, policy=None, home=home, **self.settings):
            yield entry_problem(problem, "repository_name")


def replication_rules(images: Mapping[str, ImageModel], account: str) -> Rules:
    """Return the replication rules that the images need in an account's registry."""
    rules: Rules = {}
    for name, image in images.items():
        rules = add_rule(rules, name, destinations(image.regions, image.other_accounts, account))
    return rules


def registry_problems(
    images: Mapping[str, ImageModel], home: Place, others: Mapping[Place, Rules], replication: ReplicationField
) -> Iterator[Problem]:
    """Yield the problems of all images of a Region together.

    Args:
        images: Images of the Region.
        home: Account and Region.
        others: Replication rules of the Regions before this one in the file.
        replication: Value of `image_replication`.
    """
    rules = replication_rules(images, home.account)
    for problem in limit_problems(rules, MAX_FILTERS - (replication == "merge")):
        yield replace(problem, field=())
    for name, places in rules.items():
        for problem in two_hop_problems(home, name, places, others):
            yield problem.within(name)
