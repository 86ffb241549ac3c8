"""Drivers that submit the jobs of a trace and make changes through boto3, and what the API then tells of the jobs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from fairlane import FairShare, QuotaManagement, QuotaShare
from fairlane.scheduler import Job
from fairlane.scheduling import SchedulingPolicy
from fairlane_local.batch.jobs.job import ENDED
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane.scheduler.reference_changes import Change
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.containers import one_vcpu
from tests.fairlane_local.batch.jobs.support import payload, submit
from tests.fairlane_local.batch.support import (
    ACCOUNT,
    compute_environment,
    container_queue,
    ec2,
    job_definition,
    message_of,
    quota_policy,
    service_environment,
    training_queue,
)

UNIT = "ml.p5.48xlarge"
_RECENT_PREEMPTIONS = 10
_STATES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "RUNNABLE": "waiting"}


class Visible(NamedTuple):
    """State and runs of a job that the API tells: all runs, but of the preempted runs only the latest ten."""

    state: str
    preemptions: int
    runs: list[tuple[int, int, bool]]


def visible(state: str, runs: Sequence[tuple[int, int, bool]]) -> Visible:
    """Return what the API tells of a job with a state and runs."""
    preempted = [run for run in runs if run[2]]
    others = [run for run in runs if not run[2]]
    return Visible(state, len(preempted), sorted([*others, *preempted[-_RECENT_PREEMPTIONS:]]))


@contextmanager
def local_batch(stop_seconds: int = 20) -> Iterator[tuple[LocalAws, Any]]:
    """Start a local AWS with a manual clock and without throttling, and yield it with a client of its Batch."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False, stop_seconds=stop_seconds)) as aws:
        yield aws, client("batch", aws.port, ACCOUNT, "us-east-1")


class ServiceJobsDriver:
    """Driver of queues for service jobs on one service environment."""

    def __init__(
        self,
        aws: LocalAws,
        batch: Any,
        policies: Sequence[SchedulingPolicy],
        capacity: int,
        priorities: Sequence[int] = (1,),
        *,
        unit: str = UNIT,
    ) -> None:
        self.batch = batch
        self.unit = unit
        self.jobs: dict[int, str] = {}
        self._aws = aws
        self._policies = list(policies)
        self._environment = self.create_environment(capacity)
        self._queues = [
            self._create_queue(f"queue-{index}", policy, priority)
            for index, (policy, priority) in enumerate(zip(policies, priorities, strict=True))
        ]

    def run(
        self,
        jobs: Sequence[Job],
        queue_of: Sequence[int],
        changes: Sequence[Change] = (),
        *,
        preemptions: int | None = None,
    ) -> list[Visible]:
        """Submit jobs and make changes at their seconds, advance to the end, and return what the API tells."""
        second = 0
        for t in sorted({job.submit for job in jobs} | {change.at for change in changes}):
            self._aws.timeline.advance(t - second)
            second = t
            for row, job in enumerate(jobs):
                if job.submit == t:
                    self.jobs[row] = self.submit(queue_of[row], job, preemptions)
            for change in changes:
                if change.at == t:
                    self._make(change)
        self._aws.timeline.advance(30_000)
        return [self.observe(self.jobs[row]) for row in range(len(jobs))]

    def create_environment(self, capacity: int) -> str:
        limits = [{"capacityUnit": self._capacity_unit(), "maxCapacity": capacity}]
        return service_environment(self.batch, capacityLimits=limits)

    def create_queue(self, name: str, priority: int, **policy: str) -> str:
        return training_queue(self.batch, self._environment, name, priority=priority, **policy)

    def change_capacity(self, capacity: int) -> None:
        limits = [{"capacityUnit": self._capacity_unit(), "maxCapacity": capacity}]
        self.batch.update_service_environment(serviceEnvironment=self._environment, capacityLimits=limits)

    def submit(self, queue: int, job: Job, preemptions: int | None) -> str:
        share_key = {FairShare: "shareIdentifier", QuotaManagement: "quotaShareName"}.get(type(self._policies[queue]))
        request: dict[str, Any] = {share_key: job.share} if share_key else {}
        if preemptions is not None:
            request["preemptionConfiguration"] = {"preemptionRetriesBeforeTermination": preemptions}
        return submit(
            self.batch,
            self._queues[queue],
            run=job.run,
            schedulingPriority=job.priority,
            serviceRequestPayload=payload(job.instances, self.unit),
            **request,
        )

    def terminate(self, job: str) -> None:
        self.batch.terminate_service_job(jobId=job, reason="not needed")

    def reprioritize(self, job: str, priority: int) -> None:
        request = {"jobId": job, "schedulingPriority": priority}
        if self.batch.describe_service_job(jobId=job)["status"] in ENDED:
            assert "has ended" in message_of(self.batch.update_service_job, **request)
        else:
            self.batch.update_service_job(**request)

    def observe(self, job: str) -> Visible:
        description = self.batch.describe_service_job(jobId=job)
        summary = description.get("preemptionSummary", {"recentPreemptedAttempts": [], "preemptedAttemptCount": 0})
        runs = [
            *(self.run_of(attempt, preempted=True) for attempt in summary["recentPreemptedAttempts"]),
            *(self.run_of(attempt) for attempt in description["attempts"]),
        ]
        return Visible(_STATES[description["status"]], summary["preemptedAttemptCount"], sorted(runs))

    def run_of(self, attempt: Mapping[str, Any], *, preempted: bool = False) -> tuple[int, int, bool]:
        start, stop = (attempt[key] // 1000 - self._aws.timeline.clock.start for key in ("startedAt", "stoppedAt"))
        return start, stop, preempted

    def _capacity_unit(self) -> str:
        return self.unit if isinstance(self._policies[0], QuotaManagement) else "NUM_INSTANCES"

    def _create_queue(self, name: str, policy: SchedulingPolicy, priority: int) -> str:
        if isinstance(policy, FairShare):
            arn = self.batch.create_scheduling_policy(name=name, fairsharePolicy=_fair_share(policy))["arn"]
            return self.create_queue(name, priority, schedulingPolicyArn=arn)
        if not isinstance(policy, QuotaManagement):
            return self.create_queue(name, priority)
        queue = self.create_queue(name, priority, schedulingPolicyArn=quota_policy(self.batch, name))
        for share in policy.shares:
            self.batch.create_quota_share(quotaShareName=share.name, jobQueue=queue, **_quota_share(share))
        return queue

    def _make(self, change: Change) -> None:
        queue = self._queues[change.queue]
        if change.withdraw is not None:
            self.terminate(self.jobs[change.withdraw])
        if change.reprioritize:
            row, priority = change.reprioritize
            self.reprioritize(self.jobs[row], priority)
        if change.capacity is not None:
            self.change_capacity(change.capacity)
        if change.state:
            self.batch.update_job_queue(jobQueue=queue, state=change.state)
        if isinstance(change.policy, FairShare):
            (described,) = self.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
            self.batch.update_scheduling_policy(
                arn=described["schedulingPolicyArn"], fairsharePolicy=_fair_share(change.policy)
            )
        if isinstance(change.policy, QuotaManagement):
            for share in change.policy.shares:
                self.batch.update_quota_share(quotaShareArn=f"{queue}/quota-share/{share.name}", **_quota_share(share))


class ContainerJobsDriver(ServiceJobsDriver):
    """Driver of queues for container jobs on one compute environment. An instance of a trace is a vCPU."""

    def create_environment(self, capacity: int) -> str:
        job_definition(self.batch, containerProperties=one_vcpu())
        return compute_environment(self.batch, computeResources=ec2(maxvCpus=capacity))

    def create_queue(self, name: str, priority: int, **policy: str) -> str:
        return container_queue(self.batch, self._environment, name=name, priority=priority, **policy)

    def change_capacity(self, capacity: int) -> None:
        self.batch.update_compute_environment(
            computeEnvironment=self._environment, computeResources={"maxvCpus": capacity}
        )

    def submit(self, queue: int, job: Job, preemptions: int | None) -> str:
        is_fair = isinstance(self._policies[queue], FairShare)
        request = {"shareIdentifier": job.share, "schedulingPriorityOverride": job.priority} if is_fair else {}
        needs = {"resourceRequirements": [{"type": "VCPU", "value": str(job.instances)}]}
        return containers.submit(self.batch, self._queues[queue], job.run, containerOverrides=needs, **request)

    def terminate(self, job: str) -> None:
        self.batch.terminate_job(jobId=job, reason="not needed")

    def observe(self, job: str) -> Visible:
        description = containers.describe(self.batch, job)
        return Visible(_STATES[description["status"]], 0, [self.run_of(run) for run in description["attempts"]])


def _fair_share(policy: FairShare) -> dict[str, Any]:
    settings = {
        "shareDistribution": [
            {"shareIdentifier": name, "weightFactor": float(weight)} for name, weight in policy.weight_factors.items()
        ],
        "shareDecaySeconds": policy.share_decay_seconds,
        "computeReservation": policy.compute_reservation,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _quota_share(share: QuotaShare) -> dict[str, Any]:
    borrow = {} if share.borrow_limit is None else {"borrowLimit": share.borrow_limit}
    return {
        "capacityLimits": [{"capacityUnit": unit, "maxCapacity": number} for unit, number in share.capacity.items()],
        "resourceSharingConfiguration": {"strategy": share.sharing} | borrow,
        "preemptionConfiguration": {"inSharePreemption": "ENABLED" if share.in_share_preemption else "DISABLED"},
        "state": share.state,
    }
