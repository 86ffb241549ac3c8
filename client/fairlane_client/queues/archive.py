"""Reader of job archives, in Amazon S3 or in a local copy."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.queues.archive_records import ArchivedJob, latest, read_records
from fairlane_client.queues.calls import NotAllowed
from fairlane_run.objects import code

T = TypeVar("T")

_S3: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_OBJECT: Final = re.compile(r"queue=([^/]+)/day=(\d{4}-\d{2}-\d{2})/[^/]+\.jsonl\.gz")
_DENIED: Final = ("403", "AccessDenied")
_FORM: Final = "a folder or S3 URI with keys such as jobs/queue=training-p4/day=2026-11-30/0123.jsonl.gz"


class _Object(NamedTuple):
    day: date
    name: str
    read: Callable[[], bytes]


def read_archive(
    location: str, queue: str | None = None, start: date | None = None, end: date | None = None, client: Any = None
) -> list[ArchivedJob]:
    """Return the jobs of an archive, each once, in the order of their ends.

    Args:
        location: Folder or S3 URI of the archive, for example `s3://BUCKET`: with or without `jobs/` at its end.
        queue: Name of a queue. Default: all queues.
        start: First day on which jobs ended, in UTC. Default: the first day of the archive.
        end: Last day on which jobs ended, in UTC, included. Default: the last day of the archive.
        client: S3 client. Default: a client of boto3. A folder needs none.

    Raises:
        ConfigurationError: If the location is no archive or has an object that is damaged, or if it has no job of the
            queue and no first day is given.
        NotAllowed: If the caller may not read the archive.
        ImportError: If the location is in Amazon S3 and boto3 is missing.
        LookupError: If the location is in Amazon S3 and no Region is configured.
    """
    days = read_days(location, queue, start, end, client)
    return sorted(latest(job for _, jobs in days for job in jobs), key=lambda job: (job.stopped_at, job.job_id))


def read_days(
    location: str, queue: str | None = None, start: date | None = None, end: date | None = None, client: Any = None
) -> Iterator[tuple[date, list[ArchivedJob]]]:
    """Yield each day on which jobs ended, with their records. A job can come twice.

    The arguments and errors are those of `read_archive`. An archive that has jobs of other queues or days only is no
    error if a first day is given.
    """
    match = _S3.fullmatch(location)
    if match is None and "://" in location:
        raise ConfigurationError("archive", [Problem((), location, _FORM)])
    if match is None:
        found, all_objects = list(_files(Path(location), queue)), partial(_files, Path(location), None)
    else:
        bucket, path, s3 = match[1], match[2] or "", client or _s3()
        found = list(_keys(bucket, path, queue, start, s3))
        all_objects = partial(_keys, bucket, path, None, None, s3)
    if not found and not any(all_objects()):
        raise ConfigurationError(location, [Problem.relation((), f"the archive has no jobs: use {_FORM}")])
    if not found and start is None:
        sentence = f"queue {queue} has no jobs in the archive"
        raise ConfigurationError(location, [Problem.relation((), sentence)])
    wanted = (item for item in found if (start is None or start <= item.day) and (end is None or item.day <= end))
    for day, objects in groupby(sorted(wanted, key=lambda item: (item.day, item.name)), lambda item: item.day):
        yield day, [job for item in objects for job in read_records(item.name, item.read())]


def _files(folder: Path, queue: str | None) -> Iterator[_Object]:
    root = folder / "jobs" if (folder / "jobs").is_dir() else folder
    if not root.is_dir():
        raise ConfigurationError("archive", [Problem((), str(folder), _FORM)])
    for path in sorted(root.glob("queue=*/day=*/*.jsonl.gz")):
        if (day := _day(path.relative_to(root).as_posix(), queue)) is not None:
            yield _Object(day, str(path), path.read_bytes)


def _keys(bucket: str, path: str, queue: str | None, start: date | None, client: Any) -> Iterator[_Object]:
    parts = [part for part in path.split("/") if part]
    root = "/".join([*parts, *([] if parts[-1:] == ["jobs"] else ["jobs"]), ""])
    prefix = f"{root}queue={queue}/day=" if queue else f"{root}queue="
    after = {"StartAfter": f"{prefix}{start}"} if queue and start else {}

    def read(key: str) -> bytes:
        def get() -> bytes:
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return content

        return _call(bucket, "s3:GetObject", get)

    pages = iter(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **after))
    while page := _call(bucket, "s3:ListBucket", partial(next, pages, None)):
        for key in (entry["Key"] for entry in page.get("Contents", [])):
            if (day := _day(key.removeprefix(root), queue)) is not None:
                yield _Object(day, f"s3://{bucket}/{key}", partial(read, key))


def _day(name: str, queue: str | None) -> date | None:
    """Return the day of an object of a queue. None for all other objects."""
    match = _OBJECT.fullmatch(name)
    if match is None or (queue is not None and match[1] != queue):
        return None
    try:
        return date.fromisoformat(match[2])
    except ValueError:
        return None


def _call(bucket: str, action: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:
        if code(error) in _DENIED:
            raise NotAllowed(f"no permission for {action}: archive.grants.read of the job archive allows it") from None
        if code(error) in ("NoSuchBucket", "404"):
            raise ConfigurationError("archive", [Problem.relation((), f"bucket {bucket} does not exist")]) from None
        raise


def _s3() -> Any:
    from fairlane_client.locations import open_session

    return open_session("job archives in Amazon S3").client("s3")
