"""Queues on the page, with the use of their shares."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from fairlane.scheduling import QuotaManagement
from fairlane.scheduling.api_records import scheduling_policy
from fairlane_lambda.queue_poller.capacity import borrowed_and_lent
from fairlane_lambda.queue_poller.queue import OTHER, Queue, Units, amounts
from fairlane_local.batch.api import BatchApi
from fairlane_local.batch.deployed_queues import VCPUS, DeployedQueue, deployed_queue
from fairlane_local.batch.jobs.job import RUNNABLE, Job
from fairlane_local.batch.jobs.snapshot import HOLDING, capacity_usage
from fairlane_local.batch.quota_shares import shares_of
from fairlane_local.batch.store import Record
from fairlane_local.console.texts import lending_text, policy_text, unit_text

_FRONT: Final = 5
_ALL_JOBS: Final = "all jobs"
_OTHER_SHARES: Final = "other shares"
_VCPU: Final = "VCPU"


def queue_states(api: BatchApi) -> list[dict[str, Any]]:
    """Return the queues of an account and Region, in the order of DescribeJobQueues."""
    waiting = [arn for arn in api.batch.queues if api.lifecycle.jobs.count(arn, [RUNNABLE])]
    fronts = api.lifecycle.fronts(waiting, _FRONT) if waiting else {}
    return [_queue_state(api, queue, fronts.get(arn, [])) for arn, queue in api.batch.queues.items()]


def _queue_state(api: BatchApi, record: Record, front: list[Job]) -> dict[str, Any]:
    batch, jobs, arn = api.batch, api.lifecycle.jobs, record["jobQueueArn"]
    policy = batch.policies.get(record.get("schedulingPolicyArn", ""), {})
    scheduling = scheduling_policy(policy, shares_of(batch, record))
    deployed = deployed_queue(record, {**batch.service_environments, **batch.compute_environments}, scheduling)
    entitled = deployed.scheduling.entitlements(deployed.capacity)
    exported = _exported_queue(deployed, entitled)
    holding, waiting = jobs.of_queue(arn, HOLDING), jobs.of_queue(arn, [RUNNABLE])
    return {
        "name": deployed.name,
        "arn": arn,
        "state": deployed.state,
        "policy": policy_text(deployed.scheduling),
        "running": len(holding),
        "waiting": len(waiting),
        "capacity": [
            {"unit": unit_text(unit), "use": _use(exported, holding).get(_exported_unit(unit), 0), "limit": limit}
            for unit, limit in deployed.capacity.items()
        ],
        "shares": [*_shares(deployed, exported, holding, waiting)],
        "front": [{"id": job.id, "name": job.name, "share": job.share} for job in front],
    }


def _shares(
    deployed: DeployedQueue, exported: Queue, holding: list[Job], waiting: list[Job]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each share and unit. Numbers of jobs are in the first row of a share."""
    if not exported.shares:
        for index, (unit, limit) in enumerate(deployed.capacity.items()):
            use = _use(exported, holding).get(_exported_unit(unit), 0)
            jobs = {} if index else {"running": len(holding), "waiting": len(waiting)}
            yield {"share": _ALL_JOBS, "unit": unit_text(unit), "use": use, "ceiling": limit, **jobs}
        return
    running, queued = _by_share(exported, holding), _by_share(exported, waiting)
    uses = {share: _use(exported, running[share]) for share in (*exported.shares, OTHER)}
    borrowed, lent = borrowed_and_lent({**exported.shares, OTHER: {}}, uses)
    ceilings = deployed.scheduling.ceilings(deployed.capacity)
    for share, units in exported.shares.items():
        for index, (unit, entitlement) in enumerate(units.items()):
            ceiling_unit = VCPUS if unit == _VCPU else unit
            jobs = {} if index else {"running": len(running[share]), "waiting": len(queued[share])}
            yield {
                "share": share,
                "unit": unit_text(ceiling_unit),
                "use": uses[share].get(unit, 0),
                "entitlement": entitlement,
                "ceiling": ceilings[share][ceiling_unit],
                "borrowed": borrowed[share].get(unit, 0),
                "lent": lent[share].get(unit, 0),
                "lending": lending_text(deployed.scheduling, share),
                **jobs,
            }
    if running[OTHER] or queued[OTHER]:
        total = sum(uses[OTHER].values())
        jobs = {"running": len(running[OTHER]), "waiting": len(queued[OTHER])}
        yield {"share": _OTHER_SHARES, "unit": "", "use": total, "borrowed": total, "lent": 0, **jobs}


def _exported_queue(deployed: DeployedQueue, entitlements: Any) -> Queue:
    """Return the queue as the exporter of job metrics knows it, whose rules for shares and units apply here too."""
    record = {
        "name": deployed.name,
        "kind": "compute" if VCPUS in deployed.capacity else "service",
        "quota": isinstance(deployed.scheduling, QuotaManagement),
        "shares": {
            share: {_exported_unit(unit): number for unit, number in units.items()}
            for share, units in entitlements.items()
        },
        "limit": {_exported_unit(unit): number for unit, number in deployed.capacity.items()},
        "max_pages": 1,
    }
    return Queue(record, deployed.name)


def _exported_unit(unit: str) -> str:
    return _VCPU if unit == VCPUS else unit


def _use(exported: Queue, jobs: list[Job]) -> Units:
    return exported.units(amounts(capacity_usage(jobs)))


def _by_share(exported: Queue, jobs: list[Job]) -> defaultdict[str, list[Job]]:
    """Return the jobs of each declared share, and of all other shares together."""
    shares: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        shares[exported.share(job.share)].append(job)
    return shares
