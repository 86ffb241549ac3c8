"""Dependencies between jobs: names of jobs that must succeed before another job can run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from fairlane.errors import Problem

if TYPE_CHECKING:
    from fairlane.scheduler.job import Job


def dependency_problems(
    names: Sequence[str], after: Sequence[tuple[str, ...]], known: Iterable[str] = ()
) -> Iterator[tuple[int, Problem]]:
    """Yield the dependencies on unknown jobs and in circles, each with the index of its job.

    Args:
        names: Name of each job.
        after: Names that each job depends on.
        known: Names of other jobs that exist.
    """
    if not any(after):
        return
    existing = {*names, *known}
    graph: dict[str, dict[str, None]] = {}
    for index, depends in enumerate(after):
        for name in depends:
            if name not in existing:
                yield index, Problem(("after",), name, "the name of a job of the trace")
        if names[index] and depends:
            graph.setdefault(names[index], {}).update(dict.fromkeys(depends))
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]  # each name depends on the next one
            for name, depends_on in pairwise(circle):
                index = next(n for n, depends in enumerate(after) if names[n] == name and depends_on in depends)
                sentence = f"the jobs {' -> '.join(circle)} wait for each other in a circle: remove a dependency"
                yield index, Problem.relation(("after",), sentence)
                del graph[name][depends_on]
        else:
            return


def among_themselves(jobs: Iterable["Job"], suffix: str = "") -> list["Job"]:
    """Return a part of a trace, with the dependencies on each other only.

    Args:
        jobs: Jobs.
        suffix: Text that is appended to the names of jobs in dependencies, so that several copies of the jobs do not
            depend on each other. Default: none.
    """
    part = list(jobs)
    if not any(job.after for job in part):
        return part
    names = {job.name for job in part if job.name}
    return [
        replace(
            job, name=job.name and job.name + suffix, after=tuple(name + suffix for name in job.after if name in names)
        )
        for job in part
    ]


class Dependencies:
    """Jobs that wait until all jobs with some names have succeeded. Jobs are rows of the job table.

    Attributes:
        held: Number of names that each job still waits for, by row. -1 for a job that must fail.
        waited_for: Group of each job whose name is in a dependency, until the job has ended.
    """

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.waited_for: dict[int, int] = {}
        self._left: list[int] = []  # for each group, the number of its jobs that have not succeeded
        self._dependents: list[list[int]] = []

    def add(self, after: Mapping[int, tuple[str, ...]], names: Mapping[int, str]) -> None:
        """Add the jobs of a trace.

        Args:
            after: Names that jobs depend on, by row.
            names: Names of the jobs of the same trace, by row.
        """
        groups: dict[str, int] = {}
        for row, depends in after.items():
            self.held[row] = len(depends)
            for name in depends:
                if name not in groups:
                    groups[name] = len(self._left)
                    self._left.append(0)
                    self._dependents.append([])
                self._dependents[groups[name]].append(row)
        for row, name in names.items():
            if name in groups:
                self.waited_for[row] = groups[name]
                self._left[groups[name]] += 1

    def settle(self, row: int, *, succeeded: bool) -> list[int]:
        """Return the jobs that can run, or that fail, because a job ended. Jobs that fail are held with -1."""
        group = self.waited_for.pop(row, None)
        if group is None:
            return []
        if succeeded:
            self._left[group] -= 1
            if self._left[group]:
                return []
        settled = []
        for dependent in self._dependents[group]:
            number = self.held.get(dependent, -1)
            if number < 0:
                continue
            if not succeeded:
                self.held[dependent] = -1
                settled.append(dependent)
            elif number > 1:
                self.held[dependent] = number - 1
            else:
                del self.held[dependent]
                settled.append(dependent)
        return settled

    def renumber(self, rows: Mapping[int, int]) -> None:
        """Replace the numbers of rows. Rows without a new number are removed."""
        for column in (self.held, self.waited_for):
            kept = {rows[row]: number for row, number in column.items() if row in rows}
            column.clear()
            column.update(kept)
        self._dependents = [[rows[row] for row in dependents if row in rows] for dependents in self._dependents]
