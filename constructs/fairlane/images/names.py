"""How images are named in Amazon ECR: repositories, tags, digests, Regions and URIs. Knows no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_text, is_region
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

MAX_URI: Final = 255
"""Characters of an image's URI in SageMaker (`TrainingImage`)."""

_NAME: Final = re.compile(
    r"(?=.{2,256}$)(?:[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
)
_PREFIX: Final = re.compile(r"(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_ACCOUNT: Final = re.compile(r"\d{12}")
_PARTITIONS: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A registry: there is one in each account and Region.

    Attributes:
        account: twelve digits, or a token.
        region: its Region, or a token.
    """

    account: str
    region: str

    def __str__(self) -> str:
        account = "this account" if is_token(self.account) else f"account {self.account}"
        return f"{'this Region' if is_token(self.region) else self.region} of {account}"


def partition_of(region: str) -> str:
    """The partition of a Region: images are replicated inside one."""
    return next((partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def namespace_of(repository_name: str) -> str:
    """All of a name before its last slash; nothing, for a name without one."""
    return repository_name.rpartition("/")[0]


def is_digest(version: str) -> bool:
    """Tells the digest of an image from a tag, which has no colon."""
    return ":" in version


def image_uri(place: Place, domain: str, repository_name: str, version: str) -> str:
    """The URI of an image.

    Args:
        place: the registry that it is pulled from.
        domain: what the addresses of AWS end in.
        repository_name: of its repository.
        version: its tag or digest.
    """
    mark = "@" if is_digest(version) else ":"
    return f"{place.account}.dkr.ecr.{place.region}.{domain}/{repository_name}{mark}{version}"


def check_repository_name(field: Path, name: object) -> Iterator[Problem]:
    """Checks the name of a repository; a token does not pass, as rules and templates are made of it."""
    if not isinstance(name, str) or is_token(name) or not _NAME.fullmatch(name):
        allowed = "2 to 256 of a-z, 0-9, . _ - and /, each part beginning and ending with a letter or number"
        yield Problem(field, name, f"{allowed}, known at synth")


def check_prefix(field: Path, prefix: object) -> Iterator[Problem]:
    """Checks what names of repositories to replicate begin with."""
    if not isinstance(prefix, str) or is_token(prefix) or not _PREFIX.fullmatch(prefix):
        yield Problem(field, prefix, "what names of repositories begin with: 2 to 256 of a-z, 0-9, . _ - and /")


def check_version(field: Path, version: object) -> Iterator[Problem]:
    """Checks the tag or digest of an image; a token passes."""
    allowed = "a tag, or better a digest: sha256: and 64 of 0-9 and a-f"
    yield from check_text(field, version, lambda text: _TAG.fullmatch(text) or _DIGEST.fullmatch(text), allowed)


def check_destinations(regions: object, other_accounts: object, home: Place) -> Iterator[Problem]:
    """Yields every mistake of where images of a registry shall be replicated to.

    Args:
        regions: those in the registry's own account.
        other_accounts: by another account, Regions there.
        home: the registry that they are pushed to.
    """
    first = [] if is_token(home.region) else [home.region]
    yield from _check_regions(("regions",), regions, first, home.region)
    if not isinstance(other_accounts, Mapping):
        yield Problem(("other_accounts",), other_accounts, "Regions by twelve digits of an account")
        return
    if not first and isinstance(regions, Sequence):
        first = [one for one in regions if isinstance(one, str) and not is_token(one)][:1]
    for account, theirs in other_accounts.items():
        field = ("other_accounts", str(account))
        yield from check_text(field, account, _ACCOUNT.fullmatch, "twelve digits of an account")
        if account == home.account:
            yield Problem(field, account, "another account: Regions of the repository's own stand in regions")
        yield from _check_regions(field, theirs, first, None)
        if isinstance(theirs, Sequence) and not theirs:
            yield Problem(field, theirs, "one Region or more")


def _check_regions(field: Path, regions: object, first: Sequence[str], home: str | None) -> Iterator[Problem]:
    if isinstance(regions, str) or not isinstance(regions, Sequence):
        yield Problem(field, regions, "a list of Regions, such as us-west-2")
        return
    for index, region in enumerate(regions):
        if is_token(region) or not isinstance(region, str) or not is_region(region):
            yield Problem((*field, index), region, "a Region such as us-west-2, known at synth")
        elif region == home:
            yield Problem((*field, index), region, "Regions other than the repository's own, which it is pushed to")
        elif region in regions[:index]:
            yield Problem((*field, index), region, "each Region once")
        else:
            others = [*first, *(one for one in regions[:index] if isinstance(one, str))]
            if others and partition_of(region) != partition_of(others[0]):
                allowed = f"Regions of the partition {partition_of(others[0])}, as of {others[0]}"
                yield Problem((*field, index), region, f"{allowed}: ECR replicates to no other")
