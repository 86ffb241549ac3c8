"""Use and cost of a queue by share in a period."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fairlane.catalog.gpu_catalog import training_gpus
from fairlane.costs.instance_prices import InstancePrices
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import VCPU, Queue
from fairlane_client.usage.holds import HOUR, Gap, Hold
from fairlane_client.usage.ledger import SCALE, Row, RowKind, unit_rows
from fairlane_client.usage.rates import Rates
from fairlane_client.usage.sources import Reading, Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitUse:
    """Use of one capacity unit in a period.

    Args:
        unit: Capacity unit: `NUM_INSTANCES`, a SageMaker instance type, or `VCPU`.
        capacity: Current capacity, in `unit`.
        rows: Rows. Their totals add up to capacity times time.
        gpus: GPUs of one unit. None if the unit has no fixed number.
        costs: Cost in USD of what the jobs of each share used. None if a price is unknown.
    """

    unit: str
    capacity: int
    rows: list[Row]
    gpus: int | None = None
    costs: Mapping[str, float | None] = field(default_factory=dict)

    def cost(self, row: Row) -> float | None:
        """Return the cost in USD of what the jobs of a row used. None if it is unknown, and in rows without a share."""
        return self.costs.get(row.share) if row.kind == RowKind.SHARE else None

    def gpu_hours(self, row: Row) -> float | None:
        """Return the GPU-hours that the jobs of a row held. None if they are unknown, and in rows without a share."""
        if row.kind != RowKind.SHARE or row.amounts.gpus is None:
            return None
        return row.amounts.gpus / HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Use of a queue by share in a period.

    Args:
        queue: Name of the queue.
        start: Start of the period, in milliseconds since 1970.
        end: End of the period.
        units: Use of each capacity unit.
        sources: Sources, for example `archive (31 of 31 days)`.
        unknown: Reasons for unknown capacity, with the number of gaps.
        notes: Sentences about the numbers.
    """

    queue: str
    start: int
    end: int
    units: list[UnitUse]
    sources: list[str]
    unknown: Mapping[str, int]
    notes: list[str]

    @property
    def milliseconds(self) -> int:
        """Length of the period."""
        return self.end - self.start

    @property
    def is_complete(self) -> bool:
        """True if nothing of the period is unknown."""
        return not any(row.kind == RowKind.UNKNOWN for unit in self.units for row in unit.rows)


def usage(
    queue: Queue,
    start: datetime,
    end: datetime,
    *,
    calls: Calls | None = None,
    archive: str | None = None,
    metrics: Calls | None = None,
    prices: InstancePrices | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Usage:
    """Return the use of a queue by share in a period.

    The rows of each unit add up exactly to the current capacity of the queue times the length of the period.

    Args:
        queue: Queue, for example from `read_queue`.
        start: Start of the period. A time without a time zone is in UTC.
        end: End of the period. Running jobs count until then, or until now.
        calls: Calls to AWS Batch. Default: only the archive is read.
        archive: Folder or S3 URI of a job archive. Default: only the lists of AWS Batch are read.
        metrics: Calls to CloudWatch, for days that neither the archive nor the lists have. They require
            `cloudwatch:GetMetricData`, which `queue.grants.observe` does not give. Default: no metrics are read.
        prices: Prices of instances. Default: none, and costs are unknown.
        now: Current time. Default: the computer's.
        progress: Function that gets the number of listed jobs after each page. Default: none.

    Raises:
        ConfigurationError: If the period is empty or starts in the future, if there is no source, or if the archive
            has mistakes.
        NotAllowed: If the caller may not read the archive, or list or describe jobs.
    """
    current = milliseconds(now or datetime.now(UTC))
    first, last = milliseconds(start), milliseconds(end)
    problems = []
    if first >= last:
        problems.append(Problem.relation(("to",), f"the period ends at {_text(last)}, not after its start"))
    if first >= current:
        problems.append(Problem.relation(("from",), f"the period starts at {_text(first)}, in the future"))
    if calls is None and archive is None:
        problems.append(Problem.relation(("archive",), "missing: without calls to AWS, an archive is required"))
    if problems:
        raise ConfigurationError("usage", problems)
    notes = _capacity_notes(queue)
    if last > current:
        notes.insert(0, f"The period ends now: {_text(current)} is before {_text(last)}.")
        last = current
    sources = Sources(
        start=first, end=last, now=current, calls=calls, archive=archive, metrics=metrics, progress=progress
    )
    reading = sources.read(queue)
    if isinstance(queue.capacity, Mapping):
        _set_apart_mixed_jobs(reading)
    rates = Rates(queue, prices)
    units = [
        _unit_use(queue, unit, number, reading, sources, rates)
        for unit, number in _capacities(queue, reading.holds).items()
    ]
    unknown: dict[str, int] = {}
    for gap in reading.gaps:
        if gap.start < last and gap.end > first:
            unknown[gap.reason] = unknown.get(gap.reason, 0) + 1
    return Usage(
        queue=queue.name,
        start=first,
        end=last,
        units=units,
        sources=reading.sources,
        unknown=unknown,
        notes=[*reading.notes, *notes, *(rates.notes() if prices else [])],
    )


def milliseconds(time: datetime) -> int:
    """Return a time in milliseconds since 1970. A time without a time zone is in UTC."""
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _text(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _capacity_notes(queue: Queue) -> list[str]:
    notes = ["Capacity and entitlements are the current ones: earlier changes are not known."]
    disabled = [environment.name for environment in queue.environments if not environment.is_enabled]
    if disabled:
        notes.append(f"Not in the capacity, because they are disabled: {', '.join(disabled)}.")
    return notes


def _set_apart_mixed_jobs(reading: Reading) -> None:
    """Replace jobs with instances of several types by gaps: how many of each type they held is unknown."""
    reason = "jobs with instances of several types"
    for held in (reading.holds, reading.others):
        mixed = [hold for hold in held if hold.unit == NUM_INSTANCES]
        reading.gaps += [Gap(hold.start, hold.end, reason) for hold in mixed]
        held[:] = [hold for hold in held if hold.unit != NUM_INSTANCES]


def _capacities(queue: Queue, holds: Iterable[Hold]) -> dict[str, int]:
    """Return the capacity by unit. A unit that only jobs have counts as 0."""
    capacity = queue.capacity
    if isinstance(capacity, Mapping):
        return {**capacity, **{hold.unit: 0 for hold in holds if hold.unit not in capacity}}
    return {next(iter(queue.units), VCPU if queue.kind == "gpu" else NUM_INSTANCES): capacity}


def _unit_use(queue: Queue, unit: str, capacity: int, reading: Reading, sources: Sources, rates: Rates) -> UnitUse:
    start, end = sources.start, sources.end
    is_typed = isinstance(queue.capacity, Mapping)
    own = [_labelled(queue, hold) for hold in reading.holds if not is_typed or hold.unit == unit]
    others = [hold for hold in reading.others if not is_typed or hold.unit == unit]
    entitlements = _entitlements(queue, unit, capacity)
    by_share: dict[str, list[Hold]] = defaultdict(list)
    for hold in own:
        by_share[hold.share].append(hold)
    instance_type = unit if unit.startswith("ml.") else queue.instance_type
    rows = unit_rows(unit, capacity * SCALE, entitlements, own, others, reading.gaps, start, end)
    total = sum(row.amounts.total for row in rows)
    if total != capacity * SCALE * (end - start):
        raise AssertionError(f"{unit}: the rows add up to {total}, not to capacity times time")
    return UnitUse(
        unit=unit,
        capacity=capacity,
        rows=rows,
        gpus=training_gpus(instance_type) if instance_type and unit != VCPU else None,
        costs={share: rates.cost(by_share[share], start, end) for share in {row.share for row in rows}},
    )


def _labelled(queue: Queue, hold: Hold) -> Hold:
    """Return a hold with the share under which the policy counts it."""
    return replace(hold, share=queue.listed_share(hold.share) if queue.shares else "")


def _entitlements(queue: Queue, unit: str, capacity: int) -> dict[str, int]:
    """Return the entitlement of each share in thousandths of a unit, rounded down."""
    if not queue.shares:
        return {"": capacity * SCALE}
    allotment = queue.policy.entitlements(queue.capacity)
    is_typed = isinstance(queue.capacity, Mapping)
    return {
        share: int((units.get(unit, 0) if is_typed else sum(units.values())) * SCALE + 1e-6)
        for share, units in allotment.items()
    }
