"""Sizes of an elastic job that the quota of its team reaches, with the batch at each. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairlane._internal.checks import alternatives, listing
from fairlane.errors import Advice
from fairlane.hyperpod.elastic_batch import SizeBatch, size_batches
from fairlane.hyperpod.elastic_job import ElasticTrainingJob
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.quota_amounts import cap_amounts
from fairlane.hyperpod.quota_table import QuotaRow, amount_text, quota_rows
from fairlane.hyperpod.replica_requests import (
    accelerator_requests,
    accelerators_per_replica,
    replica_processes,
    replica_requests,
    request_amounts,
)
from fairlane.hyperpod.team import Governance, Team
from fairlane.hyperpod.team_objects import PART_PRIORITIES


class SizeState(StrEnum):
    """Capacity that a job of a size uses."""

    GUARANTEED = "guaranteed"
    """Within the quota of the team: the job gets it at any time, by preemption of the teams that borrow it."""
    BORROWED = "borrowed"
    """In part idle capacity of other teams, which they take back by preemption."""
    REFUSED = "refused"
    """Never admitted, or its pods are never created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSize:
    """One size of an elastic job.

    Attributes:
        replicas: Size in replicas.
        accelerators: Number of accelerators of all replicas.
        state: Capacity that the job uses at this size.
        reason: Resource that is borrowed or refused, and the limit. Empty for a guaranteed size.
        batch: Batch at this size. None if it is not known.
    """

    replicas: int
    accelerators: int
    state: SizeState
    reason: str
    batch: SizeBatch | None = None


def job_sizes(
    job: ElasticTrainingJob,
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
    batches: Sequence[SizeBatch] | None = None,
) -> list[JobSize]:
    """Return the sizes of a job in ascending order, with the state of each for a team that runs nothing else.

    The requests of accelerators, vCPUs and memory count against the quota in the job's instance type, and all requests
    count against the cap.

    Source: "Policies" in the Amazon SageMaker AI Developer Guide. Not tested against a live cluster.

    Args:
        job: Job, whose policy and batch have no mistakes.
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.
        batches: Batch at each size, for example those of a recipe. Default: the batch of the job.
    """
    rows = {
        row.resource: row
        for row in quota_rows(governance, teams, instance_groups, node_pools)
        if (row.team_name, row.instance_type) == (job.team, job.instance_type)
    }
    cap = next((cap_amounts(team.cap) for team in teams if team.team_name == job.team), {})
    amounts = request_amounts(replica_requests(job))
    requests = {name: float(amounts[name]) for name in (*accelerator_requests(job), *amounts)}
    if batches is None:
        batches = size_batches(job.batch, job.policy.sizes, replica_processes(job)) if job.batch else ()
    by_size = {batch.replicas: batch for batch in batches}
    sizes = []
    for replicas in job.policy.sizes:
        state, reason = _state(job, {name: amount * replicas for name, amount in requests.items()}, rows, cap)
        sizes.append(
            JobSize(
                replicas=replicas,
                accelerators=accelerators_per_replica(job) * replicas,
                state=state,
                reason=reason,
                batch=by_size.get(replicas),
            )
        )
    return sizes


def job_advice(job: ElasticTrainingJob, sizes: Sequence[JobSize]) -> Iterator[Advice]:
    """Yield warnings about capacity of others, priority classes of others, and a missing checkpoint or batch.

    Args:
        job: Job.
        sizes: Sizes of the job.
    """
    start = sum(part.replicas for part in job.all_parts)
    for size in sizes:
        if size.replicas == start and size.state == SizeState.BORROWED:
            yield Advice(
                "fairlane:ElasticTrainingJob.borrowedStart",
                f"the job starts with {start} replicas, of which {size.reason}: it waits for idle capacity of other "
                "teams, and they can stop all of it; start with fewer replicas or raise the quota",
            )
    names = [part.priority_class_name for part in job.all_parts]
    if foreign := [name for name in names if name is not None and name not in PART_PRIORITIES]:
        yield Advice(
            "fairlane:ElasticTrainingJob.priorityClass",
            f"Fairlane does not create the PriorityClass {listing(foreign)}, without which Kubernetes refuses the pods "
            f"(priority_classes are those of Kueue): use {alternatives(list(PART_PRIORITIES))}, or create it",
        )
    if job.checkpoint is None:
        yield Advice(
            "fairlane:ElasticTrainingJob.noCheckpoint",
            f"the time of a checkpoint is unknown, so nobody knows whether it ends in the graceful shutdown of "
            f"{job.policy.graceful_shutdown_timeout_seconds} seconds: add checkpoint",
        )
    if job.batch is None and job.recipe is None:
        yield Advice(
            "fairlane:ElasticTrainingJob.noBatch",
            "the batch is unknown, so nobody knows whether it is the same at all sizes: add batch or recipe",
        )


def _state(
    job: ElasticTrainingJob, amounts: Mapping[str, float], rows: Mapping[str, QuotaRow], cap: Mapping[str, float]
) -> tuple[SizeState, str]:
    """Return the state of a job with these requests of all replicas, and the reason."""
    missing = [name for name in accelerator_requests(job) if name not in rows]
    if missing or not rows:
        what = f" of {listing(missing)}" if missing else ""
        return SizeState.REFUSED, f"team {job.team} has no quota{what} in {job.instance_type}"
    for name, amount in amounts.items():
        row, limit = rows.get(name), cap.get(name, amount)
        if row is not None and amount > row.ceiling:
            return SizeState.REFUSED, f"{_text(name, amount)} are {row.refused}"
        if amount > limit:
            return SizeState.REFUSED, f"{_text(name, amount)} are above {amount_text(limit)}: the cap of the team"
    for name, row in rows.items():
        if (borrowed := amounts.get(name, 0) - row.guaranteed) > 0:
            return SizeState.BORROWED, f"{amount_text(borrowed)} of {_text(name, amounts[name])} are borrowed"
    return SizeState.GUARANTEED, ""


def _text(resource: str, amount: float) -> str:
    return f"{amount_text(amount)} {'GiB of memory' if resource == 'memory' else resource}"
