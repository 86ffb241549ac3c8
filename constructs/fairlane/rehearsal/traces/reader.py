"""Traces in files: rows of CSV, JSON Lines or Parquet, and the mistakes in them."""

from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, TypeAlias

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.cells import Cells
from fairlane.rehearsal.traces.rows import Row, table_of
from fairlane.scheduler.job import Job, Trace

Unit: TypeAlias = Literal["instances", "gpus"]
"""What the capacity of a queue counts."""

COLUMNS: Final = frozenset(
    {"share", "priority", "instances", "gpus", "instance_type", "submit", "run", "checkpoint", "name"}
)
_HIGHEST_PRIORITY: Final = 9999
_MOST: Final = 20
"""Mistakes that an error lists."""


def read_trace(path: str | Path, *, unit: Unit = "instances", gpus_per_instance: int | None = None) -> Trace:
    """Reads a trace: a row for each job, with `submit`, `run`, `instances` or `gpus`, and more if there is more to say.

    Args:
        path: a file of CSV with a header (.csv), JSON Lines (.jsonl), or Parquet (.parquet, with `fairlane[parquet]`).
        unit: what the capacity of the queue counts.
        gpus_per_instance: how many GPUs an instance has, for jobs that do not count what the capacity does: an
            instance of which a job uses a part counts whole.

    Raises:
        ConfigurationError: with the first 20 mistakes in the file, each with its line, or of Parquet its row.
    """
    path = Path(path)
    if gpus_per_instance is not None and (
        wrong := list(check_whole_number(("gpus_per_instance",), gpus_per_instance, 1))
    ):
        raise ConfigurationError("read_trace", wrong)
    table = table_of(path)
    reader = _Reader(unit, gpus_per_instance)
    if table.columns is not None and (wrong := list(reader.lacking(table.columns))):
        raise ConfigurationError(str(path), wrong)
    jobs = [job for row in table.rows if (job := reader.job(row))]
    problems = reader.problems
    if not jobs and not problems:
        problems = [Problem((), "no rows", "a row for each job")]
    if problems:
        more = f" (and {len(problems) - _MOST} more)" if len(problems) > _MOST else ""
        raise ConfigurationError(f"{path}{more}", problems[:_MOST])
    advice = []
    if unknown := ", ".join(name for name in reader.columns if name not in COLUMNS):
        advice.append(f"{path}: columns that no trace has are ignored: {unknown}")
    if any(later.submit < job.submit for job, later in pairwise(jobs)):
        advice.append(f"{path}: rows are not in the order of submit, and were sorted")
    return Trace.of(jobs, advice=advice)


class _Reader:
    """Makes jobs of rows, and keeps what is wrong with them."""

    def __init__(self, unit: Unit, gpus_per_instance: int | None) -> None:
        self._unit: Unit = unit
        self._other: Unit = "gpus" if unit == "instances" else "instances"
        self._gpus = gpus_per_instance
        self._since_1970: bool | None = None
        self.columns: dict[str, None] = {}
        self.problems: list[Problem] = []

    def lacking(self, columns: Collection[str]) -> Iterator[Problem]:
        """Yields what all rows of these columns would lack."""
        for name in ("submit", "run"):
            if name not in columns:
                yield Problem((name,), None, "a column of this name")
        if self._unit not in columns:
            if self._other not in columns:
                yield Problem((self._unit,), None, f"a column of this name, or one of {self._other}")
            elif self._gpus is None:
                yield Problem((self._other,), f"a column of {self._other}", self._convertible)

    def job(self, row: Row) -> Job | None:
        """Makes the job that a row says, if it says one."""
        line, said = row
        if isinstance(said, Problem):
            self.problems.append(said)
            return None
        before = len(self.problems)
        cells = Cells(line, said, self.problems)
        if not self.columns.keys() >= said.keys():
            self.columns |= dict.fromkeys(said)
        job = Job(
            share=cells.text("share"),
            priority=cells.whole("priority", 0, _HIGHEST_PRIORITY) if "priority" in cells else 0,
            instances=self._size(cells),
            instance_type=cells.text("instance_type"),
            submit=self._submit(cells),
            run=cells.seconds("run"),
            checkpoint=cells.seconds("checkpoint") if "checkpoint" in cells else None,
            name=cells.text("name"),
        )
        return job if len(self.problems) == before else None

    def _submit(self, cells: Cells) -> int:
        before = len(self.problems)
        submit, since_1970 = cells.moment("submit")
        if len(self.problems) > before:
            return submit
        if self._since_1970 is None:
            self._since_1970 = since_1970
        if since_1970 != self._since_1970:
            return cells.wrong("submit", f"a {'time' if self._since_1970 else 'number of seconds'}, as in rows before")
        return submit

    def _size(self, cells: Cells) -> int:
        """How much of the queue's capacity a job needs."""
        if self._unit in cells or self._other not in cells:
            return cells.whole(self._unit, 1)
        if self._gpus is None:
            return cells.wrong(self._other, self._convertible)
        size = cells.whole(self._other, 1)
        return -(-size // self._gpus) if self._unit == "instances" else size * self._gpus

    @property
    def _convertible(self) -> str:
        return f"{self._unit}, as the capacity counts them, or gpus_per_instance"
