"""Random histories of queues: the scheduler as the world, with run times that it knows and the estimates do not."""

from collections.abc import Callable
from random import Random

from fairlane.scheduler import Engine, Outcome, Submission
from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing
from fairlane_client.eta.past_jobs import PastJob
from fairlane_client.queues.queue import Queue, QueueEnvironment

DAY = 86_400
MONDAY = 1_767_571_200
UNIT = "ml.p4d.24xlarge"
SHARES = ("a", "b", "c")
POLICIES: dict[str, SchedulingPolicy] = {
    "fifo": Fifo(),
    "fair-share": FairShare({"a": 1.0, "b": 2.0, "c": 1.0}, 7200),
    "quota-management": QuotaManagement(
        *(QuotaShare(name=name, capacity={UNIT: 4}, sharing=Sharing.LEND_AND_BORROW) for name in SHARES)
    ),
}
CAPACITY = 12


class World:
    """Listener that notes the attempts of the jobs of a history."""

    def __init__(self) -> None:
        self.attempts: dict[int, list[tuple[int, int | None]]] = {}
        self.stopped_at: dict[int, int] = {}

    def started(self, job: int, now: int) -> None:
        self.attempts.setdefault(job, []).append((now, None))

    def preempting(self, job: int, by: int, now: int) -> None:
        pass

    def stopped(self, job: int, outcome: Outcome, now: int) -> None:
        self.attempts[job][-1] = (self.attempts[job][-1][0], now)
        if outcome is Outcome.SUCCEEDED:
            self.stopped_at[job] = now


def queue_of(kind: str) -> Queue:
    """Return a queue of 12 instances with one of the policies."""
    capacity = {UNIT: CAPACITY} if kind == "quota-management" else {"NUM_INSTANCES": CAPACITY}
    environment = QueueEnvironment(name="environment", capacity=capacity)
    return Queue(name="training", kind="training", policy=POLICIES[kind], environments=[environment])


def history(kind: str, random: Random, days: int, longer: Callable[[int], float] = lambda second: 1.0) -> list[PastJob]:
    """Return the jobs of a queue over some days from a Monday on, as they ran.

    Args:
        kind: Kind of the policy.
        random: Source of random numbers.
        days: Number of days of submissions.
        longer: Factor of the run time of a job by the second of its submission. Default: 1.
    """
    kinds = [(share, f"{share}-{name}", random.uniform(0.6, 2.2) * 3600, random.choice([1, 1, 2, 4]), random.uniform(0.3, 1.0))
             for share in SHARES for name in ("train", "eval")]  # fmt: skip
    work = sum(mean * size for _, _, mean, size, _ in kinds) / len(kinds)
    rate = random.uniform(0.85, 1.0) * CAPACITY / work
    seconds, second = [], 0.0
    while (second := second + random.expovariate(rate)) < days * DAY:
        if random.random() < (1.0 if 8 <= second % DAY / 3600 < 20 else 0.7):
            seconds.append(int(second))
    engine = Engine(listener=(world := World()))
    queue = queue_of(kind)
    engine.set_environment("environment", {UNIT: CAPACITY} if kind == "quota-management" else CAPACITY)
    engine.set_queue("queue", queue.policy, ["environment"])
    rows = []
    for second in seconds:
        share, name, mean, size, spread = random.choice(kinds)
        run = max(60, int(longer(second) * mean * random.lognormvariate(-spread * spread / 2, spread)))
        engine.submit(Submission(queue="queue", share=share, instances=size, submit=second, run=run))
        rows.append((share, name, size, second))
    engine.advance()
    return [
        PastJob(
            id=f"job-{number}",
            likeness=name,
            share=share,
            unit=queue.units[0],
            amount=size,
            created=MONDAY + second,
            attempts=tuple(
                (MONDAY + start, None if end is None else MONDAY + end) for start, end in world.attempts[number]
            ),
            stopped=MONDAY + world.stopped_at[number],
        )
        for number, (share, name, size, second) in enumerate(rows)
    ]


def seen_at(jobs: list[PastJob], now: float) -> list[PastJob]:
    """Return the jobs as they are known at a time."""
    return [
        PastJob(
            id=job.id,
            likeness=job.likeness,
            share=job.share,
            unit=job.unit,
            amount=job.amount,
            created=job.created,
            attempts=tuple((start, end if end and end <= now else None) for start, end in job.attempts if start <= now),
            stopped=job.stopped if job.stopped and job.stopped <= now else None,
        )
        for job in jobs
        if job.created <= now
    ]
