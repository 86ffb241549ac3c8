"""Random changes while jobs run: the engine and the slow reference must give the same schedule."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import Engine, Job, Strategies, Terms, Trace
from fairlane.scheduling import SchedulingPolicy, State
from tests.fairlane.rehearsal.test_against_reference import random_jobs
from tests.fairlane.scheduler.online import Runs, submission
from tests.fairlane.scheduler.reference_changes import Change, ChangingQuotas, SharedList, run_shared

UNIT = "ml.p5.48xlarge"
CHANCE = st.randoms(use_true_random=True)


def drive_with(
    engine: Engine, jobs: Sequence[Job], queue_of: Sequence[int], changes: Sequence[Change], queues: dict[str, Any]
) -> None:
    """Submit jobs and make changes at their seconds, then advance to the end."""
    names = list(queues)
    terms = Terms(preemptions=engine._default_terms.preemptions)
    for t in sorted({job.submit for job in jobs} | {change.at for change in changes}):
        engine.advance(t)
        for row, job in enumerate(jobs):
            if job.submit == t:
                engine.submit(replace(submission(job, terms=terms), queue=names[queue_of[row]]))
        for change in changes:
            if change.at == t:
                make(engine, change, names[change.queue], queues)
    engine.advance()


def make(engine: Engine, change: Change, name: str, queues: dict[str, Any]) -> None:
    submitted = len(engine.jobs)
    if change.withdraw is not None and change.withdraw < submitted:
        engine.withdraw(change.withdraw, stop_seconds=change.stop_seconds)
    if change.reprioritize and change.reprioritize[0] < submitted:
        engine.reprioritize(*change.reprioritize)
    if change.capacity is not None:
        capacity = change.capacity
        quotas = isinstance(queues[name]["policy"], QuotaManagement)
        engine.set_environment("environment", {UNIT: capacity} if quotas else capacity)
    if change.policy:
        queues[name]["policy"] = change.policy
    if change.state:
        queues[name]["state"] = change.state
    if change.policy or change.state:
        engine.set_queue(name, environments=["environment"], **queues[name])


def random_changes(
    chance: Random, jobs: Sequence[Job], latest: int, *, policies: Any, most: int, **queue: Any
) -> list[Change]:
    changes = []
    for _ in range(chance.choice([1, 2, 4, 8])):
        at, row = chance.randint(0, latest), chance.randrange(len(jobs))
        kind = chance.choice(["withdraw", "withdraw", "reprioritize", "reprioritize", "policy", "capacity", "state"])
        index = chance.randrange(queue.get("queues", 1))
        if kind == "withdraw":
            changes.append(Change(at=at, withdraw=row, stop_seconds=chance.choice([0, 0, 3])))
        elif kind == "reprioritize" and jobs[row].submit <= at:
            changes.append(Change(at=at, reprioritize=(row, chance.randint(0, 4))))
        elif kind == "policy":
            changes.append(Change(at=at, queue=index, policy=policies[index]()))
        elif kind == "capacity":
            changes.append(Change(at=at, capacity=chance.randint(1, most)))
        elif kind == "state":
            changes.append(Change(at=at, queue=index, state=State.DISABLED))
            changes.append(Change(at=at + chance.randint(1, 20), queue=index, state=State.ENABLED))
    return sorted(changes, key=lambda change: change.at)


@given(CHANCE)
@settings(max_examples=200)
def test_changes_of_quotas(chance: Random) -> None:
    names = ["a", "b", "c"][: chance.choice([1, 2, 3])]

    def quotas() -> QuotaManagement:
        shares = []
        for name in names:
            sharing = chance.choice([Sharing.LEND_AND_BORROW] * 4 + [Sharing.LEND, Sharing.RESERVE])
            limit = chance.choice([None, 0, 50, 300]) if sharing is Sharing.LEND_AND_BORROW else None
            share = QuotaShare(
                name=name,
                capacity={UNIT: chance.randint(1, 6)},
                sharing=sharing,
                borrow_limit=limit,
                in_share_preemption=chance.random() < 0.5,
                state=chance.choice([State.ENABLED] * 5 + [State.DISABLED]),
            )
            shares.append(share)
        return QuotaManagement(*shares)

    policy, limit = quotas(), chance.randint(3, 12)
    strategies = Strategies(
        head_of_line=chance.choice(["block", "block", "skip"]),
        unrunnable=chance.choice(["pass", "block"]),
        share_order=chance.choice(["declared", "least-used"]),
        victims=chance.choice(["lowest-priority", "newest"]),
        stop_seconds=chance.choice([0, 1, 5]),
        retries_before_termination=chance.choice([None, None, 0, 1]),
    )
    jobs = list(Trace.of(random_jobs(chance, names, 4, chance.choice([3, 10]), 40)))
    changes = random_changes(chance, jobs, 100, policies=[quotas], most=12)
    note(f"{policy}\n{limit}\n{strategies}\n" + "\n".join(map(str, [*jobs, *changes])))
    reference = ChangingQuotas(policy, UNIT, limit, jobs, strategies)
    reference.run_with(changes)
    runs = Runs()
    engine = Engine(strategies=strategies, listener=runs)
    engine.set_environment("environment", {UNIT: limit})
    engine.set_queue("queue", policy, ["environment"])
    drive_with(engine, jobs, [0] * len(jobs), changes, {"queue": {"policy": policy}})
    assert [runs.runs.get(row, []) for row in range(len(jobs))] == [result.runs for result in reference.results]
    assert [engine.state(row).lower() for row in range(len(jobs))] == [result.state for result in reference.results]
    waiting = [row for row, result in enumerate(reference.results) if result.state == "waiting"]
    assert engine.over_limit() == [row for row in waiting if jobs[row].instances > reference.ceiling(jobs[row].share)]


@given(CHANCE)
@settings(max_examples=150)
def test_changes_of_two_queues_on_one_environment(chance: Random) -> None:
    def fair() -> SchedulingPolicy:
        identifiers = chance.sample(["a", "b", "c", "team-*"], chance.randint(0, 4))
        return FairShare(
            {identifier: chance.choice([0.1, 0.5, 1, 3]) for identifier in identifiers},
            compute_reservation=chance.choice([None, None, 20, 50]),
        )

    policies = [chance.choice([fair, Fifo]) for _ in range(chance.choice([1, 2]))]
    chosen, capacity = [policy() for policy in policies], chance.randint(1, 10)
    priorities = [chance.randint(1, 3) for _ in policies]
    strategies = Strategies(
        head_of_line=chance.choice(["block", "block", "skip"]),
        unrunnable=chance.choice(["pass", "block"]),
        decay=chance.choice(["linear", "linear", "none"]),
        rank_seconds=chance.choice([None, 60, 60, 97]),
        start_charge=chance.choice([0, 1, 10]),
    )
    jobs = list(Trace.of(random_jobs(chance, ["a", "b", "team-1", "team-2"], 4, chance.choice([8, 100]), 40)))
    queue_of = [chance.randrange(len(policies)) for _ in jobs]
    changes = random_changes(chance, jobs, 150, policies=policies, most=10, queues=len(policies))
    note(f"{chosen}\n{capacity} {priorities} {queue_of}\n{strategies}\n" + "\n".join(map(str, [*jobs, *changes])))
    shared = list(jobs)
    lists = [
        SharedList(policy, capacity, shared, strategies, [row for row, queue in enumerate(queue_of) if queue == index])
        for index, policy in enumerate(chosen)
    ]
    run_shared(lists, priorities, changes)
    runs = Runs()
    engine = Engine(strategies=strategies, listener=runs)
    engine.set_environment("environment", capacity)
    queues: dict[str, Any] = {}
    for index, policy in enumerate(chosen):
        queues[str(index)] = {"policy": policy, "priority": priorities[index]}
        engine.set_queue(str(index), environments=["environment"], **queues[str(index)])
    drive_with(engine, jobs, queue_of, changes, queues)
    expected = [lists[queue].results[row] for row, queue in enumerate(queue_of)]
    assert [runs.runs.get(row, []) for row in range(len(jobs))] == [result.runs for result in expected]
    assert [engine.state(row).lower() for row in range(len(jobs))] == [result.state for result in expected]
    waiting = [row for row, result in enumerate(expected) if result.state == "waiting"]
    assert engine.over_limit() == [row for row in waiting if jobs[row].instances > lists[0].capacity]
