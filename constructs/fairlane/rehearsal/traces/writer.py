"""Traces written to files, as they are read."""

import csv
from pathlib import Path

from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.reader import Unit
from fairlane.scheduler.job import Trace


def write_trace(trace: Trace, path: str | Path, *, unit: Unit = "instances") -> None:
    """Writes a trace as CSV.

    Args:
        trace: what to write.
        path: where, with a name that ends in .csv.
        unit: what the sizes of its jobs count.

    Raises:
        ConfigurationError: if the file cannot be written, or has the name of another format.
    """
    if Path(path).suffix.lower() != ".csv":
        raise ConfigurationError(str(path), [Problem((), Path(path).name, "a name that ends in .csv")])
    columns = ("share", "priority", "instances", "instance_type", "submit", "run", "checkpoint", "name")
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(unit if name == "instances" else name for name in columns)
            for job in trace.jobs:
                writer.writerow(getattr(job, name) for name in columns)
    except OSError as error:
        raise ConfigurationError(str(path), [Problem((), error.strerror, "a file that can be written")]) from error
