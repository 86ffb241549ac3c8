"""Reader of traces from CSV, JSON Lines and Parquet files."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem, dotted
from fairlane.rehearsal.checks import instance_type_problem, share_problem
from fairlane.rehearsal.traces.cells import Cells, JobTimes
from fairlane.rehearsal.traces.rows import Row, UnreadableRest, open_table
from fairlane.scheduler.dependencies import dependency_problems
from fairlane.scheduler.job import MAX_NODES, Job, Trace, failure_problems, order_problems
from fairlane.scheduler.options import MAX_ATTEMPTS
from fairlane.scheduling import QuotaManagement, SchedulingPolicy

Unit: TypeAlias = Literal["instances", "gpus"]
"""Unit of the capacity of a queue."""

_REAL_TIMES: Final = ("started", "stopped")
COLUMNS: Final = frozenset(
    {
        *("share", "priority", "instances", "gpus", "instance_type", "submit", "run", "checkpoint", "restart", "name"),
        *("attempts", "fails_after", "fails", "after", "instance_types", "nodes", "queue"),
        *_REAL_TIMES,
    }
)
_HIGHEST_PRIORITY: Final = 9999
_ANY_QUEUE: Final[Mapping[str, SchedulingPolicy]] = MappingProxyType({})
_MAX_PROBLEMS: Final = 20
"""Maximum number of problems in an error."""


def read_trace(
    path: str | Path,
    *,
    unit: Unit = "instances",
    gpus_per_instance: int | None = None,
    policy: SchedulingPolicy | None = None,
    queues: Mapping[str, SchedulingPolicy] = _ANY_QUEUE,
    skip_bad_rows: bool = False,
) -> Trace:
    """Read a trace from a file with one row per job.

    Each row has `submit`, `run`, and `instances` or `gpus`. All other fields of `Job` are optional columns. `after` and
    `instance_types` are lists, or texts in which semicolons separate the names.

    Args:
        path: Path of a CSV file with a header (`.csv`), a JSON Lines file (`.jsonl`), or a Parquet file (`.parquet`,
            with `fairlane[parquet]`).
        unit: Unit of the queue's capacity: `instances` or `gpus`. Default: `instances`.
        gpus_per_instance: Number of GPUs of an instance, 1 or more. It converts jobs that are given in the other unit.
            An instance of which a job uses a part counts as a whole instance. Default: no conversion.
        policy: Scheduling policy that must have the shares and the instance types of the jobs. Default: any.
        queues: Scheduling policies by the names of the queues that the column `queue` may have, in place of `policy`.
            With several queues, the column is required. Default: any queue.
        skip_bad_rows: True to leave out rows with mistakes. The advice counts them by column and kind. Default: False.

    Returns:
        Jobs in the order of their submission, with advice about ignored columns and rows.

    Raises:
        ConfigurationError: If the file has mistakes. The error lists the first 20, each with its line or, for Parquet,
            its row. With `skip_bad_rows`, if no row is good or the file cannot be read to its end.
    """
    path = Path(path)
    if gpus_per_instance is not None and (
        problems := list(check_whole_number(("gpus_per_instance",), gpus_per_instance, 1))
    ):
        raise ConfigurationError("read_trace", problems)
    reader = _Reader(unit, gpus_per_instance, policy, queues)
    jobs, advice = read_jobs(path, reader, COLUMNS, skip_bad_rows=skip_bad_rows)
    return Trace.of(jobs, advice=advice)


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
        self._times = JobTimes()

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
    if table.columns is not None and (problems := list(reader.missing_columns(table.columns))):
        raise ConfigurationError(str(path), problems)
    jobs: list[JobT] = []
    lines: list[int] = []
    left_out = Counter[str]()
    for row in table.rows:
        before = len(reader.problems)
        if job := reader.job(row):
            jobs.append(job)
            lines.append(row[0])
        else:
            left_out[_kind(reader.problems[before])] += 1
    while between := dict(reversed([*reader.problems_between(jobs, lines, without_bad_rows=skip_bad_rows)])):
        reader.problems += [between[index] for index in sorted(between)]
        if not skip_bad_rows:
            break
        left_out.update(map(_kind, between.values()))
        jobs = [job for index, job in enumerate(jobs) if index not in between]
        lines = [line for index, line in enumerate(lines) if index not in between]
    problems = reader.problems
    if skip_bad_rows and jobs and not any(isinstance(problem, UnreadableRest) for problem in problems[-1:]):
        problems = []
    if not jobs and not problems:
        problems = [Problem.relation((), "the file has no jobs: add a row for each job")]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise ConfigurationError(f"{path}{more}", problems[:_MAX_PROBLEMS])
    advice = []
    if left_out:
        kinds = ", ".join(f"{kind} ({number:,})" for kind, number in left_out.most_common())
        advice.append(f"{path}: {left_out.total():,} of {len(jobs) + left_out.total():,} rows are left out: {kinds}")
    if ignored := ", ".join(name for name in reader.columns if name not in known):
        advice.append(f"{path}: unknown columns are ignored: {ignored}")
    if any(later.submit < job.submit for job, later in pairwise(jobs)):
        advice.append(f"{path}: rows were sorted, because they are not in the order of submit")
    return jobs, advice


def _kind(problem: Problem) -> str:
    """Return the kind of a problem, for example `run missing`."""
    name = dotted(problem.field) if problem.field else "row"
    return f"{name} {'missing' if problem.is_missing else 'not allowed'}"


class _Reader(RowReader[Job]):
    """Converter of rows to jobs of a queue."""

    def __init__(
        self,
        unit: Unit,
        gpus_per_instance: int | None,
        policy: SchedulingPolicy | None,
        queues: Mapping[str, SchedulingPolicy],
    ) -> None:
        super().__init__()
        self._policy = next(iter(queues.values())) if len(queues) == 1 else policy
        self._queues = queues
        self._fits: dict[tuple[str, str, tuple[str, ...]], list[Problem]] = {}
        self._bad_names: set[str] = set()
        self._unit: Unit = unit
        self._other: Unit = "gpus" if unit == "instances" else "instances"
        self._gpus = gpus_per_instance

    def missing_columns(self, columns: Collection[str]) -> Iterator[Problem]:
        """Yield a problem for each required column that is missing."""
        yield from super().missing_columns(columns)
        if len(self._queues) > 1 and "queue" not in columns:
            yield Problem(("queue",), None, "a column with this name, because several queues are rehearsed")
        if self._unit not in columns:
            if self._other not in columns:
                yield Problem((self._unit,), None, f"a column with this name, or a column {self._other}")
            elif self._gpus is None:
                yield Problem.relation((self._other,), self._conversion)

    def _convert(self, cells: Cells, line: int, content: Mapping[str, Any]) -> Job:
        before = len(cells.problems)
        share, instance_type, queue = cells.text("share"), cells.text("instance_type"), cells.text("queue")
        instance_types = cells.texts("instance_types") if "instance_types" in cells else ()
        if instance_type and instance_types:
            cells.refuse_relation("instance_types", "the row has instance_type, too: use one of both")
        policy = self._policy_of(cells, queue)
        if policy is not None:
            for problem in self._problems_of(policy, queue, share, instance_types or (instance_type,)):
                self.problems.append(replace(problem, line=line))
        job = Job(
            share=share,
            priority=cells.whole("priority", 0, _HIGHEST_PRIORITY) if "priority" in cells else 0,
            instances=self._size(cells),
            instance_type=instance_type,
            submit=self._times.second(cells),
            run=cells.seconds("run"),
            checkpoint=cells.seconds("checkpoint") if "checkpoint" in cells else None,
            restart=cells.whole("restart", 0) if "restart" in cells else None,
            attempts=cells.whole("attempts", 1, MAX_ATTEMPTS) if "attempts" in cells else None,
            fails_after=cells.seconds("fails_after") if "fails_after" in cells else None,
            fails=cells.part("fails") if "fails" in cells else None,
            after=cells.texts("after") if "after" in cells else (),
            instance_types=instance_types,
            nodes=self._nodes(cells),
            queue=queue,
            name=cells.text("name"),
            started=self._real_time(cells, "started"),
            stopped=self._real_time(cells, "stopped"),
        )
        if (job.started, job.stopped) != (None, None):
            wrong = {problem.field[0] for problem in cells.problems[before:]}
            if not wrong & {"submit", *_REAL_TIMES}:
                problems = order_problems(job.submit, job.started, job.stopped)
                cells.problems += [replace(problem, line=line) for problem in problems]
        if job.fails_after is not None or job.fails is not None:
            wrong = {problem.field[0] for problem in cells.problems[before:] if problem.field}
            if not wrong & {"run", "fails", "fails_after"}:
                problems = failure_problems(job.run, job.fails_after, job.fails)
                cells.problems += [replace(problem, line=line) for problem in problems]
        if len(cells.problems) > before and job.name:
            self._bad_names.add(job.name)
        return job

    def problems_between(
        self, jobs: Sequence[Job], lines: Sequence[int], *, without_bad_rows: bool
    ) -> Iterator[tuple[int, Problem]]:
        """Yield the dependencies on unknown jobs and in circles."""
        known = () if without_bad_rows else self._bad_names
        found = dependency_problems([job.name for job in jobs], [job.after for job in jobs], known)
        for index, problem in found:
            yield index, replace(problem, line=lines[index])

    def _policy_of(self, cells: Cells, queue: str) -> SchedulingPolicy | None:
        """Return the policy of a row's queue, and refuse a queue that is not rehearsed."""
        if not self._queues or (not queue and len(self._queues) == 1):
            return self._policy
        if queue not in self._queues:
            cells.refuse("queue", f"a queue of the rehearsal: {', '.join(self._queues)}")
        return self._queues.get(queue)

    def _real_time(self, cells: Cells, name: str) -> int | None:
        return self._times.second(cells, name) if name in cells else None

    def _problems_of(
        self, policy: SchedulingPolicy, queue: str, share: str, instance_types: tuple[str, ...]
    ) -> list[Problem]:
        """Return the problems of a share and of instance types."""
        key = queue, share, instance_types
        if key not in self._fits:
            shares = policy.shares if isinstance(policy, QuotaManagement) else ()
            units = list(dict.fromkeys(unit for share in shares for unit in share.capacity))
            problems = [share_problem(policy, share)]
            problems += [instance_type_problem(policy, units, instance_type) for instance_type in instance_types]
            self._fits[key] = [problem for problem in problems if problem]
        return self._fits[key]

    def _size(self, cells: Cells) -> int:
        """Return the number of capacity units that a job needs."""
        if self._unit in cells or self._other not in cells:
            return cells.whole(self._unit, 1)
        if self._gpus is None:
            return cells.refuse_relation(self._other, self._conversion)
        size = cells.whole(self._other, 1)
        return -(-size // self._gpus) if self._unit == "instances" else size * self._gpus

    def _nodes(self, cells: Cells) -> int | None:
        """Return the number of nodes. A job of containers with a number of instances has so many."""
        if "nodes" in cells:
            return cells.whole("nodes", 1, MAX_NODES)
        counted = self._unit == "gpus" and self._unit not in cells and "instances" in cells
        instances = cells.raw("instances") if counted else None
        return min(instances, MAX_NODES) if isinstance(instances, int) and instances > 1 else None

    @property
    def _conversion(self) -> str:
        return f"the capacity of the queue counts {self._unit}: use a column {self._unit}, or set gpus_per_instance"
