"""How far the replication of an image is, Region by Region."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.replication_gate._destinations import Destination

_NO_IMAGE: Final = "NO_IMAGE"
_NOT_STARTED: Final = "NOT_STARTED"
_MISSING: Final = ("ImageNotFoundException", "RepositoryNotFoundException")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"\w[\w.-]{0,299}", re.ASCII)
_REPOSITORY: Final = re.compile(r"(?=.{2,256}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")


class Image(NamedTuple):
    """An image, and where it shall be.

    Attributes:
        repository: its name.
        image: a tag, or a digest with `sha256:`.
        destinations: the registries.
    """

    repository: str
    image: str
    destinations: Sequence[Destination]


class Looked(NamedTuple):
    """How far an image is.

    Attributes:
        states: the state in each registry.
        failed: the failure code of each registry that it could not be replicated to.
    """

    states: dict[Destination, str]
    failed: dict[Destination, str]

    @property
    def complete(self) -> bool:
        """Whether it is everywhere."""
        return set(self.states.values()) == {"COMPLETE"}


def read_image(repository: object, image: object, destinations: Sequence[Destination]) -> Image:
    """An image as an event names it.

    Args:
        repository: its name.
        image: a tag, or a digest.
        destinations: where it shall be.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"repository must be the name of a repository, got {repository!r}")
    if not isinstance(image, str) or not (_DIGEST if _is_digest(image) else _TAG).fullmatch(image):
        raise ValueError(f"image must be a tag, or a digest as sha256:..., got {image!r}")
    return Image(repository, image, destinations)


def look(client: Any, wanted: Image, registry: str) -> Looked:
    """How far an image is, in one look.

    The registry that images are pushed to has the image as soon as there is one. `NOT_STARTED` is the state of one that
    ECR does not tell of: no rule replicates the image there, or it was pushed before there was one.

    Args:
        client: boto3's client for ECR, in the Region that images are pushed to.
        wanted: the image, and where it shall be.
        registry: the account that images are pushed to.
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
        return Looked(dict.fromkeys(wanted.destinations, _NO_IMAGE), {})
    states = dict.fromkeys(wanted.destinations, _NOT_STARTED)
    failed = {}
    for status in answer.get("replicationStatuses", []):
        place = status["region"], status["registryId"]
        if place in states:
            states[place] = status["status"]
            if status["status"] == "FAILED":
                failed[place] = status.get("failureCode") or "unknown"
    home = client.meta.region_name, registry
    if home in states:
        states[home] = "COMPLETE"
    return Looked(states, failed)


def _is_digest(image: str) -> bool:
    return image.startswith("sha256:")
