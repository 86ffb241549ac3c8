"""Lines of a part of a planned manifest, read from S3 in ranges."""

import json
from typing import Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name

_RANGE_BYTES: Final = 512 * 1024


class PartLine(NamedTuple):
    """Line of a part.

    Attributes:
        offset: Number of bytes in front of the line.
        fields: Fields of the line.
    """

    offset: int
    fields: dict[str, Any]


class Part:
    """Part of a planned manifest: its lines for one Region.

    Args:
        s3: boto3 client of S3.
        bucket: Name of the bucket.
        key: Key of the part.
        offset: Number of bytes in front of the first line to read.

    Attributes:
        offset: Number of bytes in front of the next line.
        is_at_end: True if there is no further line.
    """

    def __init__(self, s3: Any, bucket: str, key: str, offset: int) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self._buffer = b""
        self._start = 0
        self.offset = offset
        self.is_at_end = False

    def read(self, number: int) -> list[PartLine]:
        """Return the next lines, fewer at the end of the part."""
        lines: list[PartLine] = []
        while len(lines) < number and not self.is_at_end:
            end = self._buffer.find(b"\n", self._start)
            if end < 0:
                self._fill()
                continue
            lines.append(PartLine(self.offset, json.loads(self._buffer[self._start : end])))
            self.offset += end + 1 - self._start
            self._start = end + 1
        return lines

    def _fill(self) -> None:
        from botocore.exceptions import ClientError

        self._buffer, self._start = self._buffer[self._start :], 0
        start = self.offset + len(self._buffer)
        request = {"Bucket": self._bucket, "Key": self._key, "Range": f"bytes={start}-{start + _RANGE_BYTES - 1}"}
        try:
            body: bytes = self._s3.get_object(**request)["Body"].read()
        except ClientError as error:
            if error_name(error) != "InvalidRange":
                raise
            body = b"\n" if self._buffer else b""
        self._buffer += body
        self.is_at_end = not body
