"""Program that runs traces with the engine that is first on the path, and prints a line for the results of each trace."""

import sys
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Ec2Instances, rehearse
from fairlane.scheduler import Engine, Job, Outcome, Strategies, Terms, Trace
from fairlane.scheduler.copies import thaw
from fairlane.scheduler.engine import is_compiled
from fairlane.scheduling import SchedulingPolicy, State
from tests.fairlane.rehearsal.test_properties import random_case
from tests.fairlane.scheduler.online import QUEUE, Runs, build_engine, submission

UNIT, OTHER = "ml.p5.48xlarge", "ml.p4d.24xlarge"
NAMES = [f"team-{number}" for number in range(20)]
POLICIES: dict[str, SchedulingPolicy] = {
    "fifo": Fifo(),
    "fair share": FairShare(
        {name: 1 + 0.5 * (number % 5) for number, name in enumerate(NAMES[1:])} | {"other*": 2}, compute_reservation=10
    ),
    "quotas": QuotaManagement(
        *(
            QuotaShare(
                name=name,
                capacity={UNIT: 2 + number % 3},
                sharing=Sharing.RESERVE if number % 7 == 6 else Sharing.LEND_AND_BORROW,
                borrow_limit=None if number % 7 == 6 or number % 3 else 150,
                in_share_preemption=number % 4 > 0,
            )
            for number, name in enumerate(NAMES)
        )
    ),
}
COMMON_CHOICES: dict[str, list[Any]] = {"head_of_line": ["block", "skip"], "restart_seconds": [0, 30]}
CHOICES: dict[str, dict[str, list[Any]]] = {
    "fifo": {"unrunnable": ["pass", "block"]},
    "fair share": {"decay": ["linear", "none"], "rank_seconds": [60, None], "start_charge": [0, 1]},
    "quotas": {
        "share_order": ["declared", "least-used"],
        "victims": ["lowest-priority", "newest"],
        "stop_seconds": [0, 20],
    },
}


def strategies_of(policy: str) -> Iterator[Strategies]:
    """Yield all combinations of the strategies of a policy."""
    choices = COMMON_CHOICES | CHOICES[policy]
    for values in product(*choices.values()):
        yield Strategies(**dict(zip(choices, values, strict=True)))


def busy_trace(chance: Random, jobs: int, names: list[str]) -> Trace:
    """Return more work than 60 instances can do."""
    submit, generated = 0, []
    for _ in range(jobs):
        submit += chance.choice([0, 5, 20, 25])
        job = Job(
            share=chance.choice(names),
            priority=chance.randint(0, 5),
            instances=chance.choice([1, 1, 1, 2, 3, 80]),
            submit=submit,
            run=chance.randint(1, 800),
            checkpoint=chance.choice([None, 60]),
            restart=chance.choice([None, None, 5]),
        )
        generated.append(job)
    return Trace.of(generated)


def trace_of_all_columns(chance: Random, jobs: int, types: list[str]) -> Trace:
    """Return jobs that fail, depend on each other, and prefer instance types."""
    generated = []
    for number in range(jobs):
        run, fails = chance.randint(1, 800), chance.random() < 0.3
        job = Job(
            share=chance.choice(NAMES[:4]),
            instances=chance.choice([1, 1, 2, 3]),
            submit=20 * number,
            run=run,
            checkpoint=chance.choice([None, 60]),
            attempts=chance.choice([None, 3]),
            fails_after=chance.randint(1, run) if fails else None,
            fails=0.5 if fails else None,
            after=(f"job-{number - chance.randint(1, 9)}",) if number > 9 and chance.random() < 0.2 else (),
            instance_types=tuple(chance.sample(types, k=len(types))),
            name=f"job-{number}",
        )
        generated.append(job)
    return Trace.of(generated)


def of_rehearsal(policy: SchedulingPolicy, trace: Trace, options: Any) -> object:
    """Return the runs, the state and the lost work of each job."""
    return [(each.runs, each.state, each.lost) for each in rehearse(policy, trace, **options).outcomes]


def of_engine(chance: Random, policy: SchedulingPolicy, trace: Trace, options: Any) -> object:
    """Return all that an engine answers while jobs come one by one and change, and the same of its copies."""
    runs, answers = Runs(), list[object]()
    strategies = options.get("strategies", Strategies())
    engine = runs.engine = build_engine(policy, options["capacity"], runs, strategies=strategies)
    terms = Terms(attempts=2, preemptions=strategies.retries_before_termination, timeout=chance.choice([None, 30]))
    for row, job in enumerate(trace):
        engine.advance(max(job.submit, engine.now))
        known = chance.random() < 0.5
        if not known:
            runs.run_times[row] = job.run
        engine.submit(submission(job, terms=terms, known=known))
        other, action = chance.randint(0, row), chance.randint(0, 9)
        if action == 0:
            engine.withdraw(other, stop_seconds=chance.choice([0, 5]))
        elif action == 1:
            engine.reprioritize(other, chance.randint(0, 9))
        elif action == 2 and engine.state(other) == "RUNNING":
            engine.finish(other, chance.choice([Outcome.FAILED, Outcome.REFUSED]))
        elif action == 3:
            engine.set_environment(
                "environment", options["capacity"], chance.choice([State.ENABLED, State.ENABLED, State.DISABLED])
            )
        elif action == 4:
            engine.set_queue(QUEUE, policy, ["environment"], priority=chance.randint(1, 3))
        answers += [engine.front(QUEUE, 5), sorted(engine.waits(range(row + 1)).items())]
        if action == 5:
            answers.append(of_copy(thaw(engine.freeze())))
    engine.set_environment("environment", options["capacity"])
    while engine.advance(engine.now + 50) is not None and engine.now < 5000:
        pass
    return answers, runs.runs, runs.outcomes, runs.preempted_by, engine.forget(engine.now // 2), of_copy(engine)


def of_copy(engine: Engine) -> object:
    """Return the runs of an engine after another 500 seconds."""
    engine.advance(engine.now + 500)
    record = engine.record
    return [list(column) for column in (record.rows, record.starts, record.stops, record.interrupted, record.states)]


def main(cases: int) -> None:
    """Print the results."""
    print("compiled" if is_compiled() else "plain")
    for name, policy in POLICIES.items():
        for strategies in strategies_of(name):
            options: dict[str, Any] = {"strategies": strategies, "capacity": {UNIT: 55} if name == "quotas" else 60}
            if name != "quotas":
                reclaims = Ec2Instances(start_up_seconds=10, idle_seconds=30, reclaims_per_hour=0.2, attempts=3)
                options["ec2_instances"] = reclaims
            print(name, strategies, of_rehearsal(policy, busy_trace(Random(name), 400, NAMES), options))
    shares = (
        QuotaShare(name=name, capacity={UNIT: 2, OTHER: 1}, sharing=Sharing.LEND_AND_BORROW) for name in NAMES[:4]
    )
    quotas = QuotaManagement(*shares)
    for name, policy, types, capacity in (
        ("fair share", FairShare({"team-1": 2}), [], 12),
        ("quotas", quotas, [UNIT, OTHER], {UNIT: 8, OTHER: 4}),
    ):
        for head_of_line in ("block", "skip"):
            trace = trace_of_all_columns(Random(name), 400, types)
            options = {"strategies": Strategies(head_of_line=head_of_line), "capacity": capacity}
            print(name, head_of_line, of_rehearsal(policy, trace, options))
    for seed in range(cases):
        policy, trace, options = random_case(Random(seed))
        print(seed, policy, of_rehearsal(policy, trace, options))
        print(seed, policy, of_engine(Random(seed), policy, trace, options))


if __name__ == "__main__":
    main(int(sys.argv[1]))
