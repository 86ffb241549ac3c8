"""Columns of jobs that are read from a file, from which a trace is made without an object for each job."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from operator import le
from typing import Final

from fairlane.scheduler.job import Trace

NONE: Final = -1
"""Value of a number that a job does not have."""
_CODES: Final = {
    "submit": "q",
    "run": "q",
    "instances": "q",
    "priority": "H",
    "checkpoint": "q",
    "restart": "q",
    "started": "q",
    "stopped": "q",
}
NUMBERS: Final = tuple(_CODES)
"""Columns of numbers."""
_DEFAULTS: Final = {"priority": 0}
TEXTS: Final = ("share", "instance_type", "queue")
"""Columns of texts that many jobs have in common."""


class Names(Mapping[int, str]):
    """Names of jobs by row, as one text of less than 4 GiB. Jobs without a name have no entry."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("I")

    def extend(self, names: Sequence[str]) -> None:
        """Add the names of the next rows. An empty text stands for no name."""
        encoded = [name.encode() for name in names]
        start = len(self._text)
        self._text += b"".join(encoded)
        self._ends.extend(islice(accumulate(map(len, encoded), initial=start), 1, None))

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self._ends):
            raise KeyError(row)
        start = self._ends[row - 1] if row else 0
        if start == self._ends[row]:
            raise KeyError(row)
        return self._text[start : self._ends[row]].decode()

    def __iter__(self) -> Iterator[int]:
        start = 0
        for row, end in enumerate(self._ends):
            if end > start:
                yield row
            start = end

    def __len__(self) -> int:
        return sum(1 for _ in self)


class JobColumns:
    """Columns of jobs in the order of a file. All values are in the ranges of `Job`."""

    def __init__(self) -> None:
        self._numbers: dict[str, array[int]] = {name: array(_CODES[name]) for name in ("submit", "run", "instances")}
        self._texts = {name: array("I") for name in TEXTS}
        self._indexes: dict[str, dict[str, int]] = {name: {} for name in TEXTS}
        self._names = Names()
        self._has_names = False

    def __len__(self) -> int:
        return len(self._numbers["submit"])

    def extend(
        self,
        numbers: Mapping[str, Sequence[int]],
        texts: Mapping[str, Sequence[str]],
        names: Sequence[str],
    ) -> None:
        """Add jobs.

        Args:
            numbers: Columns of numbers by the names of the fields of `Job`. A field without a column has its default.
            texts: Columns of texts by name, of all fields in `TEXTS`.
            names: Names of the jobs.
        """
        before = len(self)
        for name, code in _CODES.items():
            default = array(code, [_DEFAULTS.get(name, NONE)])
            if name in numbers and name not in self._numbers:
                self._numbers[name] = default * before
            if name in self._numbers:
                self._numbers[name].extend(numbers.get(name) or default * len(names))
        for name, column in texts.items():
            indexes = self._indexes[name]
            for text in dict.fromkeys(column):
                indexes.setdefault(text, len(indexes))
            self._texts[name].extend(map(indexes.__getitem__, column))
        if not self._has_names and any(names):
            self._has_names = True
            self._names.extend([""] * before)
        if self._has_names:
            self._names.extend(names)

    @property
    def is_sorted(self) -> bool:
        """True if the jobs are in the order of their submission."""
        submits = self._numbers["submit"]
        return all(map(le, submits, islice(submits, 1, None)))

    def trace(self, advice: Iterable[str]) -> Trace:
        """Return the trace of the jobs, sorted by submission. The columns have no jobs afterwards.

        Args:
            advice: Texts about values that the user probably did not intend.
        """
        if not self.is_sorted:
            self._sort()
        number, take = len(self), self._numbers.pop
        trace = Trace()
        trace.advice = tuple(advice)
        trace.submits, trace.runs, trace.instances = take("submit"), take("run"), take("instances")
        trace.priorities = take("priority", array("H", [0]) * number)
        trace.checkpoints = take("checkpoint", array("q", [NONE]) * number)
        trace.restarts = {row: seconds for row, seconds in enumerate(take("restart", ())) if seconds != NONE}
        trace.shares, trace.types = self._texts["share"], self._texts["instance_type"]
        trace.share_names, trace.instance_types = list(self._indexes["share"]), list(self._indexes["instance_type"])
        if any(self._indexes["queue"]):
            trace.queues, trace.queue_names = self._texts["queue"], list(self._indexes["queue"])
        if "started" in self._numbers:
            trace.started, trace.stopped = take("started"), take("stopped")
        if self._has_names:
            trace._names = self._names
        return trace

    def _sort(self) -> None:
        submits = self._numbers["submit"]
        order = sorted(range(len(self)), key=submits.__getitem__)
        for columns in (self._numbers, self._texts):
            for name, column in columns.items():
                columns[name] = array(column.typecode, map(column.__getitem__, order))
        for name, column in self._texts.items():
            numbers = {index: number for number, index in enumerate(dict.fromkeys(column))}
            self._texts[name] = array("I", map(numbers.__getitem__, column))
            texts = list(self._indexes[name])
            self._indexes[name] = {texts[index]: number for index, number in numbers.items()}
        if self._has_names:
            names = Names()
            names.extend([self._names.get(row, "") for row in order])
            self._names = names
