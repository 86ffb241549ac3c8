"""Objects of a plan in the bucket, with conditions, and the parts of its Regions."""

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name

_ABSENT: Final = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")
_EXISTS: Final = ("412", "PreconditionFailed")
_BUSY: Final = ("409", "ConditionalRequestConflict")
_ATTEMPTS: Final = 5
_BUSY_SECONDS: Final = 0.2
_SPOOLED: Final = 1024 * 1024


class Object(NamedTuple):
    """Object in a bucket.

    Attributes:
        body: Stream of its content.
        version: Version ID.
        etag: ETag.
        at: Time at which it was written, in epoch seconds. That of a multipart upload is its start.
    """

    body: Any
    version: str
    etag: str
    at: int


class Bucket:
    """Bucket.

    Args:
        client: S3 client.
        name: Name of the bucket.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client, self.name = client, name

    def open(self, key: str, version: str | None = None) -> Object | None:
        """Return an object, or None if it is absent."""
        options = {"VersionId": version} if version else {}
        try:
            response = self._client.get_object(Bucket=self.name, Key=key, **options)
        except Exception as error:
            if error_name(error) in _ABSENT:
                return None
            raise
        at = int(response["LastModified"].timestamp())
        return Object(response["Body"], response.get("VersionId", ""), response["ETag"], at)

    def read(self, key: str) -> bytes | None:
        """Return the content of an object. None if it is absent."""
        found = self.open(key)
        return None if found is None else found.body.read()

    def put(self, key: str, content: Any, **condition: str) -> str | None:
        """Write an object, and return its ETag. None if the condition does not hold.

        Amazon S3 answers 409 while another conditional write is in progress: the write is then repeated.

        Args:
            key: Key of the object.
            content: Bytes or an open file.
            condition: `IfNoneMatch` or `IfMatch`.
        """
        for attempt in range(_ATTEMPTS):
            if not isinstance(content, bytes):
                content.seek(0)  # a refused write has read it
            try:
                response = self._client.put_object(Bucket=self.name, Key=key, Body=content, **condition)
            except Exception as error:
                if condition and error_name(error) in (*_EXISTS, *_ABSENT):
                    return None
                if error_name(error) not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_BUSY_SECONDS)
            else:
                return str(response["ETag"])
        raise AssertionError

    def put_once(self, key: str, content: Any) -> str:
        """Write an object unless it exists, and return its ETag, which a second write can change with a KMS key."""
        while (etag := self.put(key, content, IfNoneMatch="*")) is None:
            if found := self.open(key):
                return found.etag
        return etag

    def is_newer(self, key: str, version: str, other: str) -> bool:
        """Return True if a version of an object is newer than another one. Absent versions are older."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=key)
        versions = (entry for page in pages for entry in page.get("Versions", []) if entry["Key"] == key)
        return next((one for entry in versions if (one := entry["VersionId"]) in (version, other)), other) == version

    def put_same(self, key: str, content: bytes) -> str:
        """Write an object whose key names its content, unless it exists, and return its ETag."""
        etag = self.put(key, content, IfNoneMatch="*")
        return etag or str(self._client.head_object(Bucket=self.name, Key=key)["ETag"])


class Parts:
    """Parts of a plan, one for each Region, in temporary files until all lines are checked."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[IO[bytes], Any]] = {}

    def write(self, region: str, record: Mapping[str, Any]) -> None:
        """Add a line to the part of a Region."""
        if region not in self._files:
            self._files[region] = tempfile.SpooledTemporaryFile(_SPOOLED), hashlib.sha256()  # noqa: SIM115
        file, digest = self._files[region]
        content = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        file.write(content)
        digest.update(content)

    def put(self, bucket: Bucket, folder: str) -> dict[str, str]:
        """Write the parts, and return their keys by Region. A key names the content, so that no plan changes another's.

        Args:
            bucket: Bucket of the fan-out.
            folder: Prefix of the objects of the plan.
        """
        keys = {}
        for region, (file, digest) in sorted(self._files.items()):
            keys[region] = f"{folder}{region}.{digest.hexdigest()[:16]}.jsonl"
            bucket.put(keys[region], file, IfNoneMatch="*")
        return keys

    def close(self) -> None:
        """Delete the files."""
        for file, _ in self._files.values():
            file.close()
