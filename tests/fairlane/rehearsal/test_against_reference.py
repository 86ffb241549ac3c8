"""Random cases in which the simulator and the slow reference must give the same schedule.

Jobs are dense, so that they compete. Set `use_true_random=False` to let Hypothesis shrink a failure.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import SchedulingPolicy
from tests.fairlane.rehearsal.reference import reference, simulate

UNITS = ["ml.p5.48xlarge", "ml.g5.xlarge"]
CHANCE = st.randoms(use_true_random=True)


def assert_same_schedule(
    policy: SchedulingPolicy,
    jobs: Sequence[Job],
    capacity: int | Mapping[str, int],
    strategies: Strategies,
    ec2_instances: Ec2Instances | None = None,
    time_limit: int | None = None,
) -> None:
    note(f"{policy}\n{capacity}\n{strategies}\n{ec2_instances}\n{time_limit}\n" + "\n".join(map(str, jobs)))
    jobs = Trace.of(jobs).jobs
    assert simulate(policy, jobs, capacity, strategies, ec2_instances, time_limit) == reference(
        policy, jobs, capacity, strategies, ec2_instances, time_limit
    )


def random_jobs(
    chance: Random, shares: Sequence[str], most_instances: int, longest_gap: int, longest_run: int, **fields: Any
) -> list[Job]:
    """Return 1 to 12 jobs, some with the same second of submission."""
    jobs, submit = [], 0
    for _ in range(chance.choice([1, 3, 6, 9, 12, 12])):
        submit += chance.choice([0, chance.randint(0, longest_gap)])
        job = Job(
            share=chance.choice(shares),
            priority=chance.randint(0, 3),
            instances=chance.choice([1, 1, chance.randint(1, most_instances)]),
            submit=submit,
            run=chance.choice([chance.randint(1, longest_run), longest_run]),
            **{name: chance.choice(values) for name, values in fields.items()},
        )
        jobs.append(job)
    return chance.sample(jobs, len(jobs)) if chance.random() < 0.3 else jobs


def random_ec2_instances(chance: Random) -> Ec2Instances | None:
    if chance.random() < 0.5:
        return None
    return Ec2Instances(start_up_seconds=chance.choice([0, 1, 7, 20]), idle_seconds=chance.choice([0, 1, 5, 20]))


@given(CHANCE)
@settings(max_examples=150)
def test_fifo(chance: Random) -> None:
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]), unrunnable=chance.choice(["pass", "block", "block"])
    )
    jobs = random_jobs(chance, [""], 5, 8, 15)
    limit, ec2_instances = chance.choice([None, 600, 700]), random_ec2_instances(chance)
    assert_same_schedule(Fifo(), jobs, chance.randint(1, 8), strategies, ec2_instances, limit)


@pytest.mark.parametrize(("longest_gap", "longest_run"), [(8, 30), (300, 300)])
@given(chance=CHANCE)
@settings(max_examples=150)
def test_fair_share(longest_gap: int, longest_run: int, chance: Random) -> None:
    """The window has at least 600 seconds: short cases end within it, long cases do not."""
    identifiers = chance.sample(["a", "b", "c", "team-*"], chance.randint(0, 4))
    policy = FairShare(
        {identifier: chance.choice([0.1, 0.3, 0.5, 1, 1.0, 2, 3]) for identifier in identifiers},
        share_decay_seconds=chance.choice([None, 0, 600, 700]),
        compute_reservation=chance.choice([None, 0, 20, 50, 75, 80, 99]),
    )
    strategies = Strategies(
        head_of_line=chance.choice(["block", "block", "skip"]),
        unrunnable=chance.choice(["pass", "pass", "block"]),
        decay=chance.choice(["linear", "linear", "none"]),
        rank_seconds=chance.choice([None, 20, 60, 97]),
        start_charge=chance.choice([0, 1, 1, 30]),
    )
    jobs = random_jobs(chance, ["a", "b", "c", "team-1", "team-2"], 4, longest_gap, longest_run)
    limit, ec2_instances = chance.choice([None, 600, 700]), random_ec2_instances(chance)
    assert_same_schedule(policy, jobs, chance.randint(1, 10), strategies, ec2_instances, limit)


@pytest.mark.parametrize("examples", [600, pytest.param(2000, marks=pytest.mark.slow)])
def test_quota_management(examples: int) -> None:
    @given(CHANCE)
    @settings(max_examples=examples)
    def check(chance: Random) -> None:
        units = chance.choice([UNITS[:1], UNITS[:1], UNITS])
        capacity = {unit: chance.randint(3, 12) for unit in units}
        shares = []
        for name in ["a", "b", "c", "d"][: chance.choice([1, 2, 2, 3, 3, 4])]:
            sharing = chance.choice([Sharing.LEND_AND_BORROW] * 4 + [Sharing.LEND, Sharing.RESERVE])
            limit = chance.choice([None, None, -1, 0, 50, 150, 300]) if sharing is Sharing.LEND_AND_BORROW else None
            owned = chance.choice([units, units, units[:1]])
            own = {unit: chance.randint(1, max(1, capacity[unit] * 2 // 3)) for unit in owned}
            in_share = chance.random() < 0.5
            shares.append(
                QuotaShare(name=name, capacity=own, sharing=sharing, borrow_limit=limit, in_share_preemption=in_share)
            )
        strategies = Strategies(
            head_of_line=chance.choice(["block", "block", "skip"]),
            unrunnable=chance.choice(["pass", "block"]),
            share_order=chance.choice(["declared", "least-used"]),
            victims=chance.choice(["lowest-priority", "newest"]),
            stop_seconds=chance.choice([0, 1, 5, 20]),
            restart_seconds=chance.choice([0, 0, 1, 10]),
            retries_before_termination=chance.choice([None, None, None, 0, 1, 2]),
        )
        types = units if len(units) > 1 else [*units, ""]
        names = [share.name for share in shares]
        fields = {"instance_type": types, "checkpoint": [None, 1, 3, 8], "restart": [None, None, 0, 4]}
        jobs = random_jobs(chance, names, 4, chance.choice([3, 10]), 40, **fields)
        limit = chance.choice([None, 600, 700])
        assert_same_schedule(QuotaManagement(*shares), jobs, capacity, strategies, time_limit=limit)

    check()
