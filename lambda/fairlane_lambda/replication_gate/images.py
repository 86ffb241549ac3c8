"""Replication status of an image in each destination."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.replication_gate.destinations import Destination

_NO_IMAGE: Final = "NO_IMAGE"
_NOT_STARTED: Final = "NOT_STARTED"
_MISSING: Final = ("ImageNotFoundException", "RepositoryNotFoundException")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"\w[\w.-]{0,299}", re.ASCII)
_REPOSITORY: Final = re.compile(r"(?=.{2,256}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")


class Image(NamedTuple):
    """Image and its destinations.

    Attributes:
        repository: Name of the repository.
        reference: Tag, or digest with `sha256:`.
        destinations: Registries that the image is replicated to.
    """

    repository: str
    reference: str
    destinations: Sequence[Destination]


class ReplicationStatus(NamedTuple):
    """Replication status of an image.

    Attributes:
        states: State in each registry.
        failures: Failure code of each registry whose replication failed.
    """

    states: dict[Destination, str]
    failures: dict[Destination, str]

    @property
    def complete(self) -> bool:
        """True if every registry has the image."""
        return set(self.states.values()) == {"COMPLETE"}


def read_image(repository: object, image: object, destinations: Sequence[Destination]) -> Image:
    """Return the image of an event.

    Args:
        repository: Name of the repository.
        image: Tag or digest.
        destinations: Registries that the image is replicated to.

    Raises:
        ValueError: If the name of the repository, the tag or the digest is malformed.
    """
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"repository must be a repository name, got {repository!r}")
    if not isinstance(image, str) or not (_DIGEST if _is_digest(image) else _TAG).fullmatch(image):
        raise ValueError(f"image must be a tag or a digest (sha256:...), got {image!r}")
    return Image(repository, image, destinations)


def replication_status(client: Any, image: Image, registry: str) -> ReplicationStatus:
    """Return the replication status of an image, from one call.

    The registry that images are pushed to has each image at once. `NOT_STARTED` is the state of a registry that ECR
    does not report: no rule replicates the image to it, or the image was pushed before the rule existed.

    Args:
        client: boto3 client of ECR, in the Region that images are pushed to.
        image: Image and its destinations.
        registry: Account that images are pushed to.
    """
    from botocore.exceptions import ClientError

    name = "imageDigest" if _is_digest(image.reference) else "imageTag"
    try:
        response = client.describe_image_replication_status(
            repositoryName=image.repository, imageId={name: image.reference}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        return ReplicationStatus(dict.fromkeys(image.destinations, _NO_IMAGE), {})
    states = dict.fromkeys(image.destinations, _NOT_STARTED)
    failures = {}
    for status in response.get("replicationStatuses", []):
        destination = status["region"], status["registryId"]
        if destination in states:
            states[destination] = status["status"]
            if status["status"] == "FAILED":
                failures[destination] = status.get("failureCode") or "unknown"
    home = client.meta.region_name, registry
    if home in states:
        states[home] = "COMPLETE"
    return ReplicationStatus(states, failures)


def _is_digest(image: str) -> bool:
    return image.startswith("sha256:")
