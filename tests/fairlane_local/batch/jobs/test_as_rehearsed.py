"""Jobs that are submitted through boto3 run as a rehearsal of the same trace says."""

from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo
from fairlane.rehearsal import rehearse
from fairlane.scheduler import Job, Trace
from fairlane.scheduling import SchedulingPolicy
from tests.fairlane.rehearsal.test_properties import UNIT, random_quotas
from tests.fairlane_local.batch.jobs.api_driver import ContainerJobsDriver, ServiceJobsDriver, local_batch, visible

CHANCE = st.randoms(use_true_random=True)
FAIR = FairShare({"a": 1, "b": 3, "team-*": 0.5}, share_decay_seconds=600, compute_reservation=30)
DRIVERS: dict[str, type[ServiceJobsDriver]] = {
    "quota": ServiceJobsDriver,
    "fifo": ServiceJobsDriver,
    "fair": ServiceJobsDriver,
    "container-fifo": ContainerJobsDriver,
    "container-fair": ContainerJobsDriver,
}


def random_case(chance: Random, kind: str) -> tuple[SchedulingPolicy, int, list[Job]]:
    policy: SchedulingPolicy = FAIR if kind.endswith("fair") else Fifo()
    capacity = chance.randint(2, 8)
    shares = ["a", "b", "c", "team-1", "team-2"] if kind.endswith("fair") else [""]
    if kind == "quota":
        policy, _ = random_quotas(chance)
        capacity = sum(share.capacity[UNIT] for share in policy.shares)
        shares = policy.share_names
    jobs, second = [], 0
    for _ in range(25):
        second += chance.choice([0, 0, chance.randint(1, 40)])
        jobs.append(
            Job(
                share=chance.choice(shares),
                priority=chance.randint(0, 3),
                instances=chance.choice([1, 1, chance.randint(1, 6)]),
                submit=second,
                run=chance.randint(1, 120),
            )
        )
    return policy, capacity, jobs


@pytest.mark.parametrize("examples", [3, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", DRIVERS)
def test_jobs_run_as_rehearsed(kind: str, examples: int) -> None:
    @settings(max_examples=examples)
    @given(CHANCE)
    def check(chance: Random) -> None:
        policy, capacity, jobs = random_case(chance, kind)
        note("\n".join(map(str, [policy, capacity, *jobs])))
        with local_batch() as (aws, batch):
            driver = DRIVERS[kind](aws, batch, [policy], capacity, unit=UNIT)
            actual = driver.run(jobs, [0] * len(jobs))
        limits = {UNIT: capacity} if kind == "quota" else capacity
        expected = rehearse(policy, Trace.of(jobs), capacity=limits)
        assert actual == [visible(outcome.state, [run[:3] for run in outcome.runs]) for outcome in expected.outcomes]

    check()
