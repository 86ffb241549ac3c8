"""Residency of data: the Regions in which data below a prefix may be used."""

from collections.abc import Mapping, Sequence

from fairlane_lambda.fan_out.locations import is_access_point, s3_uri


def is_allowed(location: str | None, region: str, residency: Mapping[str, Sequence[str]]) -> bool:
    """Return True if data may be used in a Region.

    Every prefix that the location lies below counts, and every prefix that lies below the location: a job that reads
    `s3://drives/` also reads `s3://drives/eu/`. Access points do not tell their buckets, so they are allowed only
    without residency.

    Args:
        location: Location of the data, as `s3://` URI, as ARN or as URL of Amazon S3. None for no data.
        region: Region of the job, or of the copy.
        residency: Allowed Regions by prefix, for example `s3://drives-eu/`.
    """
    if location is None or not residency:
        return True
    if is_access_point(location):
        return False
    place = s3_uri(location)
    if place.startswith("s3://") and "/" not in place.removeprefix("s3://"):
        place += "/"
    return all(
        region in regions
        for prefix, regions in residency.items()
        if place.startswith(s3_uri(prefix)) or s3_uri(prefix).startswith(place)
    )
