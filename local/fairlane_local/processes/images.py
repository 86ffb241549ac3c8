"""Directories that stand for images."""

from collections.abc import Mapping

from fairlane_local.processes.work import AttemptError


def image_directory(images: Mapping[str, str], image: str) -> str:
    """Return the directory that stands for an image.

    Args:
        images: Directories by the name of the image, with or without registry and tag.
        image: Image of a job.

    Raises:
        AttemptError: If there is none.
    """
    for name in image_names(image):
        if name in images:
            return images[name]
    repository = image_names(image)[-1]
    sentence = f"CannotPullContainerError: no directory stands for the image {image}"
    raise AttemptError(f"{sentence}: start the local AWS with --image {repository}=DIR")


def image_names(image: str) -> list[str]:
    """Return the names of an image, from the whole name to the repository without registry and tag."""
    without_digest = image.partition("@")[0]
    registry, _, rest = without_digest.partition("/")
    has_registry = bool(rest) and ("." in registry or ":" in registry or registry == "localhost")
    repository = rest if has_registry else without_digest
    names = [image, without_digest, _without_tag(without_digest), repository, _without_tag(repository)]
    return list(dict.fromkeys(names))


def _without_tag(name: str) -> str:
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
