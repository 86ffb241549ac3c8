"""Placement of lines: the ranking of their candidate Regions, and the capacity that it reads."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out import transfer
from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.lines import Candidate, Line
from fairlane_lambda.fan_out.locations import bucket, copy_target, s3_uri
from fairlane_lambda.fan_out.names import CAPACITY
from fairlane_lambda.fan_out.residency import is_allowed
from fairlane_lambda.fan_out.steps import Placement, Step

_UNKNOWN: Final = float("inf")


class Copy(NamedTuple):
    """Copy of data before a job.

    Attributes:
        source: Location of the data in Amazon S3.
        target: Location of the copy in Amazon S3.
        region: Region of the copy.
        gigabytes: Size of the data. 0 if the line has no `data_gb`.
        dollars: Cost of the copy in US dollars: transfer and job of S3 Batch Operations, without its objects.
        lines: Numbers of the first lines that need the copy.
    """

    source: str
    target: str
    region: str
    gigabytes: float
    dollars: float
    lines: tuple[int, ...] = ()


class Choice(NamedTuple):
    """Region of the job of a line.

    Attributes:
        region: Region.
        data: Location of the data that the job reads.
        reason: Reason of the choice, without locations and parameters.
        copy: Copy of the data that must end before the job. Default: none.
    """

    region: str
    data: str | None
    reason: str
    copy: Copy | None = None


class Refusal(NamedTuple):
    """Line without a Region. `text` has the reason for each candidate."""

    text: str


class Idle(NamedTuple):
    """Idle capacity of a queue for an instance type.

    Attributes:
        instances: Number of instances. None is unknown.
        unit: Unit of the limit. Instance types that share a unit share its capacity.
    """

    instances: int | None = None
    unit: str = ""


class CapacityRow(NamedTuple):
    """Capacity for an instance type in a Region. None is unknown.

    Attributes:
        on_demand_price: On-demand price of an instance-hour in US dollars.
        spot_price: Lowest Spot price of an instance-hour in US dollars.
        spot_score: Spot placement score, 1 to 10.
        free_reserved: Free instances of training plans and capacity reservations.
        idle: Idle capacity by queue.
    """

    on_demand_price: float | None = None
    spot_price: float | None = None
    spot_score: int | None = None
    free_reserved: int | None = None
    idle: Mapping[str, Idle] = {}


Capacity = Mapping[tuple[str, str], CapacityRow]
"""Capacity by Region and instance type."""


def read_capacity(s3: Any, bucket_name: str, regions: Iterable[str]) -> dict[tuple[str, str], CapacityRow]:
    """Return the capacity that was last written. A Region without an object has no rows.

    Args:
        s3: boto3 client of Amazon S3.
        bucket_name: Bucket of the fan-out.
        regions: Regions of the fan-out.
    """
    capacity: dict[tuple[str, str], CapacityRow] = {}
    for region in regions:
        try:
            text = s3.get_object(Bucket=bucket_name, Key=f"{CAPACITY}{region}.jsonl")["Body"].read().decode()
        except s3.exceptions.NoSuchKey:
            continue
        for line in filter(None, text.splitlines()):
            row = json.loads(line)
            known = capacity.get((region, row["instance_type"]), CapacityRow())
            capacity[region, row["instance_type"]] = CapacityRow(
                row["on_demand_price"],
                row["spot_price"],
                row["spot_score"],
                row["free_reserved"],
                {**known.idle, row["queue"]: Idle(row["idle"], row["idle_unit"])},
            )
    return capacity


_UNKNOWN_ROW: Final = CapacityRow()
_UNKNOWN_IDLE: Final = Idle()


class _Option(NamedTuple):
    """Candidate that may run, with the capacity of its Region.

    Attributes:
        candidate: The candidate.
        copy: Copy of its data.
        row: Capacity for the instance type of the line.
        free: Free instances by step, and the key under which a line takes them.
    """

    candidate: Candidate
    copy: Copy | None
    row: CapacityRow
    free: Mapping[Step, tuple[int | None, tuple[str, ...]]]


class Placer:
    """Greedy, deterministic placement of lines in the order of a manifest.

    A line that fits into the free reserved instances, or into the idle capacity of its queue, takes them from the lines
    after it. A copy counts for the first line that needs it.

    Args:
        config: Configuration of the fan-out.
        capacity: Capacity by Region and instance type.
        bucket_region: Function that returns the Region of a bucket. Empty if unknown: then no transfer is counted.
    """

    def __init__(self, config: Config, capacity: Capacity, bucket_region: Callable[[str], str] = lambda _: "") -> None:
        self._config = config
        self._steps: Sequence[Step] = Placement.parse(config.placement).steps
        self._capacity = capacity
        self._bucket_region = bucket_region
        self._taken: dict[tuple[str, ...], int] = {}
        self._copied: dict[str, tuple[str, int]] = {}

    def place(self, line: Line) -> Choice | Refusal:
        """Return the Region of a line, and take its capacity.

        Args:
            line: Line with the instance type and count of its job.
        """
        problems = {candidate.region: self._problem(candidate) for candidate in line.candidates}
        dropped = {region: problem for region, problem in problems.items() if problem}
        options = [self._option(line, one) for one in line.candidates if not problems[one.region]]
        if not options:
            return Refusal(f"no candidate left: {_texts(dropped)}")
        if len(options) == 1:
            best, reason = options[0], f"the only {'one left' if dropped else 'candidate'}"
        else:
            best, reason = self._best(line, options)
        source, number = self._copied.get(best.copy.target, ("", 0)) if best.copy else ("", 0)
        if best.copy and source not in ("", best.copy.source):
            return Refusal(f"copy_to: line {number} copies other data to the same location: use another copy_to")
        self._take(line, best)
        if dropped:
            reason = f"{reason} ({_texts(dropped)})"
        if best.copy is None:
            return Choice(best.candidate.region, best.candidate.data, reason)
        reason = f"{reason}; data copied, ${best.copy.dollars:,.2f}"
        return Choice(best.candidate.region, best.copy.target, reason, best.copy)

    def _problem(self, candidate: Candidate) -> str:
        """Return the reason why a candidate cannot be used. Empty if it can."""
        region, data, copy_to = candidate
        residency = self._config.residency
        if not is_allowed(data, region, residency):
            return "residency forbids the data there"
        if copy_to is None:
            return ""
        if not bucket(data):
            return "copy_to needs data in Amazon S3"
        target = copy_target(data or "", copy_to)
        for key, location in (("copy_from", s3_uri(data or "")), ("copy_to", target)):
            prefixes: tuple[str, ...] | None = getattr(self._config, key)
            if prefixes is not None and not (location or "").startswith(prefixes):
                return f"{key} of the fan-out has no prefix for the copy"
        if not is_allowed(target, region, residency):
            return "residency forbids the copy there"
        place = self._region(target)
        if place not in ("", region):
            return f"the bucket of copy_to is in {place}"
        return ""

    def _best(self, line: Line, options: Sequence[_Option]) -> tuple[_Option, str]:
        """Return the best option, and the first step in which it differs from the next one."""
        values = [tuple(self._value(step, line, option) for step in self._steps) for option in options]
        first, second, *_ = sorted(range(len(options)), key=lambda index: values[index])
        best, other = options[first], options[second]
        for step, value, other_value in zip(self._steps, values[first], values[second], strict=True):
            if value != other_value:
                text, other_text = _text(step, best, value), _text(step, other, other_value)
                return best, f"{step}: {text}, {other.candidate.region}: {other_text}"
        return best, "first of equal candidates"

    def _option(self, line: Line, candidate: Candidate) -> _Option:
        """Return a candidate with the instances that the lines before this one have left."""
        region, queue = candidate.region, line.queue or self._config.regions[candidate.region][0]
        row = self._capacity.get((region, line.instance_type or ""), _UNKNOWN_ROW)
        idle = row.idle.get(queue, _UNKNOWN_IDLE)
        reserved_key, idle_key = (region, line.instance_type or ""), (region, queue, idle.unit)
        free = {
            Step.RESERVED: (self._left(row.free_reserved, reserved_key), reserved_key),
            Step.IDLE: (self._left(idle.instances, idle_key), idle_key),
        }
        return _Option(candidate, self._copy(line, candidate), row, free)

    def _copy(self, line: Line, candidate: Candidate) -> Copy | None:
        region, data, copy_to = candidate
        if data is None or copy_to is None or copy_target(data, copy_to) == s3_uri(data):
            return None
        gigabytes = line.data_gb or 0
        dollars = transfer.dollars(self._region(data), region, gigabytes) + transfer.COPY_JOB_DOLLARS
        return Copy(s3_uri(data), copy_target(data, copy_to), region, gigabytes, round(dollars, 2))

    def _value(self, step: Step, line: Line, option: _Option) -> float:
        """Return the value of an option in a step: the lower, the better."""
        match step:
            case Step.RESERVED | Step.IDLE:
                return not _fits(option.free[step][0], line)
            case Step.SPOT_SCORE:
                return _UNKNOWN if option.row.spot_score is None else -option.row.spot_score
            case Step.PRICE:
                return self._dollars(line, option)

    def _dollars(self, line: Line, option: _Option) -> float:
        candidate, copy, row, _ = option
        if row.on_demand_price is None:
            return _UNKNOWN
        hours = 1 if line.hours is None else line.hours
        job = row.on_demand_price * _count(line) * hours
        if copy is not None:
            return job + (0 if self._copied.get(copy.target, ("", 0))[0] == copy.source else copy.dollars)
        return job + transfer.dollars(self._region(candidate.data), candidate.region, line.data_gb or 0)

    def _take(self, line: Line, option: _Option) -> None:
        for free, key in option.free.values():
            if _fits(free, line):
                self._taken[key] = self._taken.get(key, 0) + _count(line)
        if option.copy is not None:
            self._copied.setdefault(option.copy.target, (option.copy.source, line.number))

    def _left(self, free: int | None, key: tuple[str, ...]) -> int | None:
        return None if free is None else free - self._taken.get(key, 0)

    def _region(self, location: str | None) -> str:
        name = bucket(location)
        return self._bucket_region(name) if name else ""


def _count(line: Line) -> int:
    return line.instance_count or 1


def _fits(free: int | None, line: Line) -> bool:
    return free is not None and free >= _count(line)


def _text(step: Step, option: _Option, value: float) -> str:
    """Return the value of an option in a step for the reason."""
    match step:
        case Step.RESERVED | Step.IDLE:
            free = option.free[step][0]
            return "unknown" if free is None else f"{free} free"
        case _ if value == _UNKNOWN:
            return "unknown"
        case Step.SPOT_SCORE:
            return f"{-value:.0f}"
        case Step.PRICE:
            return f"${value:,.2f}"


def _texts(problems: Mapping[str, str]) -> str:
    return ", ".join(f"{region}: {problem}" for region, problem in problems.items())
