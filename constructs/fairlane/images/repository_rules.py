"""Settings of a replicated repository and of its replicas, and their rules. Imports no aws_cdk."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from fairlane._internal.checks import check_text, check_whole_number
from fairlane._internal.key_rules import check_key
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.images.names import Place, check_destinations, check_repository_name, partition_name

MAX_MUTABLE_TAGS: Final = 5
MAX_POLICY: Final = 10_240

_TAG_PATTERN: Final = re.compile(r"[0-9A-Za-z._*-]{1,128}")
_MAX_WILDCARDS: Final = 2
_MAX_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """Settings that a repository and its replicas share.

    Attributes:
        mutable_tags: Patterns of the only tags that can be moved. `*` stands for any characters.
        expire_after_days: Number of days after its push that an image without a tag expires, 1 to 3650.
        kms_keys: ARNs of the encryption keys, by Region. Empty for keys of Amazon S3.
        policy: Repository policy. None for access from the repository's account only.
    """

    mutable_tags: tuple[str, ...]
    expire_after_days: int
    kms_keys: Mapping[str, str]
    policy: Mapping[str, Any] | None

    @property
    def mutability(self) -> str:
        """Tag mutability in the ECR API."""
        return "IMMUTABLE_WITH_EXCLUSION" if self.mutable_tags else "IMMUTABLE"

    def is_mutable(self, tag: str) -> bool:
        """Return True if the tag can be moved."""
        return any(fnmatchcase(tag, pattern) for pattern in self.mutable_tags)

    def lifecycle(self) -> str:
        """Return the lifecycle policy. Images with a tag never expire, because a job may name the tag.

        The policy has no rule for mutable tags: such a rule would also expire images that have another tag, which is
        immutable. When a mutable tag is moved, the previous image of the tag becomes untagged.
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
    """Yield the problems of a single replicated repository. For the arguments, see `ReplicatedRepository`."""
    yield from check_repository_name(("repository_name",), repository_name)
    destination_problems = list(check_destinations(regions, other_accounts, home))
    yield from destination_problems
    yield from _tag_problems(mutable_tags)
    yield from check_whole_number(("expire_after_days",), expire_after_days, 1, _MAX_DAYS, unit="days")
    if not destination_problems and isinstance(regions, Sequence):
        yield from _key_problems(kms_keys, [home.region, *regions], other_accounts)
    yield from _policy_problems(policy)


def template_problems(
    region: str, settings: RepositorySettings, other_settings: RepositorySettings, other_name: str
) -> Iterator[Problem]:
    """Yield the settings that differ between two repositories of a namespace, which share one creation template.

    Args:
        region: Region of the template.
        settings: Settings of the repository.
        other_settings: Settings of another repository of the namespace.
        other_name: Name of the other repository.
    """
    same = f"the value of {other_name}, because one creation template applies to the whole namespace"
    if set(settings.mutable_tags) != set(other_settings.mutable_tags):
        allowed = f"{same} and drops tags that are mutable only in the home Region"
        yield Problem(("mutable_tags",), list(settings.mutable_tags), allowed)
    if settings.kms_keys.get(region) != other_settings.kms_keys.get(region):
        yield Problem(("kms_keys", region), settings.kms_keys.get(region), same)
    for field in ("expire_after_days", "policy"):
        if getattr(settings, field) != getattr(other_settings, field):
            yield Problem((field,), getattr(settings, field), same)


def _tag_problems(mutable_tags: object) -> Iterator[Problem]:
    field = ("mutable_tags",)
    if isinstance(mutable_tags, str) or not isinstance(mutable_tags, Sequence):
        yield Problem(field, mutable_tags, "a list of tags, for example dev-*")
        return
    if len(mutable_tags) > MAX_MUTABLE_TAGS:
        yield Problem.relation(field, f"the list has {len(mutable_tags)} patterns: use at most {MAX_MUTABLE_TAGS}")
    allowed = f"1 to 128 characters of A-Z, a-z, 0-9, . _ and -, with at most {_MAX_WILDCARDS} *, for example dev-*"
    for index, pattern in enumerate(mutable_tags):
        yield from check_text(
            (*field, index),
            pattern,
            lambda text: _TAG_PATTERN.fullmatch(text) and text.count("*") <= _MAX_WILDCARDS,
            allowed,
        )
        if isinstance(pattern, str) and not pattern.strip("*"):
            allowed_pattern = "a pattern that does not match every tag: a deployed image needs an immutable tag"
            yield Problem((*field, index), pattern, allowed_pattern)
        if pattern in mutable_tags[:index]:
            yield Problem.relation((*field, index), f"{pattern} is listed twice: list each tag once")


def _key_problems(kms_keys: object, regions: Sequence[str], other_accounts: object) -> Iterator[Problem]:
    if not isinstance(kms_keys, Mapping):
        yield Problem(("kms_keys",), kms_keys, "a mapping of Regions to ARNs of KMS keys")
        return
    if not kms_keys:
        return
    if is_token(regions[0]):
        yield Problem.relation(("kms_keys",), "KMS keys require a stack with a Region: set the Region of the stack")
        return
    if other_accounts:
        yield Problem.relation(
            ("kms_keys",),
            "cannot be combined with other_accounts, because a creation template cannot use a key of another account: "
            "remove one of the two",
        )
    for region in regions:
        if region not in kms_keys:
            yield Problem(("kms_keys", region), None, "the ARN of a KMS key in this Region, or remove all KMS keys")
    for region, key in kms_keys.items():
        field = ("kms_keys", str(region))
        malformed = list(check_key(field, key))
        yield from malformed
        if region not in regions:
            yield Problem(field, region, "the Region of the repository, or one of regions")
        elif not malformed and not is_token(key) and key.split(":")[3] != region:
            yield Problem(field, key, f"a KMS key in {region}: a repository cannot use a key of another Region")
        elif not malformed and not is_token(key) and key.split(":")[1] != partition_name(region):
            yield Problem(field, key, f"a KMS key in partition {partition_name(region)}, which {region} belongs to")


def _policy_problems(policy: object) -> Iterator[Problem]:
    if policy is None:
        return
    if not isinstance(policy, Mapping):
        yield Problem(("policy",), policy, "a policy document as a mapping, with Version and Statement")
    elif (size := len(json.dumps(policy, separators=(",", ":"), default=str))) > MAX_POLICY:
        yield Problem.relation(("policy",), f"the policy has {size} characters: use at most {MAX_POLICY}")
