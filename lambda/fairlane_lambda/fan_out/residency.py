"""Residency of data: the Regions in which data below a prefix may be used."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

_ARN: Final = re.compile(r"arn:[a-z-]+:s3:::(.+)", re.DOTALL)
_VIRTUAL: Final = re.compile(r"(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?")
_PATH: Final = re.compile(r"s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?")


def is_allowed(location: str | None, region: str, residency: Mapping[str, Sequence[str]]) -> bool:
    """Return True if data may be used in a Region.

    Every prefix that the location lies below counts, and every prefix that lies below the location: a job that reads
    `s3://drives/` also reads `s3://drives/eu/`.

    Args:
        location: Location of the data, as `s3://` URI, as ARN or as URL of Amazon S3. None for no data.
        region: Region of the job, or of the copy.
        residency: Allowed Regions by prefix, for example `s3://drives-eu/`.
    """
    if location is None:
        return True
    place = s3_uri(location)
    return all(
        region in regions
        for prefix, regions in residency.items()
        if place.startswith(s3_uri(prefix)) or s3_uri(prefix).startswith(place)
    )


def s3_uri(location: str) -> str:
    """Return the `s3://` URI of a location in Amazon S3. Other locations are returned unchanged."""
    if match := _ARN.fullmatch(location):
        return f"s3://{match[1]}"
    scheme, separator, rest = location.partition("://")
    if separator and scheme.lower() in {"s3", "s3a", "s3n"}:
        return f"s3://{rest}"
    if separator and scheme.lower() in {"http", "https"}:
        parts = urlsplit(location)
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
