"""Random cases with changing capacity, dependencies, failures and several queues: the simulator equals the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import CapacityChange, QueueSetup, rehearse, rehearse_queues
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import NUM_INSTANCES, Capacity, JobStateTimeLimitAction, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits
from tests.fairlane.rehearsal.reference import LIMITS
from tests.fairlane.rehearsal.reference_lists import Result
from tests.fairlane.rehearsal.reference_world import World
from tests.fairlane.rehearsal.test_against_reference import UNITS, random_jobs

CHANCE = st.randoms(use_true_random=True)
Fields = dict[str, Any]


def random_special(chance: Random, jobs: Sequence[Job], units: Sequence[str] = ()) -> list[Job]:
    """Return the jobs with names, dependencies on earlier jobs, failures and lists of instance types."""
    special: list[Job] = []
    for number, job in enumerate(jobs):
        fields: Fields = {"name": f"job {number // 2}"}
        earlier = sorted({other.name for other in special if other.submit <= job.submit} - {f"job {number // 2}"})
        if earlier and chance.random() < 0.3:
            fields["after"] = tuple(chance.sample(earlier, min(len(earlier), chance.choice([1, 1, 2]))))
        if chance.random() < 0.3:
            fields |= {"fails_after": chance.randint(1, job.run), "fails": chance.choice([None, 0.0, 1.0])}
        if chance.random() < 0.5:
            fields["attempts"] = chance.randint(1, 3)
        if len(units) > 1 and chance.random() < 0.6:
            fields |= {"instance_types": tuple(chance.sample(units, chance.choice([1, 2, 2]))), "instance_type": ""}
        special.append(replace(job, **fields))
    return special


def random_changes(chance: Random, limits: Mapping[str, int], latest: int) -> list[CapacityChange]:
    """Return changes of the capacity. Runs end at seconds before `latest`."""
    changes = []
    at: dict[str, int] = dict.fromkeys(limits, -1)
    for _ in range(chance.choice([0, 1, 2, 4])):
        unit = chance.choice([*limits])
        second = at[unit] + chance.randint(1, max(1, latest // 3))
        at[unit] = second
        kills = chance.random() < 0.4
        changes.append(
            CapacityChange(
                at=second + 1800 * kills,
                capacity=chance.randint(0, limits[unit] + 3),
                instance_type="" if unit == NUM_INSTANCES else unit,
                ends="kill" if kills else "",
            )
        )
    return [change for change in changes if change.ends] if chance.random() < 0.3 else ordered(changes)


def ordered(changes: Sequence[CapacityChange]) -> list[CapacityChange]:
    """Return changes in the order of their rows, without those that come before their predecessor's second."""
    kept: list[CapacityChange] = []
    for change in sorted(changes, key=lambda change: change.at):
        if all(change.second > other.second for other in kept if other.instance_type == change.instance_type):
            kept.append(change)
    return kept


def simulate(
    policy: SchedulingPolicy, jobs: Sequence[Job], capacity: Capacity, strategies: Strategies, **options: Any
) -> list[Result]:
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=capacity, strategies=strategies, **options)
    return [
        Result([(run.start, run.stop, run.preempted) for run in outcome.runs], outcome.state, outcome.lost)
        for outcome in rehearsal.outcomes
    ]


def assert_same(
    policy: SchedulingPolicy,
    jobs: Sequence[Job],
    capacity: Capacity,
    changes: Sequence[CapacityChange],
    strategies: Strategies,
    largest_instance: int | None = None,
    time_limit: int | None = None,
) -> None:
    changes = sorted(ordered(changes), key=lambda change: change.at)
    note(
        f"{policy}\n{capacity}\n{strategies}\n{largest_instance} {time_limit}\n"
        + "\n".join(map(str, [*changes, *jobs]))
    )
    ordered_jobs = Trace.of(jobs).jobs
    limits = capacity_limits(capacity)
    world = World({"": (policy, 1)}, ordered_jobs, limits, changes, strategies, largest_instance, time_limit)
    actions = [JobStateTimeLimitAction(reason=reason, max_time_seconds=time_limit) for reason in LIMITS if time_limit]
    found = simulate(
        policy,
        ordered_jobs,
        capacity,
        strategies,
        capacity_changes=changes,
        largest_instance=largest_instance,
        time_limit_actions=actions,
    )
    assert found == world.run()


@given(CHANCE)
@settings(max_examples=200)
def test_fifo(chance: Random) -> None:
    capacity = chance.randint(1, 8)
    jobs = random_special(chance, random_jobs(chance, [""], 5, 8, 15, checkpoint=[None, 1, 4], nodes=[None, 2]))
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]),
        unrunnable=chance.choice(["pass", "block"]),
        restart_seconds=chance.choice([0, 0, 3]),
    )
    changes = random_changes(chance, {NUM_INSTANCES: capacity}, 60)
    largest_instance = chance.choice([None, None, 2]) if strategies.unrunnable == "pass" else None
    assert_same(Fifo(), jobs, capacity, changes, strategies, largest_instance, chance.choice([None, 600, 700]))


@pytest.mark.parametrize(("longest_gap", "longest_run"), [(8, 30), (100, 100)])
@given(chance=CHANCE)
@settings(max_examples=100)
def test_fair_share(longest_gap: int, longest_run: int, chance: Random) -> None:
    policy = FairShare({"a": 1, "b": 2, "team-*": 0.5}, compute_reservation=chance.choice([None, 20, 50]))
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]),
        unrunnable=chance.choice(["pass", "pass", "block"]),
        rank_seconds=chance.choice([None, 20, 60]),
        restart_seconds=chance.choice([0, 3]),
    )
    capacity = chance.randint(1, 10)
    names = ["a", "b", "c", "team-1", "team-2"]
    jobs = random_special(chance, random_jobs(chance, names, 4, longest_gap, longest_run, checkpoint=[None, 4]))
    changes = random_changes(chance, {NUM_INSTANCES: capacity}, 3 * longest_run)
    assert_same(policy, jobs, capacity, changes, strategies, time_limit=chance.choice([None, 600]))


@given(CHANCE)
@settings(max_examples=400)
def test_quota_management(chance: Random) -> None:
    units = chance.choice([UNITS[:1], UNITS, UNITS])
    capacity = {unit: chance.randint(3, 12) for unit in units}
    shares = []
    for name in ["a", "b", "c"][: chance.choice([1, 2, 3, 3])]:
        sharing = chance.choice([Sharing.LEND_AND_BORROW] * 4 + [Sharing.LEND, Sharing.RESERVE])
        limit = chance.choice([None, None, 0, 50, 150]) if sharing is Sharing.LEND_AND_BORROW else None
        owned = chance.choice([units, units, units[:1]])
        own = {unit: chance.randint(1, max(1, capacity[unit] * 2 // 3)) for unit in owned}
        shares.append(
            QuotaShare(
                name=name,
                capacity=own,
                sharing=sharing,
                borrow_limit=limit,
                in_share_preemption=chance.random() < 0.5,
            )
        )
    strategies = Strategies(
        head_of_line=chance.choice(["block", "block", "skip"]),
        unrunnable=chance.choice(["pass", "block"]),
        share_order=chance.choice(["declared", "least-used"]),
        victims=chance.choice(["lowest-priority", "newest"]),
        stop_seconds=chance.choice([0, 1, 5, 20]),
        restart_seconds=chance.choice([0, 0, 1, 10]),
        retries_before_termination=chance.choice([None, None, None, 0, 1]),
    )
    fields = {"instance_type": units, "checkpoint": [None, 1, 3, 8], "restart": [None, None, 0, 4]}
    jobs = random_jobs(chance, [share.name for share in shares], 4, chance.choice([3, 10]), 40, **fields)
    changes = random_changes(chance, capacity, 100)
    jobs, limit = random_special(chance, jobs, units), chance.choice([None, 600, 700])
    assert_same(QuotaManagement(*shares), jobs, capacity, changes, strategies, time_limit=limit)


@given(CHANCE)
@settings(max_examples=100)
def test_several_queues_with_priorities(chance: Random) -> None:
    capacity, names = chance.randint(1, 8), ["x", "y", "z"][: chance.choice([2, 2, 3])]
    policies: dict[str, tuple[SchedulingPolicy, int]] = {
        name: (chance.choice([Fifo(), FairShare({"a": 1, "b": 2})]), chance.randint(0, 2)) for name in names
    }
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]), rank_seconds=chance.choice([None, 20]), restart_seconds=3
    )
    jobs = random_special(chance, random_jobs(chance, ["a", "b"], 4, 8, 20, queue=names, checkpoint=[None, 4]))
    trace = Trace.of(jobs)
    changes = ordered(random_changes(chance, {NUM_INSTANCES: capacity}, 60))
    setups = {
        name: QueueSetup(
            policy=policy,
            capacity=capacity,
            unit="instances",
            gpus={},
            gpus_per_instance=None,
            priority=priority,
            environments={"shared": capacity},
        )
        for name, (policy, priority) in policies.items()
    }
    note(f"{policies}\n{capacity}\n{strategies}\n" + "\n".join(map(str, [*changes, *trace])))
    expected = World(policies, trace.jobs, {NUM_INSTANCES: capacity}, changes, strategies).run()
    found = rehearse_queues(setups, trace, strategies=strategies, capacity_changes=changes)
    for name, rehearsal in found.items():
        results = [result for job, result in zip(trace, expected, strict=True) if job.queue == name]
        assert list(rehearsal.trace) == [job for job in trace if job.queue == name]
        assert results == [
            Result([(run.start, run.stop, run.preempted) for run in outcome.runs], outcome.state, outcome.lost)
            for outcome in rehearsal.outcomes
        ]


@given(CHANCE)
@settings(max_examples=60)
def test_partitions_are_a_queue_for_each_share(chance: Random) -> None:
    """A share that neither lends nor borrows is a FIFO queue of its own."""
    shares = [
        QuotaShare(name=name, capacity={UNITS[0]: chance.randint(2, 6)}, sharing=Sharing.RESERVE) for name in "abc"
    ]
    jobs = random_special(chance, random_jobs(chance, "abc", 3, 8, 30, checkpoint=[None, 4]))
    jobs = [replace(job, priority=0, after=(), attempts=None) for job in jobs]
    owned = sum(share.capacity[UNITS[0]] for share in shares)
    together = simulate(QuotaManagement(*shares), jobs, {UNITS[0]: owned}, Strategies())
    for share in shares:
        own = [job for job in Trace.of(jobs) if job.share == share.name]
        alone = simulate(Fifo(), own, share.capacity[UNITS[0]], Strategies())
        assert alone == [
            result for job, result in zip(Trace.of(jobs), together, strict=True) if job.share == share.name
        ]


@given(CHANCE)
@settings(max_examples=60)
def test_a_shift_by_whole_rankings_and_jobs_that_never_run_change_nothing(chance: Random) -> None:
    policy = FairShare({"a": 1, "b": 2})
    strategies = Strategies(rank_seconds=20, restart_seconds=2)
    jobs = list(Trace.of(random_special(chance, random_jobs(chance, "ab", 4, 8, 30, checkpoint=[None, 4]))))
    capacity = chance.randint(4, 9)
    changes = ordered(random_changes(chance, {NUM_INSTANCES: capacity}, 90))
    expected = simulate(policy, jobs, capacity, strategies, capacity_changes=changes)
    seconds = 20 * chance.randint(1, 10_000)
    shifted = simulate(
        policy,
        [replace(job, submit=job.submit + seconds) for job in jobs],
        capacity,
        strategies,
        capacity_changes=[replace(change, at=change.at + seconds) for change in changes],
    )
    for before, after in zip(expected, shifted, strict=True):
        assert after.runs == [(start + seconds, stop + seconds, stopped) for start, stop, stopped in before.runs]
        assert (after.state, after.lost) == (before.state, before.lost)
    never = [
        Job(share=chance.choice("ab"), instances=1000, submit=chance.randint(0, 90), run=9, name="never")
        for _ in range(5)
    ]
    mixed = Trace.of([*jobs, *never])
    more = simulate(policy, mixed, capacity, strategies, capacity_changes=changes)
    assert [result for job, result in zip(mixed, more, strict=True) if job.name != "never"] == expected


@given(CHANCE)
@settings(max_examples=100)
def test_use_is_work_lost_work_and_restarts_exactly(chance: Random) -> None:
    jobs = random_special(chance, random_jobs(chance, "ab", 4, 8, 30, checkpoint=[None, 4], restart=[0]))
    changes = [change for change in random_changes(chance, {NUM_INSTANCES: 4}, 90) if change.capacity >= 4]
    changes = ordered([*changes, CapacityChange(at=2000, capacity=4, ends="kill")])
    policy = chance.choice([Fifo(), FairShare({"a": 1, "b": 2})])
    rehearsal = rehearse(policy, Trace.of(jobs), capacity=8, capacity_changes=changes)
    pairs = list(zip(rehearsal.trace, rehearsal.outcomes, strict=True))
    assert all(outcome.state != "waiting" for _, outcome in pairs)
    worked = sum(job.run * job.instances for job, outcome in pairs if outcome.state == "succeeded")
    assert rehearsal.total.use.integral([rehearsal.span]) == worked + rehearsal.total.lost
    assert 0 <= rehearsal.utilization <= 1
    assert 0 <= rehearsal.peak_utilization <= 1
