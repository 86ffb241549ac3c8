"""How far the replication of an image is, Region by Region."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

# A Region with several registries is as far as the last of them.
_WORST_FIRST: Final = ("FAILED", "IN_PROGRESS", "COMPLETE")
_NO_IMAGE: Final = "NO_IMAGE"
_NOT_STARTED: Final = "NOT_STARTED"
_MISSING: Final = ("ImageNotFoundException", "RepositoryNotFoundException")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"\w[\w.-]{0,299}", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9-]{2,25}")
_REPOSITORY: Final = re.compile(r"(?=.{2,256}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")


class Image(NamedTuple):
    """An image, and where it shall be.

    Attributes:
        repository: its name.
        image: a tag, or a digest with `sha256:`.
        regions: the Regions.
    """

    repository: str
    image: str
    regions: Sequence[str]


def read_image(repository: object, image: object, regions: object) -> Image:
    """An image as an event names it.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"repository must be the name of a repository, got {repository!r}")
    if not isinstance(image, str) or not (_DIGEST if _is_digest(image) else _TAG).fullmatch(image):
        raise ValueError(f"image must be a tag, or a digest as sha256:..., got {image!r}")
    if not isinstance(regions, list) or not regions:
        raise ValueError(f"regions must be a list of Regions, got {regions!r}")
    for region in regions:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise ValueError(f"regions must be names of Regions, got {region!r}")
    return Image(repository, image, regions)


def look(client: Any, wanted: Image) -> dict[str, Any]:
    """How far an image is, in one look.

    The Region of the client has the image as soon as there is one. `NOT_STARTED` is the state of a Region that ECR does
    not tell of: no rule replicates the image there, or it was pushed before there was one.

    Args:
        client: boto3's client for ECR, in the Region that images are pushed to.
        wanted: the image and its Regions.

    Returns:
        `complete`, whether it is everywhere; `regions`, the state in each; `failed`, the failure code of each Region
        where replication failed.
    """
    from botocore.exceptions import ClientError

    name = "imageDigest" if _is_digest(wanted.image) else "imageTag"
    try:
        answer = client.describe_image_replication_status(
            repositoryName=wanted.repository, imageId={name: wanted.image}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        return {"complete": False, "regions": dict.fromkeys(wanted.regions, _NO_IMAGE), "failed": {}}
    states = {region: "COMPLETE" if region == client.meta.region_name else _NOT_STARTED for region in wanted.regions}
    failed = {}
    for status in sorted(answer.get("replicationStatuses", []), key=_rank, reverse=True):
        region = status["region"]
        if region in states:
            states[region] = status["status"]
            if status["status"] == "FAILED":
                failed[region] = status.get("failureCode") or "unknown"
    return {"complete": set(states.values()) == {"COMPLETE"}, "regions": states, "failed": failed}


def _is_digest(image: str) -> bool:
    return image.startswith("sha256:")


def _rank(status: dict[str, str]) -> int:
    return _WORST_FIRST.index(status["status"]) if status["status"] in _WORST_FIRST else 1
