"""Reader of traces from CSV, JSON Lines and Parquet files."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.checks import instance_type_problem, share_problem
from fairlane.rehearsal.traces.cells import LARGEST, Cells
from fairlane.rehearsal.traces.columns import ColumnReader
from fairlane.rehearsal.traces.row_reader import RowReader, read_jobs
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
    if path.suffix.lower() == ".csv":
        by_column = ColumnReader(JobReader(unit, gpus_per_instance, policy, queues))
        if by_column.read(path):
            return by_column.trace(path, COLUMNS, skip_bad_rows=skip_bad_rows)
    reader = JobReader(unit, gpus_per_instance, policy, queues)
    jobs, advice = read_jobs(path, reader, COLUMNS, skip_bad_rows=skip_bad_rows)
    return Trace.of(jobs, advice=advice)


class JobReader(RowReader[Job]):
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
        self.unit: Unit = unit
        self.other_unit: Unit = "gpus" if unit == "instances" else "instances"
        self.gpus_per_instance = gpus_per_instance

    def missing_columns(self, columns: Collection[str]) -> Iterator[Problem]:
        """Yield a problem for each required column that is missing."""
        yield from super().missing_columns(columns)
        if len(self._queues) > 1 and "queue" not in columns:
            yield Problem(("queue",), None, "a column with this name, because several queues are rehearsed")
        if self.unit not in columns:
            if self.other_unit not in columns:
                yield Problem((self.unit,), None, f"a column with this name, or a column {self.other_unit}")
            elif self.gpus_per_instance is None:
                yield Problem.relation((self.other_unit,), self._conversion)

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
            submit=self.times.second(cells),
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

    def refuses(self, share: str, instance_type: str, queue: str) -> bool:
        """Return True if no job can have these values in the rehearsal."""
        cells = Cells(0, {"queue": queue}, [])
        policy = self._policy_of(cells, queue)
        return bool(
            cells.problems or (policy is not None and self._problems_of(policy, queue, share, (instance_type,)))
        )

    def convert_size(self, size: int) -> int:
        """Return a number of the other unit as a number of capacity units. `gpus_per_instance` must be known."""
        gpus = self.gpus_per_instance or 1
        return -(-size // gpus) if self.unit == "instances" else size * gpus

    def _policy_of(self, cells: Cells, queue: str) -> SchedulingPolicy | None:
        """Return the policy of a row's queue, and refuse a queue that is not rehearsed."""
        if not self._queues or (not queue and len(self._queues) == 1):
            return self._policy
        if queue not in self._queues:
            cells.refuse("queue", f"a queue of the rehearsal: {', '.join(self._queues)}")
        return self._queues.get(queue)

    def _real_time(self, cells: Cells, name: str) -> int | None:
        return self.times.second(cells, name) if name in cells else None

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
        if self.unit in cells or self.other_unit not in cells:
            return cells.whole(self.unit, 1)
        if self.gpus_per_instance is None:
            return cells.refuse_relation(self.other_unit, self._conversion)
        size = self.convert_size(cells.whole(self.other_unit, 1))
        return size if size <= LARGEST else cells.refuse(self.other_unit, f"at most {LARGEST} {self.unit}")

    def _nodes(self, cells: Cells) -> int | None:
        """Return the number of nodes. A job of containers with a number of instances has so many."""
        if "nodes" in cells:
            return cells.whole("nodes", 1, MAX_NODES)
        counted = self.unit == "gpus" and self.unit not in cells and "instances" in cells
        instances = cells.raw("instances") if counted else None
        return min(instances, MAX_NODES) if isinstance(instances, int) and instances > 1 else None

    @property
    def _conversion(self) -> str:
        return f"the capacity of the queue counts {self.unit}: use a column {self.unit}, or set gpus_per_instance"
