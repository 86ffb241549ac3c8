"""Objects of the local S3 as files of a process, and files as objects."""

import gzip
import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, s3_backends
from moto.utilities.utils import get_partition

from fairlane_local.processes.directories import open_file, write_file
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
            directory: Directory that was opened.
            shard: Index of the part of the objects, and number of parts. Default: all objects.
            unzip: True if the objects are compressed with gzip. Default: False.

        Raises:
            AttemptError: If the bucket does not exist, or if the name of an object is not a path below the directory.
        """
        bucket, prefix = _split(uri)
        index, parts = shard
        keys = self._keys(bucket, prefix)
        for key in keys[index::parts]:
            relative = Path(_relative(key.name, prefix))
            if relative.is_absolute() or ".." in relative.parts:
                raise AttemptError(f"ClientError: Data download failed: s3://{bucket}/{key.name} is not a valid path")
            write_file(directory, str(relative), gzip.decompress(key.value) if unzip else key.value)
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
        limit_mib: Size of a file in MiB. A sparse file can be larger than the disk.
    """

    def __init__(self, storage: Storage, uri: str, limit_mib: int) -> None:
        self._storage = storage
        self._uri = uri.rstrip("/")
        self._limit_mib = limit_mib
        self._seen: dict[str, tuple[int, int, int]] = {}

    def note(self, directory: Path) -> None:
        """Regard the files of a directory as uploaded."""
        self._seen |= {name: _version(os.fstat(file.fileno())) for name, file in _files(directory)}

    def update(self, directory: Path) -> None:
        """Upload the files that changed. Files that vanish meanwhile are left out.

        Raises:
            AttemptError: If the name of a file is not UTF-8, or if a file is larger than the limit.
        """
        for name, file in _files(directory):
            status = os.fstat(file.fileno())
            if self._seen.get(name) != _version(status):
                raw = os.fsencode(name)
                if raw.decode(errors="replace") != name:
                    raise AttemptError(f"ClientError: Artifact upload failed: the name of {raw!r} is not UTF-8")
                if status.st_size > self._limit_mib * _MEBIBYTE:
                    sentence = f"{name} is larger than {self._limit_mib} MiB"
                    raise AttemptError(f"ClientError: Artifact upload failed: {sentence}")
                self._storage.upload(f"{self._uri}/{name}", file.read(status.st_size))
                self._seen[name] = _version(status)


def archive(directories: Sequence[Path], limit_mib: int) -> bytes | None:
    """Return a compressed tar archive of the files of directories, or None if they are larger than a limit.

    Of several files with the same name, the archive contains the first.
    """
    buffer = io.BytesIO()
    names: set[str] = set()
    size = 0
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for directory in directories:
            for name, file in _files(directory):
                if name in names:
                    continue
                names.add(name)
                size += os.fstat(file.fileno()).st_size
                if size > limit_mib * _MEBIBYTE:
                    return None
                tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), file)
    return buffer.getvalue()


def _files(directory: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the regular files below a directory that was opened: relative name and file. Links are left out."""
    for folder, folders, names, descriptor in os.fwalk(f"{directory}/."):
        folders.sort()
        for name in sorted(names):
            file = open_file(Path(f"/proc/self/fd/{descriptor}", name))
            if file is not None:
                with file:
                    yield str(Path(folder, name).relative_to(directory)), file


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


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
