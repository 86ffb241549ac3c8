"""Jobs of a local AWS Batch, and their attempts. Times are milliseconds since the epoch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from fairlane.scheduler import Outcome

if TYPE_CHECKING:
    from fairlane_local.processes.runner import Run, Runner
    from fairlane_local.processes.work import End, Work

RUNNABLE: Final = "RUNNABLE"
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
ENDED: Final = (SUCCEEDED, FAILED)
SERVICE_STATUSES: Final = (
    "SUBMITTED",
    "PENDING",
    RUNNABLE,
    "SCHEDULED",
    "STARTING",
    "RUNNING",
    SUCCEEDED,
    FAILED,
)
STATUSES: Final = tuple(status for status in SERVICE_STATUSES if status != "SCHEDULED")
_RECENT: Final = 10


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Attempt of a job.

    Attributes:
        resource: ARN of the training job of a service job, or of the ECS task of a container job.
        scheduled: Time at which the attempt was scheduled.
        started: Start of the job's own work. None if the attempt ended before.
        stopped: End of the attempt.
        reason: Reason of the end.
        outcome: Outcome. None while the attempt runs.
        instance_type: Instance type that the attempt runs on. Empty if the request names none.
        exit_code: Exit code of a container.
        container_reason: Reason that ECS gives for the end of a container.
        log_streams: Names of the log streams.
        downloading: Start of the download of input. None if the attempt has none.
        uploading: Start of the upload of output. None if the attempt has none.
        run: Processes of the attempt. None if the attempt is simulated.
        requested: Outcome that a request to stop the attempt decided.
    """

    resource: str
    scheduled: int | None = None
    started: int | None = None
    stopped: int | None = None
    reason: str = ""
    outcome: Outcome | None = None
    instance_type: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    log_streams: tuple[str, ...] = ()
    downloading: int | None = None
    uploading: int | None = None
    run: "Run | None" = None
    requested: Outcome | None = None

    def describe(self) -> dict[str, Any]:
        """Return the attempt of a service job, as the Batch API describes it."""
        times = {"startedAt": self.started, "stoppedAt": self.stopped}
        return {
            "serviceResourceId": {"name": "TrainingJobArn", "value": self.resource},
            **{name: value for name, value in times.items() if value is not None},
            **({"statusReason": self.reason} if self.reason else {}),
        }


@dataclass(frozen=True, slots=True)
class Preemption:
    """Preemption of an attempt.

    Attributes:
        job: Job of the attempt.
        attempt: Attempt that is stopped. It has no end yet while it stops.
        by: Job that gets the capacity.
        time: Time of the decision.
    """

    job: "Job"
    attempt: Attempt
    by: "Job"
    time: int


class JobKind(Protocol):
    """Behavior that differs between service jobs and container jobs."""

    def new_attempt(self, job: Any) -> Attempt:
        """Return the attempt of a job that starts."""

    def plan(self, job: Any) -> tuple[int, Outcome, str]:
        """Return the seconds that an attempt runs, its outcome and its reason."""

    def work(self, job: Any, attempt: Attempt, runner: "Runner") -> "Work":
        """Return what an attempt runs as processes."""

    def outcome(self, job: Any, end: "End") -> tuple[Outcome, str]:
        """Return the outcome and the reason of an attempt whose processes have ended."""

    def ended(self, job: Any) -> None:
        """Handle the end of a job."""

    def forgotten(self, job: Any) -> None:
        """Forget what belongs to a job."""


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """Job of a queue.

    Attributes:
        kind: Kind of the job.
        number: Number of the job in the order of submission.
        engine_id: Id of the job in the scheduling engine. None before the job is eligible to run.
        share: Share identifier, or name of the quota share.
        priority: Scheduling priority. None if the request has none.
        instance_type: Instance type that a quota share counts. Empty for other queues.
        instance_types: Instance types that the job can run on, in the order of preference. Empty if any will do.
        units: Number of instances or vCPUs.
        run_seconds: Seconds that an attempt runs.
        failure: Status reason that each attempt fails with. None if attempts succeed.
        retry: Retry strategy of the request.
        timeout_seconds: Maximum duration of an attempt.
        attempts: Attempts that ended by themselves.
        attempt: Attempt that is scheduled or runs.
        runnable: Time at which the job became RUNNABLE last.
        scheduled: Time at which the latest attempt was scheduled.
        is_stopping: True if the attempt is being stopped.
    """

    state_change: ClassVar[str]
    starting_statuses: ClassVar[tuple[str, ...]]
    statuses_without_instances: ClassVar[tuple[str, ...]] = ()

    kind: JobKind
    arn: str
    id: str
    name: str
    number: int
    engine_id: int | None = None
    queue: str
    created: int
    share: str = ""
    priority: int | None = None
    instance_type: str = ""
    instance_types: tuple[str, ...] = ()
    units: int = 1
    run_seconds: int = 60
    failure: str | None = None
    retry: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "SUBMITTED"
    reason: str = ""
    runnable: int | None = None
    scheduled: int | None = None
    stopped: int | None = None
    is_terminated: bool = False
    is_cancelled: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    attempt: Attempt | None = None
    is_stopping: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the job as the Batch API describes it."""
        raise NotImplementedError

    def views(self) -> Iterator[dict[str, Any]]:
        """Yield the descriptions of the job that its events have."""
        yield self.describe()

    @property
    def has_ended(self) -> bool:
        """True if the job has succeeded or failed."""
        return self.status in ENDED

    @property
    def latest_attempt(self) -> Attempt | None:
        """Attempt that runs, or that ended last."""
        return self.attempt or (self.attempts[-1] if self.attempts else None)


@dataclass(slots=True, kw_only=True, eq=False)
class ServiceJob(Job):
    """SageMaker training job of a queue.

    Attributes:
        payload: CreateTrainingJob request, as it came.
        quota: True if `share` is a quota share.
        preemption_limit: Number of preemptions after which the job waits again. None for no limit.
        max_seconds: Maximum run time of the training job. None for no limit.
        digest: Digest of the request, including its client token. Empty if the request has no token.
        preempted: Attempts that were preempted.
    """

    state_change = "Batch Service Job State Change"
    starting_statuses = ("SCHEDULED", "STARTING")
    statuses_without_instances = ("SCHEDULED",)

    payload: str
    quota: bool = False
    preemption_limit: int | None = None
    max_seconds: int | None = None
    digest: bytes = b""
    preempted: list[Attempt] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """Return the response of DescribeServiceJob."""
        started = self.latest_attempt.started if self.latest_attempt else None
        description: dict[str, Any] = {
            **self.summary(),
            "jobQueue": self.queue,
            "startedAt": started or 0,
            "attempts": [attempt.describe() for attempt in self.attempts],
            "isTerminated": self.is_terminated,
            "serviceRequestPayload": self.payload,
            "tags": self.tags,
        }
        optional: dict[str, Any] = {
            "schedulingPriority": self.priority,
            "retryStrategy": self.retry or None,
            "timeoutConfig": (
                None if self.timeout_seconds is None else {"attemptDurationSeconds": self.timeout_seconds}
            ),
            "preemptionConfiguration": (
                None if self.preemption_limit is None else {"preemptionRetriesBeforeTermination": self.preemption_limit}
            ),
            "preemptionSummary": self.preemption_summary() if self.preempted else None,
        }
        return description | {name: value for name, value in optional.items() if value is not None}

    def preemption_summary(self) -> dict[str, Any]:
        """Return the number of preemptions and the latest preempted attempts, newest first."""
        recent = [attempt.describe() for attempt in reversed(self.preempted[-_RECENT:])]
        return {"preemptedAttemptCount": len(self.preempted), "recentPreemptedAttempts": recent}

    def summary(self) -> dict[str, Any]:
        """Return the job as ListServiceJobs lists it."""
        latest = self.latest_attempt
        summary: dict[str, Any] = {
            "jobArn": self.arn,
            "jobId": self.id,
            "jobName": self.name,
            "serviceJobType": "SAGEMAKER_TRAINING",
            "status": self.status,
            "createdAt": self.created,
            "capacityUsage": [{"capacityUnit": self.instance_type or "NUM_INSTANCES", "quantity": float(self.units)}],
            "isTerminated": self.is_terminated,
        }
        optional: dict[str, Any] = {
            "quotaShareName" if self.quota else "shareIdentifier": self.share or None,
            "statusReason": self.reason or None,
            "scheduledAt": self.scheduled,
            "startedAt": latest.started if latest else None,
            "stoppedAt": self.stopped,
            "latestAttempt": (
                {"serviceResourceId": {"name": "TrainingJobArn", "value": latest.resource}} if latest else None
            ),
        }
        return summary | {name: value for name, value in optional.items() if value is not None}
