"""Objects of the local S3 as files of a process, and files as objects."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, s3_backends
from moto.utilities.utils import get_partition

from fairlane_local.processes.work import AttemptError

_MEBIBYTE: Final = 1 << 20


class Storage:
    """S3 of one account and Region.

    Args:
        account_id: Account of the jobs.
        region: Region of the jobs.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self._s3 = s3_backends[account_id][get_partition(region)]

    def download(self, uri: str, directory: Path, shard: tuple[int, int] = (0, 1), *, unzip: bool = False) -> int:
        """Write the objects below an S3 URI into a directory, and return their number.

        Args:
            uri: S3 URI of a prefix.
            directory: Directory, which is created.
            shard: Index of the part of the objects, and number of parts. Default: all objects.
            unzip: True if the objects are compressed with gzip. Default: False.

        Raises:
            AttemptError: If the bucket does not exist, or if the name of an object is not a path below the directory.
        """
        directory.mkdir(parents=True, exist_ok=True)
        bucket, prefix = _split(uri)
        index, parts = shard
        keys = self._keys(bucket, prefix)
        for key in keys[index::parts]:
            relative = Path(_relative(key.name, prefix))
            if relative.is_absolute() or ".." in relative.parts:
                raise AttemptError(f"ClientError: Data download failed: s3://{bucket}/{key.name} is not a valid path")
            file = directory / relative
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.decompress(key.value) if unzip else key.value)
        return len(keys)

    def upload(self, uri: str, content: bytes) -> None:
        """Write an object.

        Raises:
            AttemptError: If the bucket does not exist.
        """
        bucket, key = _split(uri)
        try:
            versioned = self._s3.get_bucket(bucket).is_versioned
            old = None if versioned else self._s3.get_object(bucket, key)
            self._s3.put_object(bucket, key, content)
            if old is not None:  # moto would keep the content of each version of a checkpoint
                old.dispose()
        except MissingBucket:
            raise AttemptError(f"ClientError: Artifact upload failed: the bucket {bucket} does not exist") from None

    def _keys(self, bucket: str, prefix: str) -> list[FakeKey]:
        try:
            objects: Any = dict(self._s3.get_bucket(bucket).keys.items())
        except MissingBucket:
            raise AttemptError(f"ClientError: Data download failed: the bucket {bucket} does not exist") from None
        names = sorted(name for name in objects if name.startswith(prefix) and not name.endswith("/"))
        return [objects[name] for name in names if isinstance(objects[name], FakeKey)]


class UploadedFiles:
    """Files of a directory that were uploaded, so that only changed files are uploaded again.

    Args:
        storage: S3 of the job.
        uri: S3 URI of the prefix.
    """

    def __init__(self, storage: Storage, uri: str) -> None:
        self._storage = storage
        self._uri = uri.rstrip("/")
        self._seen: dict[str, tuple[int, int, int]] = {}

    def note(self, directory: Path) -> None:
        """Regard the files of a directory as uploaded."""
        self._seen |= {name: version for name, _, version in _files(directory)}

    def update(self, directory: Path) -> None:
        """Upload the files that changed. Files that vanish meanwhile are left out."""
        for name, path, version in _files(directory):
            if self._seen.get(name) != version:
                try:
                    content = path.read_bytes()
                except FileNotFoundError:
                    continue
                self._storage.upload(f"{self._uri}/{name}", content)
                self._seen[name] = version


def archive(directories: Sequence[Path], limit_mib: int) -> bytes | None:
    """Return a compressed tar archive of the files of directories, or None if they are larger than a limit."""
    files = {name: path for directory in reversed(directories) for name, path, _ in _files(directory)}
    if sum(path.stat().st_size for path in files.values()) > limit_mib * _MEBIBYTE:
        return None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name in sorted(files):
            tar.add(files[name], name)
    return buffer.getvalue()


def _files(directory: Path) -> Iterator[tuple[str, Path, tuple[int, int, int]]]:
    """Yield the regular files below a directory: relative name, path and version. Links are left out."""
    if directory.is_symlink():
        return
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(folder, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield (
                    str(path.relative_to(directory)),
                    path,
                    (status.st_ino, status.st_mtime_ns, status.st_size),
                )


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise AttemptError(f"ClientError: got {uri!r}, allowed: an S3 URI such as s3://bucket/prefix")
    return parts.netloc, parts.path.lstrip("/")


def _relative(name: str, prefix: str) -> str:
    """Return the name of an object below a prefix, which can end within a name."""
    if name.startswith(prefix.rstrip("/") + "/") and prefix:
        return name[len(prefix.rstrip("/")) + 1 :]
    return name[prefix.rfind("/") + 1 :]
