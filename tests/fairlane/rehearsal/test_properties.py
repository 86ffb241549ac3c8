"""Properties of every rehearsal, with random policies and traces."""

from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances, Outcome, Rehearsal, rehearse
from fairlane.scheduler import fair_share
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import SchedulingPolicy

UNIT = "ml.p4d.24xlarge"
CHANCE = st.randoms(use_true_random=True)


def random_trace(chance: Random, shares: list[str], number: int, most_instances: int = 6) -> Trace:
    return Trace.of(
        Job(
            share=chance.choice(shares),
            priority=chance.randint(0, 3),
            instances=chance.choice([1, 1, chance.randint(1, most_instances)]),
            submit=chance.randint(0, 400),
            run=chance.randint(1, 120),
            checkpoint=chance.choice([None, 1, 10, 50]),
        )
        for _ in range(number)
    )


def random_quotas(chance: Random) -> tuple[QuotaManagement, dict[str, int]]:
    """Return a policy whose quotas do not exceed the capacity, and the capacity."""
    shares = []
    for name in ["a", "b", "c", "d"][: chance.randint(1, 4)]:
        sharing = chance.choice([Sharing.LEND_AND_BORROW, Sharing.LEND_AND_BORROW, Sharing.LEND, Sharing.RESERVE])
        limit = chance.choice([None, 0, 50, 200]) if sharing == Sharing.LEND_AND_BORROW else None
        own, in_share = {UNIT: chance.randint(1, 8)}, chance.random() < 0.5
        shares.append(
            QuotaShare(name=name, capacity=own, sharing=sharing, borrow_limit=limit, in_share_preemption=in_share)
        )
    return QuotaManagement(*shares), {UNIT: sum(share.capacity[UNIT] for share in shares) + chance.choice([0, 0, 3])}


def random_case(chance: Random) -> tuple[SchedulingPolicy, Trace, dict[str, Any]]:
    kind = chance.choice(["fifo", "fair", "quota"])
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]),
        unrunnable=chance.choice(["pass", "pass", "block"]),
        share_order=chance.choice(["declared", "least-used"]),
        victims=chance.choice(["lowest-priority", "newest"]),
        decay=chance.choice(["linear", "none"]),
        rank_seconds=chance.choice([None, 1, 10, 60]),
        start_charge=chance.choice([0, 1, 10]),
        stop_seconds=chance.choice([0, 1, 20]),
        restart_seconds=chance.choice([0, 0, 1, 15]),
        retries_before_termination=chance.choice([None, None, 0, 1]),
    )
    if kind == "quota":
        policy, capacity = random_quotas(chance)
        return policy, random_trace(chance, policy.share_names, 40), {"capacity": capacity, "strategies": strategies}
    ec2_instances = Ec2Instances(
        start_up_seconds=chance.choice([0, 10]),
        idle_seconds=chance.choice([0, 30]),
        reclaims_per_hour=chance.choice([0, 20]),
        attempts=chance.randint(1, 3),
        seed=chance.randint(0, 9),
    )
    options = {
        "capacity": chance.randint(1, 12),
        "strategies": strategies,
        "ec2_instances": chance.choice([None, ec2_instances]),
    }
    if kind == "fifo":
        return Fifo(), random_trace(chance, [""], 40), options
    fair = FairShare({"a": 1, "b": 3, "team-*": 0.5}, compute_reservation=chance.choice([None, 30]))
    return fair, random_trace(chance, ["a", "b", "c", "team-1", "team-2"], 40), options


def held_instance_seconds(rehearsal: Rehearsal) -> int:
    """Return the instance-seconds for which runs held capacity."""
    start, stop = rehearsal.span
    return rehearsal.total.use.integral([(start, stop)])


@given(CHANCE)
@settings(max_examples=150)
def test_capacity_is_never_exceeded_and_all_work_is_counted(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    rehearsal = rehearse(policy, trace, **options)
    limits = rehearsal.capacity
    assert rehearsal.total.use.peak <= sum(limits.values())
    ec2_instances = options.get("ec2_instances")
    worked = starting = restarting = 0
    restart = rehearsal.strategies.restart_seconds
    stop = rehearsal.strategies.stop_seconds
    for job, outcome in zip(trace, rehearsal.outcomes, strict=True):
        assert list(outcome.runs) == sorted(outcome.runs)
        assert all(run.start >= job.submit for run in outcome.runs)
        if outcome.state == "succeeded":
            worked += job.run * job.instances
            assert not outcome.runs[-1].preempted
        worked += outcome.lost
        for run in outcome.runs[1:]:
            held = run.stop - run.start - (stop if run.preempted and not ec2_instances else 0)
            restarting += min(restart, held) * job.instances
        if outcome.state == "waiting":  # blocked since a preemption: its checkpoints count
            restarting += saved_work(job, outcome, restart, stop if not ec2_instances else 0)
    if ec2_instances:  # a run on cold instances holds capacity before it works
        starting = held_instance_seconds(rehearsal) - worked - restarting
        most = sum(len(outcome.runs) * job.instances for job, outcome in zip(trace, rehearsal.outcomes, strict=True))
        assert abs(starting) <= most * (ec2_instances.start_up_seconds + restart)
        assert restart or starting >= 0
    else:
        assert held_instance_seconds(rehearsal) == worked + restarting + rehearsal.total.stopping
    assert rehearsal.total.use.values[-1:].tolist() in ([], [0])
    stops = [run.stop for outcome in rehearsal.outcomes for run in outcome.runs]
    assert rehearsal.span[1] == max([trace.submits[-1], *stops])
    assert sum(result.jobs for result in rehearsal.shares.values()) == len(trace)
    assert rehearsal.total.lost == sum(result.lost for result in rehearsal.shares.values())


def saved_work(job: Job, outcome: Outcome, restart: int, stop: int) -> int:
    """Return the instance-seconds that the stopped runs of a waiting job worked and did not lose."""
    worked = 0
    for number, run in enumerate(outcome.runs):
        worked += max(0, run.stop - run.start - stop - (restart if number else 0))
    return worked * job.instances - outcome.lost


@given(CHANCE)
@settings(max_examples=150)
def test_jobs_that_can_never_run_change_nothing_for_others(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    options["strategies"] = replace(options["strategies"], unrunnable="pass")
    others = [
        Job(share=chance.choice(trace.share_names), instances=1000, submit=chance.randint(0, 500), run=50, name="large")
        for _ in range(chance.choice([1, 5, 30]))
    ]
    alone = rehearse(policy, trace, **options)
    together = rehearse(policy, Trace.of([*trace, *others]), **options)
    kept = [outcome for job, outcome in zip(together.trace, together.outcomes, strict=True) if job.name != "large"]
    ran = [(outcome.state, outcome.runs, outcome.lost) for outcome in alone.outcomes]
    assert [(outcome.state, outcome.runs, outcome.lost) for outcome in kept] == ran


@given(CHANCE)
@settings(max_examples=100)
def test_a_shift_of_all_times_changes_nothing(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    seconds = chance.choice([1, 59, 12_345, 10**9])
    shifted = rehearse(policy, Trace.of(replace(job, submit=job.submit + seconds) for job in trace), **options)
    expected = [
        [(run.start + seconds, run.stop + seconds, run.preempted) for run in outcome.runs]
        for outcome in rehearse(policy, trace, **options).outcomes
    ]
    assert [[run[:3] for run in outcome.runs] for outcome in shifted.outcomes] == expected


@given(CHANCE)
@settings(max_examples=40)
def test_the_same_seed_gives_the_same_outcomes(chance: Random) -> None:
    policy, trace, options = random_case(chance)
    assert rehearse(policy, trace, **options).outcomes[:] == rehearse(policy, trace, **options).outcomes[:]


@given(CHANCE)
@settings(max_examples=150)
def test_quotas_limit_borrowing(chance: Random) -> None:
    policy, capacity = random_quotas(chance)
    trace = random_trace(chance, policy.share_names, 40)
    strategies = Strategies(stop_seconds=chance.choice([0, 20]))
    rehearsal = rehearse(policy, trace, capacity=capacity, strategies=strategies)
    ceilings = policy.ceilings(capacity)
    reserved = sum(share.capacity[UNIT] for share in policy.shares if share.sharing == Sharing.RESERVE)
    others = 0
    for share in policy.shares:
        use = rehearsal.share(share.name).use
        assert use.peak <= ceilings[share.name][UNIT]
        if share.sharing != Sharing.RESERVE:
            others = max(others, use.peak)
    together: dict[int, int] = defaultdict(int)
    for share in policy.shares:
        if share.sharing != Sharing.RESERVE:
            before = 0
            for time, value in rehearsal.share(share.name).use:
                together[time] += value - before
                before = value
    in_use = most = 0
    for time in sorted(together):
        in_use += together[time]
        most = max(most, in_use)
    assert most <= sum(share.capacity[UNIT] for share in policy.shares) - reserved, "reserved capacity is never lent"


@given(CHANCE)
@settings(max_examples=100)
def test_a_job_within_its_own_quota_waits_at_most_for_stops(chance: Random) -> None:
    """The owner has one job at a time, which waits only until borrowers have stopped."""
    policy, capacity = random_quotas(chance)
    owner = policy.shares[0]
    borrowers = [share.name for share in policy.shares[1:]]
    jobs = list(random_trace(chance, borrowers, 40)) if borrowers else []
    own = owner.capacity[UNIT]
    jobs += [Job(share=owner.name, instances=chance.randint(1, own), submit=n * 200, run=100) for n in range(3)]
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=capacity)
    # A run that is being stopped for one job cannot be stopped for another, so a job may wait for two stops.
    assert rehearsal.share(owner.name).wait.max <= 2 * rehearsal.strategies.stop_seconds


@given(CHANCE)
@settings(max_examples=60)
def test_only_the_ratios_of_weights_matter(chance: Random) -> None:
    weights = {"a": 1.0, "b": 3.0, "c": 5.0}
    trace = random_trace(chance, list(weights), 40)
    scaled = {name: weight / 10 for name, weight in weights.items()}
    capacity = chance.randint(1, 10)
    rehearsal = rehearse(FairShare(weights), trace, capacity=capacity)
    assert rehearsal.outcomes[:] == rehearse(FairShare(scaled), trace, capacity=capacity).outcomes[:]


@pytest.mark.parametrize("head_of_line", ["block", "skip"])
@given(chance=CHANCE)
@settings(max_examples=15)
def test_the_shortcut_for_many_shares_changes_no_schedule(head_of_line: Any, chance: Random) -> None:
    """The scheduler examines few shares for each start: the share with the smallest key must be among them."""
    names = [f"s{n}" for n in range(30)]
    policy = FairShare(
        {name: chance.choice([0.5, 1, 2, 3]) for name in names},
        share_decay_seconds=chance.choice([600, 1000, 20_000]),
        compute_reservation=chance.choice([None, 20]),
    )
    trace = Trace.of(
        Job(
            share=chance.choice(names),
            instances=chance.choice([1, 1, 1, 2, 5]),
            submit=chance.randint(0, 2000),
            run=chance.choice([chance.randint(1, 900), chance.randint(1, 100)]),
        )
        for _ in range(600)
    )
    strategies = Strategies(head_of_line=head_of_line)
    few_examined = rehearse(policy, trace, capacity=20, strategies=strategies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fair_share, "_MAX_BELOW_LEVEL", len(names))
        all_examined = rehearse(policy, trace, capacity=20, strategies=strategies)
    assert few_examined.outcomes[:] == all_examined.outcomes[:]
