"""Advice about rehearsals: jobs that never ran, share identifiers, and changes of the capacity that have no effect."""

from collections.abc import Iterator, Sequence
from typing import Final

from fairlane.rehearsal.capacity_changes import CapacityChange
from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED, WAITING, Record
from fairlane.scheduler.weights import undeclared_identifiers
from fairlane.scheduling import FairShare, SchedulingPolicy
from fairlane.scheduling.share_identifiers import MAX_SHARE_IDENTIFIERS

_MAX_LISTED: Final = 10  # share identifiers in a text


def record_advice(
    policy: SchedulingPolicy, trace: Trace, record: Record, largest_instance: int | None
) -> Iterator[str]:
    """Yield the advice about the jobs of a queue after a simulation."""
    yield from _advice(policy, trace, record.unrunnable, largest_instance)
    yield from _blocking_advice(record)


def _advice(
    policy: SchedulingPolicy, trace: Trace, unrunnable: set[int], largest_instance: int | None
) -> Iterator[str]:
    too_wide = {
        row
        for row in unrunnable
        if largest_instance and -(-trace.instances[row] // trace.nodes.get(row, 1)) > largest_instance
    }
    for rows, reason in (
        (unrunnable - too_wide, "they need more capacity than can be free"),
        (too_wide, f"they need more than {largest_instance} GPUs, the largest instance, on a node"),
    ):
        if rows:
            job = trace[min(rows)]
            first = f"the first is {job.name or f'row {min(rows)}'}"
            share = f" of share {job.share}" if job.share else ""
            yield (
                f"jobs that can never run, because {reason}: {len(rows)}; {first}{share}, which needs {job.instances}"
            )
    if too_wide:
        yield "a column nodes divides the GPUs of a multi-node parallel job on its instances"
    if isinstance(policy, FairShare) and (unlisted := undeclared_identifiers(policy, trace.share_names)):
        listed = ", ".join(unlisted[:_MAX_LISTED])
        more = f" and {len(unlisted) - _MAX_LISTED:,} others" if len(unlisted) > _MAX_LISTED else ""
        yield (f"share identifiers that the policy does not list have weight factor 1: {listed}{more}")
    if isinstance(policy, FairShare) and len(trace.share_names) > MAX_SHARE_IDENTIFIERS:
        yield (
            f"the jobs have {len(trace.share_names):,} share identifiers: AWS Batch refuses jobs with more than "
            f"{MAX_SHARE_IDENTIFIERS} active share identifiers in a queue"
        )


def _blocking_advice(record: Record) -> Iterator[str]:
    """Yield the numbers of jobs that a job that can never run kept from running, and that a time limit ended."""
    apart = record.unrunnable | record.held
    if blocked := record.states.count(WAITING) - sum(record.states[row] == WAITING for row in apart):
        yield f"jobs that wait at the end behind a job that can never run: {blocked}"
    if ended := len(record.ended.keys() - record.held):
        yield f"jobs that can never run and that a time limit of the queue ended: {ended}"
    if failed := sum(record.states[row] == FAILED for row in record.held):
        yield f"jobs that failed because a job that they depend on failed: {failed:,}"
    if waiting := len(record.held) - failed:
        yield f"jobs that never run because a job that they depend on never ends: {waiting:,}"


def change_advice(trace: Trace, record: Record, changes: Sequence[CapacityChange]) -> Iterator[str]:
    """Yield a text if no change of the capacity happens while jobs wait or run."""
    if changes and len(trace) and not any(trace.submits[0] <= change.second <= record.last for change in changes):
        yield "no change of the capacity is between the first submission and the last event: compare the clocks"
