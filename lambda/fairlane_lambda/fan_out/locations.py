"""Locations of data in Amazon S3, in the ways in which they can be written."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

_ARN: Final = re.compile(r"arn:[a-z-]+:s3:::(.+)", re.DOTALL)
_VIRTUAL: Final = re.compile(r"(.+)\.s3(?!-accesspoint|-object-lambda)[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?")
_ACCESS_POINT: Final = re.compile(r"arn:[a-z-]+:s3.*|.*(-s3alias|--ol-s3|\.mrap|s3-accesspoint.*|s3-object-lambda.*)")
_PATH: Final = re.compile(r"s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?")


@lru_cache(1024)
def s3_uri(location: str) -> str:
    """Return the `s3://` URI of a location in Amazon S3. Other locations are returned unchanged."""
    if match := _ARN.fullmatch(location):
        return f"s3://{match[1]}"
    scheme, separator, rest = location.partition("://")
    if separator and scheme.lower() in {"s3", "s3a", "s3n"}:
        return f"s3://{rest}"
    if separator and scheme.lower() in {"http", "https"}:
        try:
            parts = urlsplit(location)
        except ValueError:
            return location
        host, path = (parts.hostname or ""), unquote(parts.path).lstrip("/")
        if match := _VIRTUAL.fullmatch(host):
            return f"s3://{match[1]}/{path}"
        if _PATH.fullmatch(host):
            return f"s3://{path}"
    return location


def bucket(location: str | None) -> str:
    """Return the bucket of a location. Empty if the location is not in Amazon S3."""
    uri = s3_uri(location or "")
    return uri.removeprefix("s3://").partition("/")[0] if uri.startswith("s3://") else ""


def is_access_point(location: str) -> bool:
    """Return True if a location names an access point, which does not tell its bucket."""
    uri = s3_uri(location)
    return _ACCESS_POINT.fullmatch(uri.rpartition("://")[2].partition("/")[0].lower()) is not None


def copy_target(data: str, copy_to: str) -> str:
    """Return the location of a copy. The objects keep their keys below `copy_to`, as in S3 Batch Operations.

    Args:
        data: Location of the data in Amazon S3.
        copy_to: Bucket or prefix of the copy, for example `s3://drives-us/`.
    """
    key = s3_uri(data).removeprefix("s3://").partition("/")[2]
    return f"{s3_uri(copy_to).rstrip('/')}/{key}"
