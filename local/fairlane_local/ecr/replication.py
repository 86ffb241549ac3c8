"""Replication of pushed images to other Regions and accounts, by the rules of their registry."""

from typing import Any

from moto.ecr.exceptions import ImageAlreadyExistsException
from moto.ecr.models import ECRBackend, ecr_backends

_put_image = ECRBackend.put_image


def install() -> None:
    """Make moto replicate images. A copy has the digest of the original, and exists at once.

    AWS replicates within minutes, and creates a missing repository at the destination. Copies are not replicated again.
    """
    ECRBackend.put_image = _put_and_replicate  # type: ignore[method-assign]


def _put_and_replicate(
    self: ECRBackend,
    repository_name: str,
    image_manifest: str,
    image_tag: str,
    image_manifest_mediatype: str | None = None,
    digest: str | None = None,
) -> Any:
    image = _put_image(self, repository_name, image_manifest, image_tag, image_manifest_mediatype, digest)
    for rule in self.replication_config["rules"]:
        prefixes = [pattern["filter"] for pattern in rule.get("repositoryFilters") or ()] or [""]
        if not repository_name.startswith(tuple(prefixes)):
            continue
        for destination in rule["destinations"]:
            other = ecr_backends[destination["registryId"]][destination["region"]]
            if repository_name not in other.repositories:
                other.create_repository(repository_name, None, {}, None, "MUTABLE", [])
            try:
                _put_image(
                    other,
                    repository_name,
                    image_manifest,
                    image_tag,
                    image_manifest_mediatype,
                    image.get_image_digest(),
                )
            except ImageAlreadyExistsException:
                continue
    return image
