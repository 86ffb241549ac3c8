"""Objects of a sweep in Amazon S3. Each request names the bucket, so that a role can be limited to it."""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CONFLICT_SECONDS = 0.2
_CONFLICTS = 50


class Objects:
    """Reads and conditional writes in the bucket of a sweep store.

    Args:
        bucket: Name of the bucket.
        client: S3 client. Default: a client of boto3 for the Region of the container.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:
        self._bucket = bucket
        self._client = client or _client()

    def read_range(self, key: str, etag: str, start: int, length: int) -> bytes | None:
        """Return bytes of an object. None if its ETag is another one or if the object is absent.

        Args:
            key: Key of the object.
            etag: ETag that the object must have.
            start: First byte.
            length: Number of bytes.
        """
        span = f"bytes={start}-{start + length - 1}"
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag, Range=span)
        except Exception as error:
            if code(error) in ("412", "PreconditionFailed", "404", "NoSuchKey"):
                return None
            raise
        body: bytes = response["Body"].read()
        return body

    def exists(self, key: str) -> bool:
        """Return True if an object exists."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except Exception as error:
            if code(error) in ("404", "NoSuchKey", "NotFound"):
                return False
            raise
        return True

    def put(self, key: str, body: bytes = b"") -> None:
        """Write an object."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def put_once(self, key: str, body: bytes) -> bool:
        """Write an object that does not exist. Return False if it exists.

        S3 answers 409 while another conditional write is in progress: the write is then repeated.
        """
        for attempt in range(_CONFLICTS):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except Exception as error:
                if code(error) in ("412", "PreconditionFailed"):
                    return False
                if code(error) not in ("409", "ConditionalRequestConflict") or attempt == _CONFLICTS - 1:
                    raise
                time.sleep(_CONFLICT_SECONDS)
            else:
                return True
        raise AssertionError

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, of one index the latest last."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        found = [entry for page in pages for entry in page.get("Contents", [])]
        for entry in sorted(found, key=lambda entry: entry["LastModified"]):
            yield entry["Key"]


def code(error: Exception) -> str:
    """Return the error code of a failed request. Empty for other errors."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def to_json(record: dict[str, Any]) -> bytes:
    """Return a record as one line of JSON, as tables of Amazon Athena require it."""
    return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _client() -> Any:
    import boto3
    from botocore.config import Config

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return boto3.client("s3", region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 10}))
