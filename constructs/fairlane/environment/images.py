"""The part of an environment file that images are in."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from fairlane.environment.base import Model, of_key
from fairlane.errors import Problem
from fairlane.images.names import Place
from fairlane.images.replication_rules import MAX_FILTERS, Rules, added, destinations, limit_problems, two_hop_problems
from fairlane.images.repository_rules import repository_problems

ReplicationField = Literal["own", "merge", "external"]


class ImageModel(Model):
    """A repository of images in this Region, and where they are replicated to."""

    regions: list[str] = []
    """Other Regions that have the same images, each of which gets a stack for it."""
    other_accounts: dict[str, list[str]] = {}
    """Regions in other accounts, by twelve digits in quotes; they have to let the images in."""
    mutable_tags: list[str] = []
    """At most 5 tags that may be moved, with * for any characters, such as dev-*; all others stay as they are."""
    expire_after_days: int = 30
    """After how many days since their push images expire that have no tag, such as those whose tag was moved."""
    kms_keys: dict[str, str] = {}
    """ARNs of the keys that images are encrypted with, by Region, for all Regions or none."""

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `ReplicatedRepository`."""
        return dict(self)

    def problems(self, name: str, home: Place) -> Iterator[Problem]:
        """Yields every mistake of the repository by itself.

        Args:
            name: the repository's, its key in the file.
            home: where it is.
        """
        for problem in repository_problems(repository_name=name, policy=None, home=home, **self.settings):
            yield of_key(problem, "repository_name")


def rules_of(images: Mapping[str, ImageModel], account: str) -> Rules:
    """The replication rules that images need."""
    rules: Rules = {}
    for name, image in images.items():
        rules = added(rules, name, destinations(image.regions, image.other_accounts, account))
    return rules


def registry_problems(
    images: Mapping[str, ImageModel], home: Place, others: Mapping[Place, Rules], replication: ReplicationField
) -> Iterator[Problem]:
    """Yields what is wrong with all images of a Region together.

    Args:
        images: those of the Region.
        home: the Region.
        others: the rules of the Regions before it in the file.
        replication: whose the registry's rules are.
    """
    rules = rules_of(images, home.account)
    for problem in limit_problems(rules, MAX_FILTERS - (replication == "merge")):
        yield replace(problem, field=())
    for name, to in rules.items():
        for problem in two_hop_problems(home, name, to, others):
            yield problem.within(name)
