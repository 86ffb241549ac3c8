"""Random changes through boto3 while jobs run: the jobs run as the slow and plain reference says."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import Job, Strategies, Trace
from fairlane.scheduling import SchedulingPolicy, State
from tests.fairlane.rehearsal.test_against_reference import random_jobs
from tests.fairlane.scheduler.reference_changes import Change, ChangingQuotas, SharedList, run_shared
from tests.fairlane_local.batch.jobs.api_driver import (
    UNIT,
    ContainerJobsDriver,
    ServiceJobsDriver,
    local_batch,
    visible,
)

CHANCE = st.randoms(use_true_random=True)
EXAMPLES = pytest.mark.parametrize("examples", [5, pytest.param(120, marks=pytest.mark.slow)])


def random_changes(
    chance: Random,
    policies: Sequence[Callable[[SchedulingPolicy], SchedulingPolicy]],
    capacity: int,
    chosen: Sequence[SchedulingPolicy],
) -> list[Change]:
    """Return changes of policies, capacity and states. Each differs from what it replaces."""
    current, states, changes = list(chosen), [State.ENABLED for _ in chosen], []
    for at in sorted(chance.randint(0, 100) for _ in range(chance.choice([0, 1, 2, 6]))):
        index = chance.randrange(len(policies))
        kind = chance.choice(["policy", "policy", "capacity", "state"])
        policy, new_capacity = policies[index](current[index]), chance.randint(1, 10)
        if kind == "policy" and policy != current[index]:
            current[index] = policy
            changes.append(Change(at=at, queue=index, policy=policy))
        elif kind == "capacity" and new_capacity != capacity:
            capacity = new_capacity
            changes.append(Change(at=at, capacity=capacity))
        elif kind == "state":
            states[index] = State.DISABLED if states[index] is State.ENABLED else State.ENABLED
            changes.append(Change(at=at, queue=index, state=states[index]))
    return changes


def accepts(job: Job, queue: int, policy: SchedulingPolicy, changes: Sequence[Change]) -> bool:
    """Return True if the queue and the quota share of a job are enabled at its submission."""
    state = State.ENABLED
    for change in changes:
        if change.at < job.submit and change.queue == queue:
            policy, state = change.policy or policy, change.state or state
    shares = policy.shares if isinstance(policy, QuotaManagement) else ()
    return state is State.ENABLED and all(share.state is State.ENABLED for share in shares if share.name == job.share)


def enabled(policy: SchedulingPolicy) -> QuotaManagement:
    """Return a policy whose shares are enabled: the jobs of a disabled share start as those of other shares."""
    assert isinstance(policy, QuotaManagement)
    return QuotaManagement(*(replace(share, state=State.ENABLED) for share in policy.shares))


def scheduling_changes(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that the scheduler follows. A state decides only which jobs a queue or share accepts."""
    return [
        replace(change, policy=enabled(change.policy)) if isinstance(change.policy, QuotaManagement) else change
        for change in changes
        if change.state is None
    ]


def add_calls(
    chance: Random, jobs: Sequence[Job], changes: Sequence[Change], stop_seconds: int, *, updates: bool
) -> list[Change]:
    """Return the changes with terminations and updates of jobs that are submitted before."""
    calls = []
    for _ in range(chance.choice([0, 2, 5]) if jobs else 0):
        row = chance.randrange(len(jobs))
        at = jobs[row].submit + chance.randint(0, 60)
        if updates and chance.random() < 0.6:
            calls.append(Change(at=at, reprioritize=(row, chance.randint(0, 4))))
        else:
            calls.append(Change(at=at, withdraw=row, stop_seconds=stop_seconds))
    return sorted([*changes, *calls], key=lambda change: change.at)


@EXAMPLES
def test_changes_of_quotas(examples: int) -> None:
    @settings(max_examples=examples)
    @given(CHANCE)
    def check(chance: Random) -> None:
        names = ["a", "b", "c"][: chance.choice([1, 2, 3])]

        def share(name: str) -> QuotaShare:
            sharing = chance.choice([Sharing.LEND_AND_BORROW] * 4 + [Sharing.LEND, Sharing.RESERVE])
            return QuotaShare(
                name=name,
                capacity={UNIT: chance.randint(1, 6)},
                sharing=sharing,
                borrow_limit=chance.choice([None, 0, 50, 300]) if sharing is Sharing.LEND_AND_BORROW else None,
                in_share_preemption=chance.random() < 0.5,
                state=chance.choice([State.ENABLED] * 5 + [State.DISABLED]),
            )

        def with_another_share(policy: SchedulingPolicy) -> QuotaManagement:
            """Return a policy after one UpdateQuotaShare."""
            assert isinstance(policy, QuotaManagement)
            name = chance.choice(names)
            return QuotaManagement(*(share(name) if old.name == name else old for old in policy.shares))

        policy, limit = QuotaManagement(*map(share, names)), chance.randint(3, 12)
        strategies = Strategies(
            stop_seconds=chance.choice([0, 1, 5, 20]), retries_before_termination=chance.choice([None, None, 0, 1])
        )
        changes = random_changes(chance, [with_another_share], limit, [policy])
        jobs = [
            job
            for job in Trace.of(random_jobs(chance, names, 4, chance.choice([3, 10]), 40))
            if accepts(job, 0, policy, changes)
        ]
        changes = add_calls(chance, jobs, changes, strategies.stop_seconds or 0, updates=True)
        note("\n".join(map(str, [policy, limit, strategies, *jobs, *changes])))
        if not jobs:
            return
        with local_batch(strategies.stop_seconds or 0) as (aws, batch):
            driver = ServiceJobsDriver(aws, batch, [policy], limit)
            actual = driver.run(jobs, [0] * len(jobs), changes, preemptions=strategies.retries_before_termination)
        reference = ChangingQuotas(enabled(policy), UNIT, limit, jobs, strategies)
        reference.run_with(scheduling_changes(changes))
        assert actual == [visible(result.state, result.runs) for result in reference.results]

    check()


@EXAMPLES
@pytest.mark.parametrize("driver", [ServiceJobsDriver, ContainerJobsDriver])
def test_changes_of_two_queues_on_one_environment(driver: type[ServiceJobsDriver], examples: int) -> None:
    @settings(max_examples=examples)
    @given(CHANCE)
    def check(chance: Random) -> None:
        def fair(_: SchedulingPolicy) -> SchedulingPolicy:
            identifiers = chance.sample(["a", "b", "c", "team-*"], chance.randint(0, 4))
            return FairShare(
                {identifier: chance.choice([0.1, 0.5, 1, 3]) for identifier in identifiers},
                compute_reservation=chance.choice([None, None, 20, 50]),
            )

        def fifo(_: SchedulingPolicy) -> SchedulingPolicy:
            return Fifo()

        policies = [chance.choice([fair, fifo]) for _ in range(2)]
        chosen, capacity = [policy(Fifo()) for policy in policies], chance.randint(1, 10)
        priorities, stop_seconds = [chance.randint(1, 3) for _ in policies], chance.choice([0, 1, 20])
        changes = random_changes(chance, policies, capacity, chosen)
        submitted = Trace.of(random_jobs(chance, ["a", "b", "team-1", "team-2"], 4, chance.choice([8, 60]), 40))
        jobs, queue_of = [], []
        for job in submitted:
            queue = chance.randrange(len(policies))
            if accepts(job, queue, chosen[queue], changes):
                jobs.append(job)
                queue_of.append(queue)
        changes = add_calls(chance, jobs, changes, stop_seconds, updates=driver is ServiceJobsDriver)
        note("\n".join(map(str, [chosen, capacity, priorities, stop_seconds, queue_of, *jobs, *changes])))
        if not jobs:
            return
        with local_batch(stop_seconds) as (aws, batch):
            actual = driver(aws, batch, chosen, capacity, priorities).run(jobs, queue_of, changes)
        shared = [replace(job) for job in jobs]
        lists = [
            SharedList(policy, capacity, shared, Strategies(), [row for row, of in enumerate(queue_of) if of == index])
            for index, policy in enumerate(chosen)
        ]
        run_shared(lists, priorities, scheduling_changes(changes))
        results = [lists[queue].results[row] for row, queue in enumerate(queue_of)]
        assert actual == [visible(result.state, result.runs) for result in results]

    check()
