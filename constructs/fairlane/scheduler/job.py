"""Jobs, and traces of jobs."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple, overload

from fairlane._internal.checks import check_number, check_text, check_whole_number
from fairlane.errors import Problem
from fairlane.scheduler.dependencies import dependency_problems
from fairlane.scheduler.options import MAX_ATTEMPTS
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

MAX_NODES: Final = 1000
"""Maximum number of nodes of a multi-node parallel job (source: "Multi-node parallel jobs", AWS Batch)."""

_MAX_SECONDS: Final = 10**11
_MAX_INSTANCES: Final = 10**9
_MAX_LISTED_JOBS: Final = 100
_NO_CHECKPOINT: Final = -1
_UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Job of a trace.

    Args:
        share: Share identifier or quota share. A FIFO queue does not use it. Default: none.
        priority: Priority inside the share, 0 to 9999. Higher is first. Default: 0.
        instances: Number of instances, or units of the queue's capacity, that the job needs at once, 1 or more.
            Default: 1.
        instance_type: Instance type. Default: the only instance type of the queue.
        instance_types: Instance types in the order of preference, which replace `instance_type`: the job starts on the
            first type that has room. Only quota management counts types. Default: none.
        nodes: Number of nodes of a multi-node parallel job of containers, 1 to 1000, on which its GPUs are divided
            equally. Default: 1.
        queue: Name of the queue, for a rehearsal of several queues. Default: the only queue.
        submit: Time of submission in whole seconds from any origin, 0 or more.
        run: Number of seconds that the job works, 1 or more.
        checkpoint: Number of seconds of work between checkpoints, 1 or more. Default: no checkpoints, so that a stop
            loses all work.
        restart: Number of seconds that the job needs before it works again after a stop, 0 or more. Default: the
            `restart_seconds` of the strategies.
        attempts: Maximum number of runs that fail or lose an instance, 1 to 10. Preempted runs do not count. Default:
            the `attempts` of the EC2 instances, or 1.
        fails_after: Number of seconds of work, 1 to `run`, after which a run can fail. Default: no run fails.
        fails: Probability that a run fails, 0 to 1. It needs `fails_after`. Whether an attempt of a job fails does not
            depend on the policy. Default: 1.
        after: Names of jobs of the same trace that must succeed before the job can run. A name that several jobs have
            stands for all of them. If one of them fails, the job fails. Default: none.
        name: Name in reports and in `after`. Default: none.
        started: Second at which the last run of a past job really started, from the origin of `submit`. It has no
            effect on a rehearsal. Default: unknown.
        stopped: Second at which it really ended. Default: unknown.
    """

    share: str = ""
    priority: int = 0
    instances: int = 1
    instance_type: str = ""
    submit: int
    run: int
    checkpoint: int | None = None
    restart: int | None = None
    attempts: int | None = None
    fails_after: int | None = None
    fails: float | None = None
    after: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    nodes: int | None = None
    queue: str = ""
    name: str = ""
    started: int | None = None
    stopped: int | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of values out of range."""
        for field, got in (("share", self.share), ("instance_type", self.instance_type), ("name", self.name)):
            yield from check_text((field,), got, lambda _: True, "a text")
        yield from check_whole_number(("priority",), self.priority, 0, MAX_JOB_PRIORITY)
        yield from check_whole_number(("instances",), self.instances, 1, _MAX_INSTANCES, unit="instances")
        yield from check_whole_number(("submit",), self.submit, 0, _MAX_SECONDS, unit="seconds")
        yield from check_whole_number(("run",), self.run, 1, _MAX_SECONDS, unit="seconds")
        if self.checkpoint is not None:
            yield from check_whole_number(("checkpoint",), self.checkpoint, 1, _MAX_SECONDS, unit="seconds")
        if self.restart is not None:
            yield from check_whole_number(("restart",), self.restart, 0, _MAX_SECONDS, unit="seconds")
        times = [(name, time) for name in ("started", "stopped") if (time := getattr(self, name)) is not None]
        wrong = [
            problem
            for name, time in times
            for problem in check_whole_number((name,), time, 0, _MAX_SECONDS, unit="seconds")
        ]
        yield from wrong or order_problems(self.submit, self.started, self.stopped)
        yield from self._special_problems()

    def _special_problems(self) -> Iterator[Problem]:
        """Yield the problems of values that few jobs have."""
        yield from check_text(("queue",), self.queue, lambda _: True, "a text")
        for field, names in (("after", self.after), ("instance_types", self.instance_types)):
            if not isinstance(names, tuple) or not all(name and isinstance(name, str) for name in names):
                yield Problem((field,), names, "a tuple of names")
            elif len({*names}) < len(names):
                yield Problem.relation((field,), "a name is listed twice: list each name once")
        if self.instance_type and self.instance_types:
            yield Problem.relation(("instance_types",), "the job has instance_type, too: use one of both")
        if self.attempts is not None:
            yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if self.nodes is not None:
            yield from check_whole_number(("nodes",), self.nodes, 1, MAX_NODES)
        yield from failure_problems(self.run, self.fails_after, self.fails)

    def is_plain(self) -> bool:
        """Return True if all values have the exact types and are in range. Faster than `problems`."""
        return (
            type(self.submit) is type(self.run) is type(self.instances) is type(self.priority) is int
            and type(self.share) is type(self.instance_type) is type(self.name) is str
            and 0 <= self.submit <= _MAX_SECONDS
            and 1 <= self.run <= _MAX_SECONDS
            and 1 <= self.instances <= _MAX_INSTANCES
            and 0 <= self.priority <= MAX_JOB_PRIORITY
            and (self.checkpoint is None or (type(self.checkpoint) is int and 1 <= self.checkpoint <= _MAX_SECONDS))
            and (self.restart is None or (type(self.restart) is int and 0 <= self.restart <= _MAX_SECONDS))
            and (
                self.started is None is self.stopped
                or (
                    type(self.started) is type(self.stopped) is int
                    and self.submit <= self.started <= self.stopped <= _MAX_SECONDS
                )
            )
            and type(self.queue) is str
            and (
                (
                    self.attempts is self.fails_after is self.fails is self.nodes is None
                    and not (self.after or self.instance_types)
                )
                or not any(self._special_problems())
            )
        )


def order_problems(submit: int, started: int | None, stopped: int | None) -> Iterator[Problem]:
    """Yield the problems of real times that are not in the order of time, or of which only one is given."""
    if (started is None) != (stopped is None):
        field = "started" if started is None else "stopped"
        yield Problem((field,), None, "a time, because the job has the other of started and stopped")
    if started is not None and started < submit:
        yield Problem.relation(("started",), "the job started before its submission: correct started or submit")
    if started is not None and stopped is not None and stopped < started:
        yield Problem.relation(("stopped",), "the job stopped before it started: correct stopped or started")


def failure_problems(run: int, fails_after: int | None, fails: float | None) -> Iterator[Problem]:
    """Yield the problems of the failures of a job."""
    if fails is not None:
        yield from check_number(("fails",), fails, 0, 1)
        if fails_after is None:
            yield Problem(
                ("fails_after",), None, "the seconds of work after which a run fails, because the job has fails"
            )
    if fails_after is not None:
        wrong = list(check_whole_number(("fails_after",), fails_after, 1, _MAX_SECONDS, unit="seconds"))
        yield from wrong
        if not wrong and isinstance(run, int) and fails_after > run:
            sentence = f"the job ends after {run} seconds, before it fails: use at most {run}"
            yield Problem.relation(("fails_after",), sentence)


class Failure(NamedTuple):
    """Failures of a job.

    Attributes:
        after: Number of seconds of work after which a run can fail.
        probability: Probability that a run fails. None for 1.
        key: Text that, with the seed of a rehearsal and the number of the attempt, determines which runs fail.
    """

    after: int
    probability: float | None
    key: str


class Trace(Sequence[Job]):
    """Jobs in the order of their submission. A row is the index of a job. One million jobs take about 50 MB.

    `Trace.of` creates a trace from jobs, and `read_trace` from a file.

    Attributes:
        submits: Time of submission of each job, in seconds.
        runs: Number of seconds that each job works.
        instances: Number of instances that each job needs.
        priorities: Priority of each job.
        checkpoints: Number of seconds between the checkpoints of each job. -1 for no checkpoints.
        restarts: Number of seconds that a job needs after a stop, by row, of the jobs that have their own.
        share_names: Names of all shares, in the order of their first job.
        shares: Index in `share_names` of each job's share.
        instance_types: All instance types, in the order of their first job.
        types: Index in `instance_types` of each job's instance type, which is the first of several.
        preferences: Indexes of all instance types of a job in the order of preference, by row, of the jobs that have a
            list.
        nodes: Number of nodes by row, of the jobs that have one.
        attempts: Maximum number of attempts by row, of the jobs that have their own.
        failures: Failures by row, of the jobs whose runs can fail.
        after: Names of the jobs that a job depends on, by row, of the jobs that have some.
        queue_names: Names of all queues, in the order of their first job. Empty if no job names a queue.
        queues: Index in `queue_names` of each job's queue. Empty if no job names a queue.
        started: Second at which the last run of each job really started. -1 if it is unknown. Empty if it is unknown
            for all jobs.
        stopped: Second at which this run really ended, in the same way.
        advice: Texts about values that the user probably did not intend.
    """

    def __init__(self) -> None:
        self.submits = array("q")
        self.runs = array("q")
        self.instances = array("q")
        self.priorities = array("H")
        self.checkpoints = array("q")
        self.restarts: dict[int, int] = {}
        self.attempts: dict[int, int] = {}
        self.failures: dict[int, Failure] = {}
        self.after: dict[int, tuple[str, ...]] = {}
        self.preferences: dict[int, tuple[int, ...]] = {}
        self.nodes: dict[int, int] = {}
        self.queue_names: list[str] = []
        self.queues = array("I")
        self.shares = array("I")
        self.types = array("I")
        self.started = array("q")
        self.stopped = array("q")
        self.share_names: list[str] = []
        self.instance_types: list[str] = []
        self.advice: tuple[str, ...] = ()
        self._names: Mapping[int, str] = {}
        self._problems: list[Problem] = []

    @classmethod
    def of(cls, jobs: Iterable[Job], *, advice: Iterable[str] = ()) -> "Trace":
        """Return a trace of jobs, sorted by submission. Jobs of the same second keep their order.

        Args:
            jobs: Jobs in any order.
            advice: Texts about values that the user probably did not intend. Default: none.
        """
        trace = cls()
        trace.advice = tuple(advice)
        good, bad = [], 0
        for row, job in enumerate(jobs):
            if isinstance(job, Job) and job.is_plain():
                good.append(job)
            elif problems := list(job.problems() if isinstance(job, Job) else [Problem((), job, "a Job")]):
                bad += 1
                if bad <= _MAX_LISTED_JOBS:
                    trace._problems += [problem.within("trace", row) for problem in problems]
            else:
                good.append(job)
        if bad > _MAX_LISTED_JOBS:
            sentence = (
                f"{bad} jobs have problems, and the error lists the first {_MAX_LISTED_JOBS}: correct all of them"
            )
            trace._problems.append(Problem.relation(("trace",), sentence))
        if not bad:
            found = dependency_problems([job.name for job in good], [job.after for job in good])
            trace._problems += [problem.within("trace", row) for row, problem in islice(found, _MAX_LISTED_JOBS)]
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
        special = [
            (row, job)
            for row, job in enumerate(jobs)
            if not (job.attempts is job.fails_after is job.nodes is None) or job.after or job.instance_types
        ]
        units = [job.instance_type for job in jobs]
        for row, job in special:
            units[row] = job.instance_types[0] if job.instance_types else job.instance_type
        self.types.extend([types.setdefault(unit, len(types)) for unit in units])
        if any(job.queue for job in jobs):
            queues: dict[str, int] = {}
            self.queues.extend([queues.setdefault(job.queue, len(queues)) for job in jobs])
            self.queue_names = list(queues)
        if any(job.started is not None for job in jobs):
            self.started.extend([_UNKNOWN if job.started is None else job.started for job in jobs])
            self.stopped.extend([_UNKNOWN if job.stopped is None else job.stopped for job in jobs])
        self.share_names = list(shares)
        self.instance_types = list(types)
        self.restarts = {row: job.restart for row, job in enumerate(jobs) if job.restart is not None}
        self._names = {row: job.name for row, job in enumerate(jobs) if job.name}
        if special:
            self._fill_special(special, types)
            self.instance_types = list(types)

    def _fill_special(self, jobs: Sequence[tuple[int, Job]], types: dict[str, int]) -> None:
        """Add the values that few jobs have, and their instance types to `types`."""
        same_key = Counter[str]()
        for row, job in jobs:
            if job.instance_types:
                self.preferences[row] = tuple(types.setdefault(unit, len(types)) for unit in job.instance_types)
            if job.attempts is not None:
                self.attempts[row] = job.attempts
            if job.nodes is not None:
                self.nodes[row] = job.nodes
            if job.after:
                self.after[row] = job.after
            if job.fails_after is not None:
                key = f"{job.share} {job.name}"
                same_key[key] += 1
                self.failures[row] = Failure(job.fails_after, job.fails, f"{key} {same_key[key]}")

    def name(self, row: int) -> str:
        """Return the name of a job. Empty if it has none."""
        return self._names.get(row, "")

    def named_rows(self) -> Iterable[tuple[int, str]]:
        """Return the row and the name of each job that has a name."""
        return self._names.items()

    def part(self, rows: Sequence[int]) -> "Trace":
        """Return some of the jobs, in the same order. Dependencies on other jobs stay.

        Args:
            rows: Rows of the jobs, in increasing order.
        """
        part = Trace()
        for name in ("submits", "runs", "instances", "priorities", "checkpoints", "started", "stopped"):
            column: array[int] = getattr(self, name)
            if column:
                getattr(part, name).extend([column[row] for row in rows])
        shares: dict[int, int] = {}
        types: dict[int, int] = {}
        part.shares.extend([shares.setdefault(self.shares[row], len(shares)) for row in rows])
        part.types.extend([types.setdefault(self.types[row], len(types)) for row in rows])
        numbers = {row: number for number, row in enumerate(rows)}
        part.preferences = {
            numbers[row]: tuple(types.setdefault(unit, len(types)) for unit in units)
            for row, units in self.preferences.items()
            if row in numbers
        }
        part.share_names = [self.share_names[share] for share in shares]
        part.instance_types = [self.instance_types[unit] for unit in types]
        for name in ("restarts", "attempts", "failures", "after", "nodes", "_names"):
            setattr(part, name, {numbers[row]: value for row, value in getattr(self, name).items() if row in numbers})
        if self.queues:
            queues: dict[int, int] = {}
            part.queues.extend([queues.setdefault(self.queues[row], len(queues)) for row in rows])
            part.queue_names = [self.queue_names[queue] for queue in queues]
        return part

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the jobs. The path has the index of the job in the argument of `Trace.of`."""
        yield from self._problems

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs in the order of their submission."""
        return tuple(self)

    def __len__(self) -> int:
        return len(self.submits)

    @overload
    def __getitem__(self, row: int) -> Job: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Job, ...]: ...
    def __getitem__(self, row: int | slice) -> Job | tuple[Job, ...]:
        if isinstance(row, slice):
            return tuple(self[index] for index in range(*row.indices(len(self))))
        row = range(len(self))[row]
        checkpoint, failure = self.checkpoints[row], self.failures.get(row)
        preferred = self.preferences.get(row, ())
        return Job(
            share=self.share_names[self.shares[row]],
            priority=self.priorities[row],
            instances=self.instances[row],
            instance_type="" if preferred else self.instance_types[self.types[row]],
            instance_types=tuple(self.instance_types[index] for index in preferred),
            nodes=self.nodes.get(row),
            queue=self.queue_names[self.queues[row]] if self.queues else "",
            attempts=self.attempts.get(row),
            fails_after=failure.after if failure else None,
            fails=failure.probability if failure else None,
            after=self.after.get(row, ()),
            submit=self.submits[row],
            run=self.runs[row],
            checkpoint=None if checkpoint == _NO_CHECKPOINT else checkpoint,
            restart=self.restarts.get(row),
            name=self._names.get(row, ""),
            started=_known(self.started, row),
            stopped=_known(self.stopped, row),
        )

    def __iter__(self) -> Iterator[Job]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and len(self) == len(other) and all(map(Job.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Trace of {len(self)} jobs"


def _known(times: "array[int]", row: int) -> int | None:
    return times[row] if times and times[row] != _UNKNOWN else None
