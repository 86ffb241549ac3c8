"""Copies of an engine, forgotten jobs and the counters of quotas, while jobs of all kinds run and limits change."""

from collections.abc import Callable, Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane import QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import Engine, Outcome, Strategies, Trace
from fairlane.scheduler.copies import thaw
from fairlane.scheduler.job_table import NO_RUN
from fairlane.scheduler.quota_management import QuotaPool, QuotaScheduler
from tests.fairlane.rehearsal.test_against_reference import UNITS, random_jobs
from tests.fairlane.rehearsal.test_world import random_special
from tests.fairlane.scheduler.online import QUEUE, Runs

ENVIRONMENT = "environment"
STOPPING = (Outcome.PREEMPTED, Outcome.WITHDRAWN)
Change = Callable[[Engine], None]


def random_quotas(chance: Random) -> QuotaManagement:
    return QuotaManagement(
        *(
            QuotaShare(
                name=name,
                capacity={unit: chance.randint(1, 6) for unit in UNITS},
                sharing=chance.choice([Sharing.LEND_AND_BORROW, Sharing.LEND_AND_BORROW, Sharing.RESERVE]),
                borrow_limit=None,
                in_share_preemption=chance.random() < 0.7,
            )
            for name in "ab"
        )
    )


def random_change(chance: Random, jobs: int) -> Change:
    """Return a change of the policy, the limits or a job."""
    kind = chance.choice(["policy", "limits", "ends", "withdraw"])
    policy, limits = random_quotas(chance), {unit: chance.randint(0, 12) for unit in UNITS}
    job, stop_seconds = chance.randrange(jobs), chance.choice([0, 4])

    def change(engine: Engine) -> None:
        if kind == "policy":
            engine.set_queue(QUEUE, policy, [ENVIRONMENT])
        elif kind != "withdraw":
            engine.set_environment(ENVIRONMENT, limits)
            for unit in UNITS if kind == "ends" else ():
                engine.end_runs_above(ENVIRONMENT, unit)
        elif job in {engine.jobs.id(row) for row in range(len(engine.jobs))}:
            engine.withdraw(job, stop_seconds=stop_seconds)

    return change


def check_counters(engine: Engine, pool: QuotaPool) -> None:
    """Compare the counters of a pool with the jobs that run and the reservations."""
    jobs, record = engine.jobs, engine.record
    runs = {run: row for row, run in enumerate(jobs.last_run) if run != NO_RUN and not record.states[row]}
    held, idle = 0, [0, 0]
    for lane in pool.lanes.values():
        own = {run: row for run, row in runs.items() if jobs.lanes[row] is lane}
        held += sum(jobs.needs[row] for row in own.values())
        reserved = [each for each in pool.reservations if each.lane is lane]
        added = sum(each.added_units for each in reserved)
        assert lane.committed == sum(jobs.needs[row] for row in own.values()) + added
        assert lane.idle == max(0, lane.quota - lane.committed)
        idle[lane.lends] += lane.idle
        running: dict[int, dict[int, int]] = {}
        units: dict[int, int] = {}
        for run, row in own.items():
            if engine._outcomes.get(run) not in STOPPING:
                priority = jobs.priorities[row]
                running.setdefault(priority, {})[run] = row
                units[priority] = units.get(priority, 0) + jobs.needs[row]
        assert (lane.running, lane.priorities, lane.running_units) == (running, units, sum(units.values()))
        assert lane.reserved_units == sum(each.units for each in reserved)
    assert pool.idle == idle
    assert pool._free == pool._usable - held
    assert pool.reservations.free == sum(each.free_units for each in pool.reservations)


def drive(engine: Engine, changes: Mapping[int, Change], copy_at: Mapping[int, bool]) -> Mapping[int, object]:
    """Make changes at their seconds, and return the runs. At some seconds, a copy without ended jobs goes on."""
    runs = Runs()
    engine._listener = runs
    for second in sorted(changes):
        engine.advance(second)
        changes[second](engine)
        if copy_at.get(second):
            engine = thaw(engine.freeze())
            engine._listener = runs
            engine.forget(second + 1)
        scheduler = engine._queues[QUEUE].scheduler
        assert isinstance(scheduler, QuotaScheduler)
        for pool in scheduler._pools.values():
            check_counters(engine, pool)
    engine.advance()
    return runs.runs


@given(st.randoms(use_true_random=True))
@settings(max_examples=100)
def test_copies_without_ended_jobs_go_on_like_the_engine(chance: Random) -> None:
    strategies = Strategies(
        head_of_line=chance.choice(["block", "skip"]),
        unrunnable=chance.choice(["pass", "block"]),
        stop_seconds=chance.choice([0, 5, 20]),
        retries_before_termination=chance.choice([None, 1]),
    )
    jobs = random_jobs(chance, "ab", 4, 6, 40, instance_type=UNITS, checkpoint=[None, 3])
    trace, policy = Trace.of(random_special(chance, jobs, UNITS)), random_quotas(chance)

    def build() -> Engine:
        engine = Engine(strategies=strategies)
        engine.set_environment(ENVIRONMENT, dict.fromkeys(UNITS, 8))
        engine.set_queue(QUEUE, policy, [ENVIRONMENT])
        engine.load(trace, QUEUE)
        return engine

    changes = {chance.randint(0, 100): random_change(chance, len(trace)) for _ in range(8)}
    copied = {second: chance.random() < 0.5 for second in changes}
    assert drive(build(), changes, copied) == drive(build(), changes, {})
