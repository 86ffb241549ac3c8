"""Images of training jobs: the same digest in each Region, from the repository at home."""

import re
from functools import cache
from typing import Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.plan.queues import Clients
from fairlane_lambda.training_job import Mistake

_URI: Final = re.compile(r"([0-9]{12})\.dkr[.-]ecr\.([a-z0-9-]+)\.[a-z0-9.-]+/(.+)")
_REFERENCE: Final = re.compile(
    r"([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"  # repository
    r"(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"  # tag
    r"(?:@(sha256:[0-9a-f]{64}))?"  # digest
)
_ABSENT: Final = (
    "ImageNotFoundException",
    "RepositoryNotFoundException",
    "InvalidParameterException",
    "ParamValidationError",
)
"""Errors of a look-up without an image, also for names that no image can have."""


class Images:
    """Images of an account.

    Args:
        clients: Function that returns clients.
        account: ID of the account.
        home: Region whose images count.
    """

    def __init__(self, clients: Clients, account: str, home: str) -> None:
        self._clients, self._account, self._home = clients, account, home
        self.resolve = cache(self._resolve)
        self._digest = cache(self._read_digest)

    def _resolve(self, image: str, region: str) -> str | Mistake:
        """Return the URI of an image in a Region, with its digest, or the mistake.

        A short name, for example `training/pytorch:1`, and a URI of the account is looked up at home. Images of other
        accounts and registries stay as they are: their repositories allow to pull, not to look.

        Args:
            image: Image as it was written.
            region: Region of the job.
        """
        path = image
        if uri := _URI.fullmatch(image):
            account, place, path = uri.groups()
            if place not in (region, self._home) or (account != self._account and place != region):
                places = dict.fromkeys((region, self._home) if account == self._account else (region,))
                return Mistake(("image",), image, f"an image in {' or '.join(places)}")
            if account != self._account:
                return image
        elif "." in image.partition("/")[0] and "/" in image:
            return image
        reference = _REFERENCE.fullmatch(path)
        if not reference:
            return Mistake(("image",), image, "repository:tag, repository@digest or the URI of an image")
        repository, tag, digest = reference.groups()
        found = self._digest(self._home, repository, digest or tag or "latest")
        if found is None:
            sentence = f"no image {image} in {self._home}, the home Region: push it there, or correct the name"
            return Mistake(("image",), sentence=sentence)
        if region != self._home and self._digest(region, repository, found) is None:
            sentence = f"{image}: {region} has no copy of {repository}@{found[:19]}: replicate the repository"
            return Mistake(("image",), sentence=sentence)
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"{self._account}.dkr.ecr.{region}.{suffix}/{repository}@{found}"

    def _read_digest(self, region: str, repository: str, reference: str) -> str | None:
        """Return the digest of an image. None if it is absent.

        Args:
            region: Region of the repository.
            repository: Name of the repository.
            reference: Tag or digest.
        """
        name = "imageDigest" if reference.startswith("sha256:") else "imageTag"
        request = {"repositoryName": repository, "imageIds": [{name: reference}]}
        try:
            details = self._clients("ecr", region).describe_images(**request)["imageDetails"]
        except Exception as error:
            if error_name(error) in _ABSENT:
                return None
            raise
        return str(details[0]["imageDigest"]) if details else None
