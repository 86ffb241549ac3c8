"""Driver of an engine whose jobs come one by one, and a listener that notes the runs."""

from collections.abc import Mapping
from random import Random
from typing import Any

from fairlane.rehearsal import Ec2Instances
from fairlane.scheduler import Engine, Job, Outcome, Strategies, Submission, Terms, Trace
from fairlane.scheduling import SchedulingPolicy

QUEUE = "queue"


class Runs:
    """Listener that notes the runs of each job, and tells the end of runs if it knows their run times."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.run_times: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.runs: dict[int, list[tuple[int, int, bool]]] = {}
        self.outcomes: dict[int, list[Outcome]] = {}
        self.preempted_by: list[tuple[int, int, int]] = []

    def started(self, job: int, now: int) -> None:
        assert job not in self.starts
        self.starts[job] = now
        if self.engine and job in self.run_times:
            self.engine.finish(job, Outcome.SUCCEEDED, at=now + self.run_times[job])

    def preempting(self, job: int, by: int, now: int) -> None:
        self.preempted_by.append((now, job, by))

    def stopped(self, job: int, outcome: Outcome, now: int) -> None:
        interrupted = outcome in (Outcome.PREEMPTED, Outcome.RECLAIMED)
        self.runs.setdefault(job, []).append((self.starts.pop(job), now, interrupted))
        self.outcomes.setdefault(job, []).append(outcome)


def build_engine(
    policy: SchedulingPolicy, capacity: int | Mapping[str, int], listener: Runs | None = None, **options: Any
) -> Engine:
    """Return an engine with one queue on one environment."""
    engine = Engine(listener=listener, **options)
    engine.set_environment("environment", capacity)
    engine.set_queue(QUEUE, policy, ["environment"])
    return engine


def submission(job: Job, *, terms: Terms, known: bool = True) -> Submission:
    """Return a job of a trace as a submission in the current second."""
    return Submission(
        queue=QUEUE,
        share=job.share,
        priority=job.priority,
        instances=job.instances,
        instance_type=job.instance_type,
        run=job.run if known else None,
        checkpoint=job.checkpoint,
        terms=terms,
    )


def drive(
    policy: SchedulingPolicy,
    trace: Trace,
    capacity: int | Mapping[str, int],
    strategies: Strategies,
    ec2_instances: Ec2Instances | None,
    chance: Random,
    *,
    known: bool,
) -> dict[int, list[tuple[int, int, bool]]]:
    """Submit the jobs of a trace one by one, with random steps of the clock, and return the runs of each job."""
    runs = Runs()
    engine = runs.engine = build_engine(policy, capacity, runs, strategies=strategies, ec2_instances=ec2_instances)
    if isinstance(capacity, int):
        engine.rank_origin = next((job.submit for job in trace if job.instances <= capacity), 0)
    attempts = ec2_instances.attempts if ec2_instances else 1
    terms = Terms(attempts=attempts, preemptions=strategies.retries_before_termination)
    for row, job in enumerate(trace):
        while engine.now < job.submit:
            engine.advance(min(job.submit, engine.now + chance.choice([1, 2, 7, 40, 1000])))
        if not known:
            runs.run_times[row] = job.run
        assert engine.submit(submission(job, terms=terms, known=known)) == row
    while engine.advance(engine.now + chance.choice([1, 3, 50, 400])) is not None:
        pass
    assert not runs.starts
    return runs.runs
