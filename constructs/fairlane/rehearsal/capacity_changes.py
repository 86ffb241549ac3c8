"""Changes of a queue's capacity over time: training plans, Capacity Blocks, and nights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.traces.cells import Cells, JobTimes
from fairlane.rehearsal.traces.rows import open_table
from fairlane.scheduling import NUM_INSTANCES, Capacity
from fairlane.scheduling.capacity import capacity_limits

NOTICE_SECONDS: Final = 1800
"""Number of seconds before the end of a Capacity Block at which EC2 begins to terminate its instances."""

COLUMNS: Final = ("at", "instance_type", "capacity", "ends")
_MAX_PROBLEMS: Final = 20
_TOO_EARLY: Final = "the runs end 30 minutes before, which is before second 0: use 1800 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityChange:
    """Change of the capacity of a queue, or of one of its instance types, at a second.

    A lower capacity stops no run. With `ends="kill"`, the capacity changes 30 minutes before `at`, and the runs above
    it are stopped, the run that started last first: their work since the last checkpoint is lost, and their jobs wait
    again. EC2 begins to terminate the instances of a Capacity Block 30 minutes before its end (source: "Capacity Blocks
    for ML", Amazon EC2).

    Args:
        at: Second of the change, 0 or more, on the clock of the trace. With `ends="kill"`, 1800 or more.
        capacity: New capacity in the queue's unit, 0 or more.
        instance_type: Instance type. Default: the only capacity unit of the queue.
        ends: `kill` to stop the runs above the new capacity. Default: all runs continue.
    """

    at: int
    capacity: int
    instance_type: str = ""
    ends: Literal["", "kill"] = ""

    @property
    def second(self) -> int:
        """Second from which the new capacity holds."""
        return self.at - NOTICE_SECONDS if self.ends == "kill" else self.at

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the values."""
        wrong = list(check_whole_number(("at",), self.at, 0, unit="seconds"))
        yield from wrong
        yield from check_whole_number(("capacity",), self.capacity, 0)
        if self.ends not in ("", "kill"):
            yield Problem(("ends",), self.ends, "kill, or nothing")
        elif not wrong and self.second < 0:
            yield Problem.relation(("at",), _TOO_EARLY)


def change_problems(changes: Sequence[CapacityChange], limits: Mapping[str, int]) -> Iterator[tuple[int, Problem]]:
    """Yield the problems of changes, and between them and the capacity limits of a queue, each with its index."""
    for index, change in enumerate(changes):
        yield from ((index, problem) for problem in change.problems())
    good = [index for index, change in enumerate(changes) if not any(change.problems())]
    for number, problem in _relations([changes[index] for index in good], limits):
        yield good[number], problem


def _relations(changes: Sequence[CapacityChange], limits: Mapping[str, int]) -> Iterator[tuple[int, Problem]]:
    """Yield the problems of the instance types and of the order of changes, each with its index."""
    latest: dict[str, int] = {}
    before = 0
    for index, change in enumerate(changes):
        if problem := _type_problem(change.instance_type, limits):
            yield index, problem
        if change.at < before:
            yield index, Problem.relation(("at",), "the change is before the one above: sort the rows by at")
        elif change.second <= latest.get(change.instance_type, -1):
            sentence = "the capacity changes twice in this second: keep one of the rows"
            if change.ends:
                sentence = "the runs end 30 minutes before, which is not after the change above: correct one of both"
            yield index, Problem.relation(("at",), sentence)
        before = max(before, change.at)
        latest[change.instance_type] = max(change.second, latest.get(change.instance_type, -1))


def _type_problem(unit: str, limits: Mapping[str, int]) -> Problem | None:
    if NUM_INSTANCES in limits:
        sentence = "the capacity of the queue has no instance types: remove the instance type"
        return Problem.relation(("instance_type",), sentence) if unit else None
    if unit in limits or (not unit and len(limits) == 1):
        return None
    return Problem(("instance_type",), unit or None, f"an instance type of the queue: {', '.join(limits)}")


def read_capacity(path: str | Path, capacity: Capacity) -> tuple[CapacityChange, ...]:
    """Read changes of the capacity of a queue from a file with the columns of `CapacityChange`.

    Args:
        path: Path of a CSV, JSON Lines or Parquet file. `at` has the formats of `submit` in a trace.
        capacity: Capacity of the queue.

    Returns:
        Changes in the order of time.

    Raises:
        ConfigurationError: If the file has mistakes. The error lists the first 20, each with its line.
    """
    table = open_table(Path(path))
    problems = _column_problems(table.columns or COLUMNS)
    if problems:
        raise ConfigurationError(str(path), problems)
    changes, lines, times = [], [], JobTimes()
    for line, content in table.rows:
        if isinstance(content, Problem):
            problems.append(content)
            continue
        before = len(problems)
        if table.columns is None:
            problems += [replace(problem, line=line) for problem in _column_problems([*content])]
        cells = Cells(line, content, problems)
        ends = cells.text("ends")
        if ends not in ("", "kill"):
            cells.refuse("ends", "kill, or nothing")
        at = times.second(cells, "at")
        if ends == "kill" and at < NOTICE_SECONDS and len(problems) == before:
            cells.refuse_relation("at", _TOO_EARLY)
        if not any(problem.field == ("at",) for problem in problems[before:]):
            lines.append(line)
            changes.append(
                CapacityChange(
                    at=at,
                    capacity=cells.whole("capacity", 0),
                    instance_type=cells.text("instance_type"),
                    ends="kill" if ends == "kill" else "",
                )
            )
        else:
            cells.whole("capacity", 0)
    found = _relations(changes, capacity_limits(capacity))
    problems += [replace(problem, line=lines[index]) for index, problem in found]
    problems.sort(key=lambda problem: problem.line or 0)
    if not changes and not problems:
        problems = [Problem.relation((), "the file has no rows: add a row for each change of the capacity")]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise ConfigurationError(f"{path}{more}", problems[:_MAX_PROBLEMS])
    return tuple(changes)


def _column_problems(columns: Sequence[str]) -> list[Problem]:
    problems = [Problem((name,), None, "a column with this name") for name in ("at", "capacity") if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS]
    return problems + [Problem(("columns",), name, ", ".join(COLUMNS)) for name in unknown]


def limits_over_time(limits: Mapping[str, int], changes: Sequence[CapacityChange]) -> list[tuple[int, dict[str, int]]]:
    """Return the capacity limits from each second on, in the order of time. The first are from second 0 on."""
    steps = [(0, dict(limits))]
    for change in sorted(changes, key=lambda change: change.second):
        changed = steps[-1][1] | {change.instance_type or next(iter(limits)): change.capacity}
        if steps[-1][0] == change.second:
            steps[-1] = (change.second, changed)
        else:
            steps.append((change.second, changed))
    return steps
