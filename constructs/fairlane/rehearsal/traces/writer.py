"""Writer of traces to CSV files."""

import csv
from pathlib import Path

from fairlane._internal.output_files import open_output
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.reader import Unit
from fairlane.scheduler.job import Trace


def write_trace(trace: Trace, path: str | Path, *, unit: Unit = "instances") -> None:
    """Write a trace as a CSV file, which `read_trace` reads. A trace of past jobs has their real times, too.

    Args:
        trace: Trace to write.
        path: Path of the file. The name ends in `.csv`.
        unit: Unit of the job sizes: `instances` or `gpus`. Default: `instances`.

    Raises:
        ConfigurationError: If the file cannot be written, or if its name does not end in `.csv`.
    """
    if Path(path).suffix.lower() != ".csv":
        raise ConfigurationError(str(path), [Problem((), Path(path).name, "a file name that ends in .csv")])
    columns = ["share", "priority", "instances", "instance_type", "submit", "run", "checkpoint", "restart", "name"]
    special = {
        "attempts": trace.attempts,
        **dict.fromkeys(("fails_after", "fails"), trace.failures),
        "after": trace.after,
        "instance_types": trace.preferences,
        "nodes": trace.nodes,
        "queue": trace.queue_names,
    }
    columns += [name for name, values in special.items() if values]
    columns += ["started", "stopped"] if trace.started else []
    with open_output(Path(path)) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(unit if name == "instances" else name for name in columns)
        for job in trace.jobs:
            values = [getattr(job, name) for name in columns]
            writer.writerow(";".join(value) if isinstance(value, tuple) else value for value in values)
