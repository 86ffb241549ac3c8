"""Amazon S3 in memory, with versions, ranges and conditional writes."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from .fake_batch import failure


class FakeObjects:
    """Client of Amazon S3 with one bucket, whose name does not matter.

    Attributes:
        now: Time at which objects are written, in epoch seconds.
    """

    exceptions = SimpleNamespace(NoSuchKey=ClientError)

    def __init__(self) -> None:
        self._objects: dict[str, list[tuple[bytes, int]]] = {}
        self.now = 1_800_000_000

    def put_object(self, Key: str, Body: Any, IfNoneMatch: str = "", IfMatch: str = "", **_: Any) -> dict[str, str]:  # noqa: N803
        versions = self._objects.setdefault(Key, [])
        if (IfNoneMatch and versions) or (IfMatch and (not versions or _etag(versions[-1][0]) != IfMatch)):
            raise failure("PreconditionFailed", 412, "", "PutObject")
        content = Body if isinstance(Body, bytes) else Body.read()
        versions.append((content, self.now))
        return {"ETag": _etag(content), "VersionId": f"{len(versions)}"}

    def get_object(self, Key: str, VersionId: str = "0", Range: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        versions = self._objects.get(Key)
        if not versions:
            raise failure("NoSuchKey", 404, "", "GetObject")
        number = int(VersionId) or len(versions)
        content, at = versions[number - 1]
        if Range:
            first, last = map(int, Range.removeprefix("bytes=").split("-"))
            if first >= len(content):
                raise failure("InvalidRange", 416, "", "GetObject")
            content = content[first : last + 1]
        stream = BytesIO(content)
        body = SimpleNamespace(read=stream.read, iter_chunks=lambda size: iter(lambda: stream.read(size), b""))
        modified = datetime.fromtimestamp(at, UTC)
        return {"Body": body, "VersionId": f"{number}", "ETag": _etag(content), "LastModified": modified}

    def head_object(self, Key: str, **_: Any) -> dict[str, str]:  # noqa: N803
        return {"ETag": _etag(self._objects[Key][-1][0])}

    def get_bucket_location(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_object_versions"

        def paginate(Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
            for key in sorted(key for key in self._objects if key.startswith(Prefix)):
                for number in range(len(self._objects[key]), 0, -1):
                    yield {"Versions": [{"Key": key, "VersionId": f"{number}"}]}

        return SimpleNamespace(paginate=paginate)


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
