"""Ended jobs of a queue from a job archive in a local folder, with the days that the archive has."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.queues.archive_records import ArchivedJob, read_records

_DAY: Final = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


def read_days(archive: str, queue: str, first: date) -> Iterator[tuple[date, list[ArchivedJob]]]:
    """Yield each day that the archive has for a queue, with the jobs of its objects. A job can come twice.

    Args:
        archive: Folder of the archive: it has the folder `jobs`, or is that folder.
        queue: Name of the queue.
        first: First day.

    Raises:
        ConfigurationError: If the folder is no archive, or an object has a line that is no record.
    """
    folder = Path(archive)
    root = folder / "jobs" if (folder / "jobs").is_dir() else folder
    if not root.is_dir() or not any(root.glob("queue=*")):
        sentence = "is no folder of a job archive: it needs folders jobs/queue=NAME/day=YYYY-MM-DD"
        raise ConfigurationError("--archive", [Problem.relation((archive,), sentence)])
    for path in sorted((root / f"queue={queue}").glob("day=*")):
        found = _DAY.fullmatch(path.name)
        if found and (day := date.fromisoformat(found[1])) >= first:
            objects = sorted(path.rglob("*.jsonl.gz"))
            jobs = [job for file in objects for job in read_records(str(file), file.read_bytes())]
            if objects:
                yield day, jobs
