"""Reader of traces for HyperPod clusters from CSV, JSON Lines and Parquet files."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Final

from fairlane.errors import Problem
from fairlane.hyperpod.team_objects import PART_PRIORITIES
from fairlane.rehearsal.hyperpod.cluster_job import ClusterJob
from fairlane.rehearsal.hyperpod.cluster_setup import ClusterSetup
from fairlane.rehearsal.traces.cells import Cells
from fairlane.rehearsal.traces.row_reader import RowReader, read_jobs

_COLUMNS: Final = {
    "priority_class": "class",
    "min_instances": "min",
    "max_instances": "max",
    "static_instances": "static",
}
"""Column of each field of a job whose name is another."""
_NUMBERS: Final = ("instances", "priority", "min_instances", "max_instances", "step", "static_instances")
_SECONDS: Final = (
    "run",
    "checkpoint",
    "checkpoint_seconds",
    "restart_seconds",
    "graceful_shutdown_seconds",
    "scaling_timeout_seconds",
    "scale_up_snooze_seconds",
)
CLUSTER_COLUMNS: Final = frozenset(
    {"team", "share", "submit", "gpus", "instance_type", "class", "parts", "sizes", "tokens_per_second", "name"}
    | {_COLUMNS.get(name, name) for name in (*_NUMBERS, *_SECONDS)}
)
_SIZE_COLUMNS: Final = ("instances", "gpus", "min", "sizes")
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTrace:
    """Jobs of a trace, in the order of their submission.

    Args:
        jobs: Jobs.
        advice: Texts about values that the user probably did not intend. Default: none.
    """

    jobs: tuple[ClusterJob, ...]
    advice: tuple[str, ...] = ()

    @classmethod
    def of(cls, jobs: Iterable[ClusterJob], *, advice: Iterable[str] = ()) -> "ClusterTrace":
        """Return a trace of jobs, sorted by submission. Jobs of the same second keep their order."""
        return cls(jobs=tuple(sorted(jobs, key=lambda job: job.submit)), advice=tuple(advice))

    def problems(self, setup: ClusterSetup) -> Iterator[Problem]:
        """Yield the problems of the jobs on a cluster."""
        for row, job in enumerate(self.jobs):
            for problem in (*job.problems(), *setup.job_problems(job)):
                yield problem.within("trace", row)

    def static(self) -> "ClusterTrace":
        """Return the same jobs without elasticity, each at its `static_instances` or its first size."""
        return replace(self, jobs=tuple(map(_static, self.jobs)))


def read_cluster_trace(path: str | Path, setup: ClusterSetup, *, skip_bad_rows: bool = False) -> ClusterTrace:
    """Read a trace from a file with one row per job.

    Args:
        path: Path of a CSV file with a header (`.csv`), a JSON Lines file (`.jsonl`), or a Parquet file (`.parquet`,
            with `fairlane[parquet]`).
        setup: Cluster of the jobs.
        skip_bad_rows: True to leave out rows with mistakes. The advice counts them by column and kind. Default: False.

    Raises:
        ConfigurationError: If the file has mistakes. The error lists the first 20, each with its line or, for Parquet,
            its row. With `skip_bad_rows`, if no row is good or the file cannot be read to its end.
    """
    jobs, advice = read_jobs(Path(path), _Reader(setup), CLUSTER_COLUMNS, skip_bad_rows=skip_bad_rows)
    return ClusterTrace.of(jobs, advice=advice)


class _Reader(RowReader[ClusterJob]):
    """Converter of rows to jobs of a cluster."""

    def __init__(self, setup: ClusterSetup) -> None:
        super().__init__()
        self._setup = setup

    def missing_columns(self, columns: Collection[str]) -> Iterator[Problem]:
        """Yield a problem for each required column that is missing."""
        yield from super().missing_columns(columns)
        if not {"team", "share"} & {*columns}:
            yield Problem(("team",), None, "a column with this name")
        if not {*_SIZE_COLUMNS} & {*columns}:
            yield Problem(
                ("instances",), None, f"a column with this name, or a column {' or '.join(_SIZE_COLUMNS[1:])}"
            )

    def _convert(self, cells: Cells, line: int, content: Mapping[str, Any]) -> ClusterJob:
        team = "team" if "team" in cells or "share" not in cells else "share"
        numbers = {name: cells.raw(_COLUMNS.get(name, name)) for name in _NUMBERS}
        seconds = {name: cells.raw(name, round_up=True) for name in _SECONDS}
        run = seconds.pop("run")
        job = ClusterJob(
            team=cells.text(team),
            submit=self.times.second(cells),
            run=run,
            instance_type=cells.text("instance_type"),
            priority_class=cells.text("class"),
            parts=_flag(cells.raw("parts")),
            sizes=_sizes(cells.raw("sizes")),
            tokens_per_second=_tokens(content.get("tokens_per_second")),
            name=cells.text("name"),
            **{name: number for name, number in (numbers | seconds).items() if number is not None},
        )
        if "gpus" in cells and job.instances is None:
            job = replace(job, instances=self._instances(job, cells.raw("gpus")))
        problems = [*job.problems(), *self._setup.job_problems(job)]
        if job.instances is None and not job.is_elastic:
            problems.append(Problem(("instances",), None, "a number of instances, or sizes"))
        for problem in problems:
            field = str(problem.field[0])
            column = {"team": team, "instances": "gpus" if "gpus" in cells else "instances"}.get(field)
            self.problems.append(replace(problem, field=(column or _COLUMNS.get(field, field),), line=line))
        return job

    def _instances(self, job: ClusterJob, gpus: Any) -> Any:
        """Return the number of instances that have a number of GPUs."""
        if any(self._setup.job_problems(job)) or not isinstance(gpus, int):
            return gpus
        return ceil(gpus / (self._setup.gpus(self._setup.instance_type(job)) or 1))


def _static(job: ClusterJob) -> ClusterJob:
    size = job.static_instances or job.first_size
    rates = job.rates()
    return replace(
        job,
        run=ceil(job.run * rates[job.first_size] / rates[size]),
        instances=size,
        static_instances=None,
        parts=False,
        priority=PART_PRIORITIES["base"] if job.parts else job.priority,
        min_instances=None,
        max_instances=None,
        step=None,
        sizes=(),
        tokens_per_second={size: float(rates[size])} if job.tokens_per_second else {},
    )


def _flag(cell: Any) -> Any:
    return False if cell is None else _FLAGS.get(str(cell).strip().lower(), cell)


def _sizes(cell: Any) -> Any:
    """Return the sizes of a cell: a list, or numbers with a semicolon between them."""
    if cell is None:
        return ()
    return tuple(map(_whole, cell if isinstance(cell, list | tuple) else str(cell).split(";")))


def _tokens(cell: Any) -> dict[Any, Any]:
    """Return the tokens per second of a cell by size: an object, or text such as `1:2000;8:14000`."""
    if cell in (None, ""):
        return {}
    pairs = cell.items() if isinstance(cell, Mapping) else (part.partition(":")[::2] for part in str(cell).split(";"))
    return {_whole(size): _rate(rate) for size, rate in pairs}


def _whole(text: Any) -> Any:
    number = _rate(text)
    return int(number) if isinstance(number, float) and number.is_integer() else text


def _rate(text: Any) -> Any:
    try:
        return text if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        return text
