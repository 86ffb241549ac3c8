"""Use, entitlement, ceiling and waiting jobs of the shares of a queue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane.scheduling import NUM_INSTANCES, Fifo, QuotaManagement, State
from fairlane.scheduling.capacity import capacity_limits
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import VCPU, Queue
from fairlane_client.queues.snapshot import Snapshot

_TOP_SHARES: Final = 20
"""Number of shares in a snapshot (source: GetJobQueueSnapshot in the Batch API)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareUse:
    """Use of one capacity unit by a share.

    Args:
        name: Share identifier or quota share. Empty for all jobs of a queue without shares.
        unit: Capacity unit: `NUM_INSTANCES`, a SageMaker instance type, or `VCPU`.
        used: Capacity in use. None if AWS does not report it.
        entitlement: Quota of the share, or the weight's part of the capacity. None for a share without either.
        ceiling: Capacity that the share may reach while all others are idle. None for a share without either.
        waiting: Number of RUNNABLE jobs that were counted.
        oldest_wait: Number of seconds since the submission of the oldest of them. None if no job waits.
        is_enabled: False if the share takes no new jobs. Default: True.
    """

    name: str
    unit: str
    used: float | None
    entitlement: float | None
    ceiling: float | None
    waiting: int
    oldest_wait: float | None
    is_enabled: bool = True


def share_uses(queue: Queue, snapshot: Snapshot, waiting: Sequence[QueuedJob], now: float) -> list[ShareUse]:
    """Return the use of each capacity unit by each share, in the order of the units and of the policy.

    Args:
        queue: Queue.
        snapshot: Snapshot of the queue.
        waiting: RUNNABLE jobs of the queue.
        now: Current time, in seconds since 1970.
    """
    own, most = queue.policy.entitlements(queue.capacity), queue.policy.ceilings(queue.capacity)
    if isinstance(queue.policy, Fifo):
        own = most = {"": dict(capacity_limits(queue.capacity))}
    entitlements, ceilings = _by_row(queue, own), _by_row(queue, most)
    used = _use(queue, snapshot)
    jobs: dict[tuple[str, str], list[QueuedJob]] = {}
    for job in waiting:
        jobs.setdefault(row_of(queue, job.share, job.unit), []).append(job)
    rows = list(dict.fromkeys([*entitlements, *used, *jobs]))
    units = list(dict.fromkeys([*capacities(queue), *(unit for _, unit in rows)]))
    disabled = _disabled(queue)
    unlisted = 0.0 if total_use(queue, snapshot) is not None and len(snapshot.shares_in_use) < _TOP_SHARES else None
    return [
        ShareUse(
            name=share,
            unit=unit,
            used=used.get((share, unit), unlisted),
            entitlement=entitlements.get((share, unit)),
            ceiling=ceilings.get((share, unit)),
            waiting=len(jobs.get((share, unit), ())),
            oldest_wait=oldest_wait(jobs.get((share, unit), ()), now),
            is_enabled=share not in disabled,
        )
        for share, unit in sorted(rows, key=lambda row: units.index(row[1]))
    ]


def capacities(queue: Queue) -> dict[str, float]:
    """Return the capacity of a queue by unit."""
    capacity = queue.capacity
    if isinstance(capacity, Mapping):
        return dict(capacity)
    return {} if isinstance(queue.policy, QuotaManagement) else {_unit(queue, NUM_INSTANCES): capacity}


def total_use(queue: Queue, snapshot: Snapshot) -> dict[str, float] | None:
    """Return the capacity in use by unit. None if AWS does not report it."""
    if snapshot.updated is None and not snapshot.in_use:
        return None
    used: dict[str, float] = {}
    for unit, number in snapshot.in_use.items():
        used[_unit(queue, unit)] = used.get(_unit(queue, unit), 0) + number
    return used


def row_of(queue: Queue, share: str, unit: str) -> tuple[str, str]:
    """Return the share and the unit of the row that a job counts in.

    Args:
        queue: Queue.
        share: Share of the job. A share identifier counts in the row of its prefix, if the policy lists a prefix.
        unit: Unit of the job.
    """
    return "" if isinstance(queue.policy, Fifo) else queue.listed_share(share), _unit(queue, unit)


def oldest_wait(jobs: Iterable[QueuedJob], now: float) -> float | None:
    """Return the number of seconds since the first submission of jobs, 0 or more. None without jobs."""
    return max((max(0.0, now - job.created) for job in jobs), default=None)


def _unit(queue: Queue, unit: str) -> str:
    """Return a unit, or the only unit of a queue that counts vCPUs or instances of any type."""
    if queue.kind == "gpu":
        return VCPU
    return unit if isinstance(queue.policy, QuotaManagement) or isinstance(queue.capacity, Mapping) else NUM_INSTANCES


def _by_row(queue: Queue, allotment: Mapping[str, Mapping[str, float]]) -> dict[tuple[str, str], float]:
    return {(share, _unit(queue, unit)): number for share, units in allotment.items() for unit, number in units.items()}


def _use(queue: Queue, snapshot: Snapshot) -> dict[tuple[str, str], float]:
    shares = {"": snapshot.in_use} if isinstance(queue.policy, Fifo) else snapshot.shares_in_use
    used: dict[tuple[str, str], float] = {}
    for share, units in shares.items():
        for unit, number in units.items():
            row = row_of(queue, share, unit)
            used[row] = used.get(row, 0) + number
    return used


def _disabled(queue: Queue) -> set[str]:
    shares = queue.policy.shares if isinstance(queue.policy, QuotaManagement) else ()
    return {share.name for share in shares if share.state == State.DISABLED}
