"""Names in Amazon ECR: registries, repositories, tags, digests and image URIs. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_text, is_region
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

MAX_URI: Final = 255
"""Most characters of an image's URI in SageMaker (`TrainingImage`)."""

_NAME: Final = re.compile(
    r"(?=.{2,256}$)(?:[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
)
_PREFIX: Final = re.compile(r"(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
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
    """Account and Region of a private registry. Each account has one registry in each Region.

    Attributes:
        account: Account ID of twelve digits, or a token.
        region: Region, or a token.
    """

    account: str
    region: str

    def __str__(self) -> str:
        account = "this account" if is_token(self.account) else f"account {self.account}"
        return f"{'this Region' if is_token(self.region) else self.region} of {account}"


def partition_name(region: str) -> str:
    """Return the partition of a Region. ECR replicates images only within a partition."""
    return next((partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def repository_namespace(repository_name: str) -> str:
    """Return the part of a repository name before its last slash. Empty for a name without a slash."""
    return repository_name.rpartition("/")[0]


def is_digest(version: str) -> bool:
    """Return True for the digest of an image, False for a tag, which has no colon."""
    return ":" in version


def image_uri(place: Place, domain: str, repository_name: str, version: str) -> str:
    """Return the URI of an image.

    Args:
        place: Registry that the image is pulled from.
        domain: Domain of AWS's addresses in the Region, for example amazonaws.com.
        repository_name: Name of the repository.
        version: Tag or digest of the image.
    """
    mark = "@" if is_digest(version) else ":"
    return f"{place.account}.dkr.ecr.{place.region}.{domain}/{repository_name}{mark}{version}"


def check_repository_name(field: Path, name: object) -> Iterator[Problem]:
    """Check the name of a repository. A token is refused, because rules and templates depend on the name."""
    if not isinstance(name, str) or is_token(name) or not _NAME.fullmatch(name):
        allowed = "2 to 256 characters of a-z, 0-9, . _ - and /, each part starting and ending with a letter or number"
        yield Problem(field, name, f"{allowed}, known at synth")


def check_prefix(field: Path, prefix: object) -> Iterator[Problem]:
    """Check a prefix of repository names."""
    if not isinstance(prefix, str) or is_token(prefix) or not _PREFIX.fullmatch(prefix):
        yield Problem(field, prefix, "a prefix of repository names: 2 to 256 characters of a-z, 0-9, . _ - and /")


def check_version(field: Path, version: object) -> Iterator[Problem]:
    """Check the tag or digest of an image; a token passes."""
    allowed = "a tag, or preferably a digest: sha256: and 64 characters of 0-9 and a-f"
    yield from check_text(field, version, lambda text: _TAG.fullmatch(text) or _DIGEST.fullmatch(text), allowed)


def check_destinations(regions: object, other_accounts: object, home: Place) -> Iterator[Problem]:
    """Yield the problems of replication destinations.

    Args:
        regions: Destination Regions in the registry's own account.
        other_accounts: Destination Regions by the ID of another account.
        home: Registry that images are pushed to.
    """
    reference = [] if is_token(home.region) else [home.region]
    yield from _check_regions(("regions",), regions, reference, home.region)
    if not isinstance(other_accounts, Mapping):
        yield Problem(("other_accounts",), other_accounts, "a mapping of 12-digit account IDs to lists of Regions")
        return
    if not reference and isinstance(regions, Sequence):
        reference = [region for region in regions if isinstance(region, str) and not is_token(region)][:1]
    for account, account_regions in other_accounts.items():
        field = ("other_accounts", str(account))
        yield from check_text(field, account, _ACCOUNT.fullmatch, "an account ID of twelve digits")
        if account == home.account:
            yield Problem.relation(field, f"{account} is the repository's own account: list its Regions in regions")
        yield from _check_regions(field, account_regions, reference, None)
        if isinstance(account_regions, Sequence) and not account_regions:
            yield Problem(field, account_regions, "a list of one or more Regions")


def _check_regions(field: Path, regions: object, reference: Sequence[str], home: str | None) -> Iterator[Problem]:
    if isinstance(regions, str) or not isinstance(regions, Sequence):
        yield Problem(field, regions, "a list of Regions, for example us-west-2")
        return
    for index, region in enumerate(regions):
        if is_token(region) or not isinstance(region, str) or not is_region(region):
            yield Problem((*field, index), region, "a Region known at synth, for example us-west-2")
        elif region == home:
            yield Problem((*field, index), region, "a Region other than the repository's own Region")
        elif region in regions[:index]:
            yield Problem.relation((*field, index), f"{region} is listed twice: list each Region once")
        else:
            others = [*reference, *(other for other in regions[:index] if isinstance(other, str))]
            if others and partition_name(region) != partition_name(others[0]):
                allowed = f"a Region of partition {partition_name(others[0])}, which {others[0]} belongs to"
                yield Problem((*field, index), region, f"{allowed}: ECR replicates only within a partition")
