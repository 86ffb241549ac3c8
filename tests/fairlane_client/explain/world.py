"""Queues of a local AWS with random histories, and the true reason why each of their jobs waits."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from random import Random
from typing import Any, Final, NamedTuple

from fairlane.scheduler import Engine, WaitReason
from fairlane.scheduler.fair_share import FairShareScheduler
from fairlane.scheduler.quota_management import QuotaScheduler
from fairlane_client.explain import Reason, explain
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import read_queue
from fairlane_local.batch.api import BatchApi, batch_api
from fairlane_local.batch.errors import BatchError
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.job import RUNNABLE, Job
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_client.faults import client_error
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import payload, submit
from tests.fairlane_local.batch.support import (
    ACCOUNT,
    compute_environment,
    container_queue,
    ec2,
    fair_policy,
    job_definition,
    quota_policy,
    quota_share,
    service_environment,
    training_queue,
)

REGION: Final = "us-east-1"
G5, P5 = "ml.g5.xlarge", "ml.p5.48xlarge"
WEIGHTS: Final = {"a": 1.0, "b": 3.0, "c": 2.0}
KINDS: Final = ("fifo", "fair", "reserved", "quota", "shared", "containers", "environments")
_HISTORIES: Final = 20
"""Number of histories in a world. Each adds two environments or two queues, and AWS allows 50 of each."""
_FAIR: Final = [{"shareIdentifier": name, "weightFactor": weight} for name, weight in WEIGHTS.items()]


LEAST_CORRECT: Final = 0.99
"""Least part of correct answers among those that are not unknown."""


class Case(NamedTuple):
    """Answer about a waiting job, and the truth.

    Attributes:
        kind: Kind of the queue.
        truth: Reason in the scheduler.
        answer: Reason of the answer.
        calls: Number of requests of the answer.
        inferred: True if the answer is marked as inferred.
    """

    kind: str
    truth: Reason
    answer: Reason
    calls: int
    inferred: bool


@contextmanager
def world() -> Iterator["World"]:
    """Start a local AWS with a manual clock, and yield its world."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        yield World(aws)


class _InProcess:
    """Client of the API of the local AWS Batch."""

    def __init__(self, api: BatchApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(part.capitalize() for part in name.split("_"))

        def call(**request: Any) -> Any:
            try:
                return self._api.call(operation, request)
            except BatchError as error:
                raise client_error(error.code, error.message, error.status, operation) from error

        return call


class World:
    """Local AWS with the queues of random histories.

    Attributes:
        batch: Client of AWS Batch without a server.
    """

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self.batch: Any = _InProcess(self.api)

    @property
    def api(self) -> BatchApi:
        return batch_api(ACCOUNT, REGION)

    @property
    def now(self) -> float:
        return self._aws.timeline.milliseconds / 1000

    def advance(self, seconds: float) -> None:
        self._aws.timeline.advance(seconds)

    def create(self, kind: str, random: Random) -> str:
        """Create a queue, and return its ARN."""
        batch = self.batch
        name = f"{kind}-{len(self.api.batch.queues)}"
        if kind in ("containers", "environments"):
            sizes = [8] if kind == "containers" else [6, 4]
            own = [
                compute_environment(batch, f"{name}-{index}", computeResources=ec2(maxvCpus=size))
                for index, size in enumerate(sizes)
            ]
            if not batch.describe_job_definitions(jobDefinitionName="train")["jobDefinitions"]:
                job_definition(batch, containerProperties=containers.one_vcpu())
            return container_queue(batch, *own, name=name)
        if kind == "quota":
            return self._quota_queue(name, random)
        counted = [{"capacityUnit": "NUM_INSTANCES", "maxCapacity": 8}]
        environment = service_environment(batch, name, capacityLimits=counted)
        more: dict[str, Any] = {}
        if kind in ("fair", "reserved"):
            reserved = {"computeReservation": 30} if kind == "reserved" else {}
            more["schedulingPolicyArn"] = fair_policy(batch, name, shareDistribution=_FAIR, **reserved)
        if kind == "shared":
            training_queue(batch, environment, f"{name}-other")
        return training_queue(batch, environment, name, **more)

    def _quota_queue(self, name: str, random: Random) -> str:
        limits = [{"capacityUnit": G5, "maxCapacity": 8}, {"capacityUnit": P5, "maxCapacity": 4}]
        environment = service_environment(self.batch, name, capacityLimits=limits)
        arn = training_queue(self.batch, environment, name, schedulingPolicyArn=quota_policy(self.batch, name))
        for share, (g5, p5) in {"a": (4, 2), "b": (3, 2), "c": (1, 0)}.items():
            sharing = {"strategy": random.choice(["LEND_AND_BORROW", "LEND_AND_BORROW", "LEND", "RESERVE"])}
            limit = random.choice([-1, 50, 100])
            own = [(G5, g5), (P5, p5)]
            quota_share(
                self.batch,
                arn,
                share,
                capacityLimits=[{"capacityUnit": unit, "maxCapacity": number} for unit, number in own if number],
                resourceSharingConfiguration=sharing
                | ({"borrowLimit": limit} if sharing["strategy"] == "LEND_AND_BORROW" else {}),
                preemptionConfiguration={"inSharePreemption": random.choice(["ENABLED", "DISABLED"])},
            )
        return arn

    def submit(self, kind: str, queue: str, random: Random) -> str:
        """Submit a random job, and return its id."""
        size, run = random.choice([1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 6, 8]), random.randint(60, 1500)
        size = 9 if random.random() < 0.04 else size
        share = random.choice([*WEIGHTS, "a"])
        if kind in ("containers", "environments"):
            return self._submit_container(queue, size, run, random)
        more: dict[str, Any] = {}
        unit = G5
        if kind == "quota":
            unit = random.choice([G5, G5, P5])
            sizes = {"a": [1, 2, 2, 3, 4, 6], "b": [1, 1, 2, 3, 4], "c": [1, 1, 2]}
            more["quotaShareName"], size = share, random.choice(sizes[share])
            if unit == P5:
                size = min(size, random.choice([1, 2, 3]))
        elif kind in ("fair", "reserved"):
            more["shareIdentifier"] = share
        if kind == "shared" and random.random() < 0.5:
            queue = f"{queue}-other"
        if random.random() < 0.2:
            more["retryStrategy"] = {"attempts": 3}
            more["tags"] = {"fairlane:run-seconds": str(run), "fairlane:fails": "broken"}
            run_seconds = None
        else:
            run_seconds = run
        return submit(
            self.batch,
            queue,
            f"job-{random.randint(0, 10**6)}",
            run=run_seconds,
            schedulingPriority=random.randint(0, 3),
            serviceRequestPayload=payload(size, unit),
            **more,
        )

    def _submit_container(self, queue: str, size: int, run: int, random: Random) -> str:
        needs = [{"type": "VCPU", "value": str(size)}]
        more: dict[str, Any] = {}
        own = [job for job in self.api.lifecycle.jobs if job.queue == queue and not job.has_ended]
        if own and random.random() < 0.2:
            others = random.sample(own, min(len(own), 2))
            more["dependsOn"] = [{"jobId": each.id.partition(":")[0]} for each in others]
        if random.random() < 0.1:
            more["arrayProperties"] = {"size": random.randint(2, 4)}
        return containers.submit(
            self.batch, queue, run, jobName="job", containerOverrides={"resourceRequirements": needs}, **more
        )

    def waiting(self, queue: str) -> list[Job]:
        """Return the jobs of a queue that wait, without the parents of array jobs."""
        jobs = self.api.lifecycle.jobs.of_queue(queue, ["SUBMITTED", "PENDING", RUNNABLE])
        return [job for job in jobs if not getattr(job, "children", ())]

    def change(self, queue: str, random: Random) -> None:
        """Change the priority of a waiting job, or remove it."""
        waiting = self.waiting(queue)
        if not waiting:
            return
        job = random.choice(waiting)
        if isinstance(job, ContainerJob):
            self.batch.terminate_job(jobId=job.id, reason="not needed")
        elif random.random() < 0.5:
            self.batch.update_service_job(jobId=job.id, schedulingPriority=random.randint(0, 4))
        else:
            self.batch.terminate_service_job(jobId=job.id, reason="not needed")

    def set_environments(self, queue: str, state: str) -> None:
        """Enable or disable the environments of a queue."""
        (record,) = self.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        for each in record.get("serviceEnvironmentOrder", []):
            self.batch.update_service_environment(serviceEnvironment=each["serviceEnvironment"], state=state)

    def truths(self, queue: str) -> dict[str, Reason]:
        """Return the true reason of each waiting job of a queue."""
        jobs = self.waiting(queue)
        engine = self.api.lifecycle.engine
        ids = {job.engine_id: job for job in jobs if job.engine_id is not None}
        waits = engine.waits(ids)
        truths = {job.id: Reason.DEPENDENCY for job in jobs if isinstance(job, ContainerJob) and job.blockers}
        later = _after_pass(engine)
        for engine_id, job in ids.items():
            assert engine_id is not None
            wait = waits[engine_id]
            truth = _truth(later, engine_id, wait.reason if wait else None, ids)
            truths[job.id] = Reason.RETRY if truth is Reason.STARTS_NEXT and job.attempts else truth
        return truths


def _truth(later: Engine, engine_id: int, wait: WaitReason | None, ids: dict[int, Job]) -> Reason:
    if wait in (WaitReason.ENVIRONMENT_LIMIT, WaitReason.QUOTA_LIMIT):
        return Reason.CANNOT_FIT
    if wait is WaitReason.DISABLED:
        return Reason.DISABLED
    if wait is None or wait is WaitReason.STOPS:
        return Reason.STARTS_NEXT
    lane = later.jobs.lanes[later.jobs.row(engine_id)]
    scheduler = lane.scheduler
    if isinstance(scheduler, QuotaScheduler):
        return _quota_truth(later, engine_id, wait, ids)
    return _ordered_truth(later, scheduler, later.jobs.row(engine_id))


def _ordered_truth(later: Engine, scheduler: Any, row: int) -> Reason:
    """Return the reason of a job in the order of the next pass, in which a first job that does not fit blocks all."""
    jobs = later.jobs
    free = [environment.free for environment in scheduler._environments]

    def place(other: int) -> int | None:
        lane, units = jobs.lanes[other], jobs.needs[other]
        if isinstance(scheduler, FairShareScheduler) and scheduler._reservation and lane.usage.units:  # type: ignore[attr-defined]
            assert scheduler._active
            if not scheduler._reservation.allows(sum(free) - units, scheduler._active.number):
                return None
        return next((index for index, number in enumerate(free) if units <= number), None)

    for other in scheduler.order(later.now + 1):
        found = place(other)
        if other == row:
            return Reason.CAPACITY_FULL if found is None else Reason.STARTS_NEXT
        if found is None:
            break
        free[found] -= jobs.needs[other]
    if place(row) is not None:
        return Reason.HEAD_BLOCKED
    lane = jobs.lanes[row]
    if isinstance(scheduler, FairShareScheduler) and jobs.lanes[other] is not lane and _is_above_part(scheduler, lane):
        return Reason.SHARE_ABOVE_ENTITLEMENT
    return Reason.CAPACITY_FULL


def _is_above_part(scheduler: FairShareScheduler, lane: Any) -> bool:
    """Return True if a share uses more than its part by weight, among the shares with jobs."""
    active = [share for share in scheduler._shares if share.waiting or share.usage.units]
    part = scheduler._capacity / WEIGHTS[lane.name] / sum(1 / WEIGHTS[share.name] for share in active)
    return bool(lane.usage.units > part + 1e-9)


def _quota_truth(later: Engine, engine_id: int, wait: WaitReason, ids: dict[int, Job]) -> Reason:
    if wait is WaitReason.BEHIND:
        alone = _after_pass(later)
        lane = alone.jobs.lanes[alone.jobs.row(engine_id)]
        for other in ids:
            if other == engine_id:
                continue
            row = alone.jobs.row(other)
            if alone.jobs.lanes[row] is lane and alone._is_listed(row):
                reserved = lane.scheduler.is_reserved(lane, row)
                if not reserved:
                    alone.withdraw(other)
        found = alone.wait(engine_id)
        if found is None or found.reason is WaitReason.STOPS:
            return Reason.HEAD_BLOCKED
        wait = found.reason
    return Reason.SHARE_ABOVE_ENTITLEMENT if wait is WaitReason.QUOTA else Reason.CAPACITY_FULL


def _after_pass(engine: Engine) -> Engine:
    return engine._next_pass()[1]


def run_history(world: World, kind: str, seed: int, jobs: int = 25) -> list[Case]:
    """Run a random history on a new queue, and return an answer about each job that waits after each of its events."""
    random = Random(f"{kind}-{seed}")
    arn = world.create(kind, random)
    calls = Calls(world.batch)
    cases = []
    for _ in range(jobs):
        world.submit(kind, arn, random)
        if random.random() < 0.15:
            world.change(arn, random)
        is_disabled = random.random() < 0.03
        if is_disabled:
            world.set_environments(arn, "DISABLED")
        world.advance(random.choice([0, 1, 5, 30, 60, 120]))
        truths = world.truths(arn)
        queue = read_queue(calls, arn)
        for job in random.sample(sorted(truths), min(3, len(truths))):
            answer = explain(calls, queue, job, now=world.now)
            assert answer.reason is not None
            cases.append(Case(kind, truths[job], answer.reason, answer.calls, answer.inferred))
        if is_disabled:
            world.set_environments(arn, "ENABLED")
    return cases


def measure(kinds: Sequence[str], seeds: Sequence[int]) -> list[Case]:
    """Run random histories on queues of each kind, and return the answers with the truths."""
    cases = []
    for kind, first in product(kinds, range(0, len(seeds), _HISTORIES)):
        with world() as own:
            cases += [case for seed in seeds[first : first + _HISTORIES] for case in run_history(own, kind, seed)]
    return cases


def table(cases: list[Case]) -> tuple[list[list[str]], float]:
    """Return a table of reasons with their correct answers, and the correct part of the answers that are not unknown."""
    rows = [["reason", "cases", "correct", "wrong", "unknown"]]
    total: Counter[str] = Counter()
    for reason in Reason:
        own = [case for case in cases if case.truth is reason]
        if not own:
            continue
        counts = Counter(
            "correct" if case.answer is reason else "unknown" if case.answer is Reason.UNKNOWN else "wrong"
            for case in own
        )
        total += counts
        rows.append([reason.value, f"{len(own):,}", *(f"{counts[name]:,}" for name in rows[0][2:])])
    rows.append(["all", f"{total.total():,}", *(f"{total[name]:,}" for name in rows[0][2:])])
    decided = total["correct"] + total["wrong"]
    return rows, total["correct"] / decided if decided else 1.0
