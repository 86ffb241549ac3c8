"""Reader of rows as jobs, which collects the problems of all rows of a file."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from fairlane.errors import ConfigurationError, Problem, dotted
from fairlane.rehearsal.traces.cells import Cells, JobTimes
from fairlane.rehearsal.traces.rows import Row, UnreadableRest, open_table

SORTED: Final = "rows were sorted, because they are not in the order of submit"
_MAX_PROBLEMS: Final = 20
"""Maximum number of problems in an error."""


class SubmittedJob(Protocol):
    """Job of a trace."""

    @property
    def submit(self) -> int:
        """Second of the submission."""


JobT = TypeVar("JobT", bound=SubmittedJob)


class RowReader(ABC, Generic[JobT]):
    """Converter of rows to jobs, which collects the columns and the problems of the rows."""

    def __init__(self) -> None:
        self.columns: dict[str, None] = {}
        self.problems: list[Problem] = []
        self.times = JobTimes()

    def check_columns(self, path: Path, columns: Collection[str]) -> None:
        """Raise a `ConfigurationError` if required columns of a file are missing."""
        if problems := list(self.missing_columns(columns)):
            raise ConfigurationError(str(path), problems)

    def missing_columns(self, columns: Collection[str]) -> Iterator[Problem]:
        """Yield a problem for each required column that is missing."""
        for name in ("submit", "run"):
            if name not in columns:
                yield Problem((name,), None, "a column with this name")

    def job(self, row: Row) -> JobT | None:
        """Return the job of a row, or None if the row has problems."""
        line, content = row
        if isinstance(content, Problem):
            self.problems.append(content)
            return None
        before = len(self.problems)
        if not self.columns.keys() >= content.keys():
            self.columns |= dict.fromkeys(content)
        job = self._convert(Cells(line, content, self.problems), line, content)
        return job if len(self.problems) == before else None

    def problems_between(
        self, jobs: Sequence[JobT], lines: Sequence[int], *, without_bad_rows: bool
    ) -> Iterator[tuple[int, Problem]]:
        """Yield the problems of relations between jobs, each with the index of its job.

        Args:
            jobs: Jobs without mistakes of their own.
            lines: Line of each job.
            without_bad_rows: True if the rows with mistakes are left out of the trace.
        """
        return iter(())

    @abstractmethod
    def _convert(self, cells: Cells, line: int, content: Mapping[str, Any]) -> JobT:
        """Return the job of a row. A job with problems is not used."""


def read_jobs(
    path: Path, reader: RowReader[JobT], known: Collection[str], *, skip_bad_rows: bool = False
) -> tuple[list[JobT], list[str]]:
    """Read the jobs of a file, in the order of its rows, and advice about the file.

    Args:
        path: Path of a CSV, JSON Lines or Parquet file.
        reader: Converter of its rows.
        known: Names of all columns that have a meaning.
        skip_bad_rows: True to leave out rows with mistakes, which the advice counts. Default: False.

    Raises:
        ConfigurationError: If the file has mistakes. The error lists the first 20. With `skip_bad_rows`, if no row is
            good or the file cannot be read to its end.
    """
    table = open_table(path)
    if table.columns is not None:
        reader.check_columns(path, table.columns)
    jobs: list[JobT] = []
    lines: list[int] = []
    left_out = Counter[str]()
    for row in table.rows:
        before = len(reader.problems)
        if job := reader.job(row):
            jobs.append(job)
            lines.append(row[0])
        else:
            left_out[kind_of(reader.problems[before])] += 1
    while between := dict(reversed([*reader.problems_between(jobs, lines, without_bad_rows=skip_bad_rows)])):
        reader.problems += [between[index] for index in sorted(between)]
        if not skip_bad_rows:
            break
        left_out.update(map(kind_of, between.values()))
        jobs = [job for index, job in enumerate(jobs) if index not in between]
        lines = [line for index, line in enumerate(lines) if index not in between]
    advice = finish_reading(path, reader, len(jobs), left_out, known, skip_bad_rows=skip_bad_rows)
    if any(later.submit < job.submit for job, later in pairwise(jobs)):
        advice.append(f"{path}: {SORTED}")
    return jobs, advice


def finish_reading(
    path: Path,
    reader: RowReader[Any],
    number: int,
    left_out: Counter[str],
    known: Collection[str],
    *,
    skip_bad_rows: bool,
) -> list[str]:
    """Return advice about a file that was read.

    Args:
        path: Path of the file.
        reader: Converter of its rows.
        number: Number of jobs without problems.
        left_out: Number of rows with problems, by kind.
        known: Names of all columns that have a meaning.
        skip_bad_rows: True to leave out rows with mistakes.

    Raises:
        ConfigurationError: If the file has mistakes, as by `read_jobs`.
    """
    problems = reader.problems
    if skip_bad_rows and number and not any(isinstance(problem, UnreadableRest) for problem in problems[-1:]):
        problems = []
    if not number and not problems:
        problems = [Problem.relation((), "the file has no jobs: add a row for each job")]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise ConfigurationError(f"{path}{more}", problems[:_MAX_PROBLEMS])
    advice = []
    if left_out:
        kinds = ", ".join(f"{kind} ({amount:,})" for kind, amount in left_out.most_common())
        advice.append(f"{path}: {left_out.total():,} of {number + left_out.total():,} rows are left out: {kinds}")
    if ignored := ", ".join(name for name in reader.columns if name not in known):
        advice.append(f"{path}: unknown columns are ignored: {ignored}")
    return advice


def kind_of(problem: Problem) -> str:
    """Return the kind of a problem, for example `run missing`."""
    name = dotted(problem.field) if problem.field else "row"
    return f"{name} {'missing' if problem.is_missing else 'not allowed'}"
