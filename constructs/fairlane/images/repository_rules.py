"""How a repository is set up, at home and in every Region that has a replica of it. Knows no aws_cdk."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from fairlane._internal.checks import check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.images.names import Place, check_destinations, check_repository_name, partition_of
from fairlane.jobs.permission_rules import check_key

MAX_MUTABLE_TAGS: Final = 5
MAX_POLICY: Final = 10_240

_TAG_PATTERN: Final = re.compile(r"[0-9A-Za-z._*-]{1,128}")
_MOST_WILDCARDS: Final = 2
_MOST_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """What a repository and its replicas have in common.

    Attributes:
        mutable_tags: the only tags that may be moved, with `*` for any characters.
        expire_after_days: after how many days since their push images go that have no tag.
        kms_keys: ARNs of the keys that they are encrypted with, by Region; none for keys of Amazon S3.
        policy: the repository policy; none for the account alone.
    """

    mutable_tags: tuple[str, ...]
    expire_after_days: int
    kms_keys: Mapping[str, str]
    policy: Mapping[str, Any] | None

    @property
    def mutability(self) -> str:
        """The word of AWS for it."""
        return "IMMUTABLE_WITH_EXCLUSION" if self.mutable_tags else "IMMUTABLE"

    def is_mutable(self, tag: str) -> bool:
        """Tells whether a tag may be moved."""
        return any(fnmatchcase(tag, pattern) for pattern in self.mutable_tags)

    def lifecycle(self) -> str:
        """The lifecycle policy: what has a tag stays for ever, as a job may name it.

        No rule is for tags that may be moved: it would take images that have another tag as well, which stays. When
        one is moved, the image that had it is untagged.
        """
        age = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": self.expire_after_days}
        rule = {"rulePriority": 1, "selection": {"tagStatus": "untagged", **age}, "action": {"type": "expire"}}
        return json.dumps({"rules": [rule]}, separators=(",", ":"))


def repository_problems(
    *,
    repository_name: object,
    regions: object,
    other_accounts: object,
    mutable_tags: object,
    expire_after_days: object,
    kms_keys: object,
    policy: object,
    home: Place,
) -> Iterator[Problem]:
    """Yields every mistake of a replicated repository by itself; arguments as for `ReplicatedRepository`."""
    yield from check_repository_name(("repository_name",), repository_name)
    placed = list(check_destinations(regions, other_accounts, home))
    yield from placed
    yield from _tag_problems(mutable_tags)
    yield from check_whole_number(("expire_after_days",), expire_after_days, 1, _MOST_DAYS, unit="days")
    if not placed and isinstance(regions, Sequence):
        yield from _key_problems(kms_keys, [home.region, *regions], other_accounts)
    yield from _policy_problems(policy)


def template_problems(
    region: str, mine: RepositorySettings, theirs: RepositorySettings, other: str
) -> Iterator[Problem]:
    """Yields what a creation template would drop of a repository, as it is for all of a namespace.

    Args:
        region: where the template is.
        mine: how the repository is set up.
        theirs: how another one of its namespace is set up.
        other: that one's name.
    """
    shared = f"as {other}, whose namespace it has, and a template is for all of that"
    if set(mine.mutable_tags) != set(theirs.mutable_tags):
        dropped = f"the same {shared}: tags that may be moved at home only are dropped from what arrives there"
        yield Problem(("mutable_tags",), list(mine.mutable_tags), dropped)
    if mine.kms_keys.get(region) != theirs.kms_keys.get(region):
        yield Problem(("kms_keys", region), mine.kms_keys.get(region), f"the same {shared}")
    for field in ("expire_after_days", "policy"):
        if getattr(mine, field) != getattr(theirs, field):
            yield Problem((field,), getattr(mine, field), f"the same {shared}")


def _tag_problems(mutable_tags: object) -> Iterator[Problem]:
    field = ("mutable_tags",)
    if isinstance(mutable_tags, str) or not isinstance(mutable_tags, Sequence):
        yield Problem(field, mutable_tags, "a list of tags, such as dev-*")
        return
    if len(mutable_tags) > MAX_MUTABLE_TAGS:
        yield Problem(field, f"{len(mutable_tags)} patterns", f"at most {MAX_MUTABLE_TAGS}")
    allowed = f"1 to 128 of A-Z, a-z, 0-9, . _ and -, with at most {_MOST_WILDCARDS} *, such as dev-*"
    for index, pattern in enumerate(mutable_tags):
        yield from check_text(
            (*field, index),
            pattern,
            lambda text: _TAG_PATTERN.fullmatch(text) and text.count("*") <= _MOST_WILDCARDS,
            allowed,
        )
        if isinstance(pattern, str) and not pattern.strip("*"):
            yield Problem((*field, index), pattern, "not every tag: what is deployed has to have one that stays")
        if pattern in mutable_tags[:index]:
            yield Problem((*field, index), pattern, "each tag once")


def _key_problems(kms_keys: object, regions: Sequence[str], other_accounts: object) -> Iterator[Problem]:
    if not isinstance(kms_keys, Mapping):
        yield Problem(("kms_keys",), kms_keys, "ARNs of KMS keys by Region")
        return
    if not kms_keys:
        return
    if is_token(regions[0]):
        yield Problem(("kms_keys",), f"{len(kms_keys)} keys", "none, in a stack without a Region")
        return
    if other_accounts:
        allowed = "none, with other accounts: a key is of one account, and their templates cannot name another's"
        yield Problem(("kms_keys",), f"{len(kms_keys)} keys", allowed)
    for region in regions:
        if region not in kms_keys:
            yield Problem(("kms_keys", region), None, "the ARN of a key of each Region, or of none")
    for region, key in kms_keys.items():
        field = ("kms_keys", str(region))
        malformed = list(check_key(field, key))
        yield from malformed
        if region not in regions:
            yield Problem(field, region, "the Region of the repository, or one of regions")
        elif not malformed and not is_token(key) and key.split(":")[3] != region:
            yield Problem(field, key, f"a key of {region}, as a repository has none of another Region")
        elif not malformed and not is_token(key) and key.split(":")[1] != partition_of(region):
            yield Problem(field, key, f"a key of the partition {partition_of(region)}, which {region} is in")


def _policy_problems(policy: object) -> Iterator[Problem]:
    if policy is None:
        return
    if not isinstance(policy, Mapping):
        yield Problem(("policy",), policy, "a policy document as a mapping, with Version and Statement")
    elif (size := len(json.dumps(policy, separators=(",", ":"), default=str))) > MAX_POLICY:
        yield Problem(("policy",), f"{size} characters", f"at most {MAX_POLICY}")
