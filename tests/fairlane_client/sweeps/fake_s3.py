"""Amazon S3 with conditional writes, pages and dates of whole seconds, in memory."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from typing import Any

from botocore.exceptions import ClientError

PAGE = 1000


class FakeS3:
    """One bucket.

    Attributes:
        objects: Content, ETag and time by key.
        read_bytes: Number of bytes that were read.
    """

    def __init__(self, world: Any) -> None:
        self._world = world
        self.objects: dict[str, tuple[bytes, str, float]] = {}
        self.read_bytes = 0

    def write(self, key: str, body: bytes) -> str:
        """Write an object, without a call."""
        etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
        self.objects[key] = body, etag, self._world.now
        return etag

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def put_object(self, **request: Any) -> dict[str, Any]:
        key = request["Key"]

        def put() -> dict[str, Any]:
            if request.get("IfNoneMatch") and key in self.objects:
                raise _error("PreconditionFailed", 412, "PutObject")
            if match := request.get("IfMatch"):
                if key not in self.objects:
                    raise _error("NoSuchKey", 404, "PutObject")
                if self.objects[key][1] != match:
                    raise _error("PreconditionFailed", 412, "PutObject")
            return {"ETag": self.write(key, request["Body"])}

        answer: dict[str, Any] = self._world.call("put_object", put)
        return answer

    def get_object(self, **request: str) -> dict[str, Any]:
        key = request["Key"]

        def get() -> dict[str, Any]:
            if key not in self.objects:
                raise _error("NoSuchKey", 404, "GetObject")
            body, etag, written = self.objects[key]
            self.read_bytes += len(body)
            headers = {"date": format_datetime(_date(self._world.now), usegmt=True)}
            return {
                "Body": io.BytesIO(body),
                "ETag": etag,
                "LastModified": _date(written),
                "ResponseMetadata": {"HTTPHeaders": headers},
            }

        answer: dict[str, Any] = self._world.call("get_object", get)
        return answer

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        last, more = "", True
        while more:
            page: list[dict[str, Any]] = self._world.call(
                "list_objects_v2", lambda last=last: self._page(request["Prefix"], last)
            )
            yield {"Contents": page} if page else {}
            more = len(page) == PAGE
            last = page[-1]["Key"] if page else ""

    def _page(self, prefix: str, last: str) -> list[dict[str, Any]]:
        keys = [key for key in self.keys(prefix) if key > last][:PAGE]
        return [{"Key": key, "ETag": self.objects[key][1], "LastModified": _date(self.objects[key][2])} for key in keys]


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _error(code: str, status: int, operation: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)
