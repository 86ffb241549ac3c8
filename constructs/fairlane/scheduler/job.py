"""What is submitted to a queue, and when: jobs, and traces of many."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from fairlane._internal.checks import check_text, check_whole_number
from fairlane.errors import Problem
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

_LONGEST: Final = 10**11
_LARGEST: Final = 10**9
_MOST_BAD_JOBS: Final = 100
_NO_CHECKPOINT: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of a trace.

    Args:
        share: its share identifier or quota share; a queue that is first in, first out does not look at it.
        priority: 0 to 9999, higher first inside its share.
        instances: how many instances, or units of what the queue's capacity counts, it needs at once.
        instance_type: which of them; empty is the queue's only type.
        submit: when it is submitted, in whole seconds from any origin.
        run: how many seconds it works.
        checkpoint: how many seconds of work lie between its checkpoints; None if a stop loses all of it.
        name: what to call it; nothing depends on it.
    """

    share: str = ""
    priority: int = 0
    instances: int = 1
    instance_type: str = ""
    submit: int
    run: int
    checkpoint: int | None = None
    name: str = ""

    def problems(self) -> Iterator[Problem]:
        """Yields every value that no job can have."""
        for field, got in (("share", self.share), ("instance_type", self.instance_type), ("name", self.name)):
            yield from check_text((field,), got, lambda _: True, "a text")
        yield from check_whole_number(("priority",), self.priority, 0, MAX_JOB_PRIORITY)
        yield from check_whole_number(("instances",), self.instances, 1, _LARGEST, unit="instances")
        yield from check_whole_number(("submit",), self.submit, 0, _LONGEST, unit="seconds")
        yield from check_whole_number(("run",), self.run, 1, _LONGEST, unit="seconds")
        if self.checkpoint is not None:
            yield from check_whole_number(("checkpoint",), self.checkpoint, 1, _LONGEST, unit="seconds")

    def _is_plain(self) -> bool:
        """Whether the job has no problems, quickly."""
        return (
            type(self.submit) is type(self.run) is type(self.instances) is type(self.priority) is int
            and type(self.share) is type(self.instance_type) is type(self.name) is str
            and 0 <= self.submit <= _LONGEST
            and 1 <= self.run <= _LONGEST
            and 1 <= self.instances <= _LARGEST
            and 0 <= self.priority <= MAX_JOB_PRIORITY
            and (self.checkpoint is None or (type(self.checkpoint) is int and 1 <= self.checkpoint <= _LONGEST))
        )


class Trace(Sequence[Job]):
    """Jobs in the order of their submission; a row is a place in it. Holds a million of them in some 50 MB.

    Make one with `Trace.of`, or of a file.

    Attributes:
        submits: when each job is submitted.
        runs: how many seconds each works.
        instances: how many instances each needs.
        priorities: the priority of each.
        checkpoints: seconds between the checkpoints of each, -1 for none.
        share_names: every share, in the order of appearance.
        shares: the place of each job's share in `share_names`.
        instance_types: every instance type, in the order of appearance.
        types: the place of each job's instance type in `instance_types`.
        advice: what its user may not have meant.
    """

    def __init__(self) -> None:
        self.submits = array("q")
        self.runs = array("q")
        self.instances = array("q")
        self.priorities = array("H")
        self.checkpoints = array("q")
        self.shares = array("I")
        self.types = array("I")
        self.share_names: list[str] = []
        self.instance_types: list[str] = []
        self.advice: tuple[str, ...] = ()
        self._names: dict[int, str] = {}
        self._problems: list[Problem] = []

    @classmethod
    def of(cls, jobs: Iterable[Job], *, advice: Iterable[str] = ()) -> "Trace":
        """Makes a trace of jobs, sorted by their submission; those of the same second stay in their order.

        Args:
            jobs: in any order.
            advice: what a reader of the jobs has to say to its user.
        """
        trace = cls()
        trace.advice = tuple(advice)
        good, bad = [], 0
        for row, job in enumerate(jobs):
            if isinstance(job, Job) and job._is_plain():
                good.append(job)
            elif problems := list(job.problems() if isinstance(job, Job) else [Problem((), job, "a Job")]):
                bad += 1
                if bad <= _MOST_BAD_JOBS:
                    trace._problems += [problem.within("trace", row) for problem in problems]
            else:
                good.append(job)
        if bad > _MOST_BAD_JOBS:
            trace._problems.append(Problem(("trace",), f"{bad} such jobs", "none; the first are listed"))
        good.sort(key=lambda job: job.submit)
        trace._fill(good)
        return trace

    def _fill(self, jobs: Sequence[Job]) -> None:
        shares: dict[str, int] = {}
        types: dict[str, int] = {}
        self.submits.extend([job.submit for job in jobs])
        self.runs.extend([job.run for job in jobs])
        self.instances.extend([job.instances for job in jobs])
        self.priorities.extend([job.priority for job in jobs])
        self.checkpoints.extend([_NO_CHECKPOINT if job.checkpoint is None else job.checkpoint for job in jobs])
        self.shares.extend([shares.setdefault(job.share, len(shares)) for job in jobs])
        self.types.extend([types.setdefault(job.instance_type, len(types)) for job in jobs])
        self.share_names = list(shares)
        self.instance_types = list(types)
        self._names = {row: job.name for row, job in enumerate(jobs) if job.name}

    def problems(self) -> Iterator[Problem]:
        """Yields what is wrong with its jobs, by their place in the list that it was made of."""
        yield from self._problems

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, in the order of their submission."""
        return tuple(self)

    def __len__(self) -> int:
        return len(self.submits)

    @overload
    def __getitem__(self, row: int) -> Job: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Job, ...]: ...
    def __getitem__(self, row: int | slice) -> Job | tuple[Job, ...]:
        if isinstance(row, slice):
            return tuple(self[one] for one in range(*row.indices(len(self))))
        row = range(len(self))[row]
        checkpoint = self.checkpoints[row]
        return Job(
            share=self.share_names[self.shares[row]],
            priority=self.priorities[row],
            instances=self.instances[row],
            instance_type=self.instance_types[self.types[row]],
            submit=self.submits[row],
            run=self.runs[row],
            checkpoint=None if checkpoint == _NO_CHECKPOINT else checkpoint,
            name=self._names.get(row, ""),
        )

    def __iter__(self) -> Iterator[Job]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and len(self) == len(other) and all(map(Job.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Trace of {len(self)} jobs"
