"""Conditional reads and writes in the bucket of a sweep store."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from fairlane_run.objects import code

_EXISTS = ("412", "PreconditionFailed")
_BUSY = ("409", "ConditionalRequestConflict")
_ABSENT = ("404", "NoSuchKey", "NotFound")
_CONFLICTS = 50


class Content(NamedTuple):
    """Object that was read.

    Attributes:
        body: Content of the object.
        etag: ETag of the object.
        age: Seconds since the write, by the clock of Amazon S3.
    """

    body: bytes
    etag: str
    age: float


class Entry(NamedTuple):
    """Object in a listing.

    Attributes:
        key: Key of the object.
        etag: ETag of the object.
        modified: Time of the write, in seconds since the epoch.
    """

    key: str
    etag: str
    modified: float


class Bucket:
    """Objects of a sweep store.

    Args:
        client: S3 client.
        name: Name of the bucket.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client = client

    def read(self, key: str) -> Content | None:
        """Return an object. None if it is absent."""
        try:
            response = self._client.get_object(Bucket=self.name, Key=key)
        except Exception as error:
            if code(error) in _ABSENT:
                return None
            raise
        date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        age = (now - response["LastModified"]).total_seconds()
        return Content(response["Body"].read(), response["ETag"], age)

    def put_once(self, key: str, content: bytes) -> str | None:
        """Write an object that does not exist, and return its ETag. None if it exists.

        A lost answer of a write that succeeded also gives None: read the object then.
        """
        return self._put(key, content, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, etag: str) -> str | None:
        """Replace an object with an ETag, and return the new ETag. None if another client has replaced it."""
        return self._put(key, content, IfMatch=etag)

    def put(self, key: str, content: bytes) -> None:
        """Write an object, also in place of another one."""
        self._client.put_object(Bucket=self.name, Key=key, Body=content)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield the objects below a prefix, in the order of their keys."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield Entry(entry["Key"], entry["ETag"], entry["LastModified"].timestamp())

    def _put(self, key: str, content: bytes, **condition: str) -> str | None:
        for attempt in range(_CONFLICTS):
            try:
                response = self._client.put_object(Bucket=self.name, Key=key, Body=content, **condition)
            except Exception as error:
                if code(error) in (*_EXISTS, *_ABSENT):
                    return None
                if code(error) not in _BUSY or attempt == _CONFLICTS - 1:
                    raise
            else:
                return str(response["ETag"])
        raise AssertionError


def to_json(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON."""
    return json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
