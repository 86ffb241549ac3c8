"""Jobs that are submitted through boto3 run as a rehearsal of the same trace says."""

import json
from random import Random
from typing import Any

import pytest

from fairlane import FairShare, Fifo, QuotaManagement
from fairlane.rehearsal import rehearse
from fairlane.scheduler import Job, Trace
from fairlane.scheduling import SchedulingPolicy
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane.rehearsal.test_properties import UNIT, random_quotas
from tests.fairlane_local.batch.jobs.support import payload, submit
from tests.fairlane_local.batch.support import quota_share, service_environment, training_queue

FAIR = FairShare({"a": 1, "b": 3, "team-*": 0.5}, share_decay_seconds=600, compute_reservation=30)
_SHARE_KEYS = {"fair": "shareIdentifier", "quota": "quotaShareName"}


def random_case(chance: Random, kind: str) -> tuple[SchedulingPolicy, dict[str, int], list[Job]]:
    policy: SchedulingPolicy = Fifo() if kind == "fifo" else FAIR
    capacity, unit = {"NUM_INSTANCES": chance.randint(2, 8)}, UNIT
    if kind == "quota":
        policy, capacity = random_quotas(chance)
        capacity = {UNIT: sum(share.capacity[UNIT] for share in policy.shares)}
    shares = {"fifo": [""], "fair": ["a", "b", "c", "team-1", "team-2"]}.get(kind, policy.share_names)
    jobs, second = [], 0
    for _ in range(25):
        second += chance.choice([0, 0, chance.randint(1, 40)])
        jobs.append(
            Job(
                share=chance.choice(shares),
                priority=chance.randint(0, 3),
                instances=chance.choice([1, 1, chance.randint(1, 6)]),
                instance_type=unit if kind == "quota" else "",
                submit=second,
                run=chance.randint(1, 120),
            )
        )
    return policy, capacity, jobs


def deploy(batch: Any, policy: SchedulingPolicy, capacity: dict[str, int]) -> str:
    """Create the queue of a policy, and return its ARN."""
    limits = [{"capacityUnit": unit, "maxCapacity": number} for unit, number in capacity.items()]
    environment = service_environment(batch, capacityLimits=limits)
    if isinstance(policy, Fifo):
        return training_queue(batch, environment)
    if isinstance(policy, FairShare):
        weights = [{"shareIdentifier": name, "weightFactor": float(w)} for name, w in policy.weight_factors.items()]
        settings = {
            "shareDistribution": weights,
            "shareDecaySeconds": policy.share_decay_seconds,
            "computeReservation": policy.compute_reservation,
        }
        arn = batch.create_scheduling_policy(name="policy", fairsharePolicy=settings)["arn"]
        return training_queue(batch, environment, schedulingPolicyArn=arn)
    assert isinstance(policy, QuotaManagement)
    idle = {"idleResourceAssignmentStrategy": "FIFO"}
    arn = batch.create_scheduling_policy(name="policy", quotaSharePolicy=idle)["arn"]
    queue = training_queue(batch, environment, schedulingPolicyArn=arn)
    for share in policy.shares:
        borrow = {} if share.borrow_limit is None else {"borrowLimit": share.borrow_limit}
        quota_share(
            batch,
            queue,
            share.name,
            capacityLimits=[{"capacityUnit": unit, "maxCapacity": number} for unit, number in share.capacity.items()],
            resourceSharingConfiguration={"strategy": share.sharing} | borrow,
            preemptionConfiguration={"inSharePreemption": "ENABLED" if share.in_share_preemption else "DISABLED"},
        )
    return queue


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["fifo", "fair", "quota"])
def test_jobs_run_as_rehearsed(aws: LocalAws, batch: Any, kind: str, seed: int) -> None:
    chance = Random(f"{kind} {seed}")
    policy, capacity, jobs = random_case(chance, kind)
    queue = deploy(batch, policy, capacity)
    arns, second = [], 0
    for job in jobs:
        aws.timeline.advance(job.submit - second)
        second = job.submit
        share = {_SHARE_KEYS[kind]: job.share} if kind != "fifo" else {}
        request = payload(job.instances, job.instance_type or UNIT)
        arn = submit(batch, queue, run=job.run, serviceRequestPayload=request, schedulingPriority=job.priority, **share)
        arns.append(arn)
    aws.timeline.advance(30_000)

    expected = rehearse(policy, Trace.of(jobs), capacity=capacity)
    origin = aws.timeline.clock.start * 1000
    actual = []
    for arn in arns:
        description = batch.describe_service_job(jobId=arn)
        preempted = description.get("preemptionSummary", {"recentPreemptedAttempts": []})["recentPreemptedAttempts"]
        attempts = [(attempt, True) for attempt in preempted] + [
            (attempt, False) for attempt in description["attempts"]
        ]
        runs = [
            ((attempt["startedAt"] - origin) // 1000, (attempt["stoppedAt"] - origin) // 1000, stopped)
            for attempt, stopped in attempts
        ]
        actual.append(sorted(runs))
    assert actual == [[tuple(run) for run in outcome.runs] for outcome in expected.outcomes], json.dumps(capacity)
