"""Ends of jobs and reasons of blocked queues, with the texts that AWS reports."""

from dataclasses import dataclass
from typing import Literal

Phase = Literal["queue", "start", "run"]


@dataclass(frozen=True, slots=True)
class Ending:
    """End of a job or of one of its attempts.

    Args:
        reason: Failure reason in the metrics. Empty for a success.
        phase: Phase of the job at its end: in the queue, starting or running.
        status_reason: Text in `statusReason`.
        container: Reason of the container that caused the end.
        code: Exit code of that container.
        cancelled: True if AWS marks the job as cancelled.
        terminated: True if AWS marks the job as terminated.
        preempted: True if another job got the capacity.
    """

    reason: str
    phase: Phase
    status_reason: str = ""
    container: str = ""
    code: int | None = None
    cancelled: bool = False
    terminated: bool = False
    preempted: bool = False

    @property
    def is_requested(self) -> bool:
        """True if a user or a time limit requested the end, which can happen at any time, also between attempts."""
        return self.cancelled or self.terminated or self.reason == "TimeLimitAction"

    @property
    def retried(self) -> bool:
        """True if another attempt can follow."""
        return self.phase != "queue" and not self.is_requested and self.reason not in ("", "Timeout")


@dataclass(frozen=True, slots=True)
class Block:
    """Reason why a queue is blocked: value of the dimension Reason, and AWS's text in `statusReason`."""

    reason: str
    status_reason: str


EXITED = "Essential container in task exited"
FROM_SAGEMAKER = "Received status from SageMaker: "
CUT_BY = "JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"

COMPUTE_SUCCESS = Ending("", "run", EXITED, code=0)
SERVICE_SUCCESS = Ending("", "run", FROM_SAGEMAKER + "Training job completed")

_REQUESTED = (
    Ending("TimeLimitAction", "queue", f"Canceled by {CUT_BY}"),
    Ending("TimeLimitAction", "queue", f"Canceled by {CUT_BY}", cancelled=True),
    Ending("TimeLimitAction", "queue", f"Terminated by {CUT_BY}", terminated=True),
    Ending("Terminated", "queue", "not needed", terminated=True),
    Ending("Terminated", "start", "CannotPull was expected", terminated=True),
)

COMPUTE_ENDINGS = (
    *_REQUESTED,
    Ending("Cancelled", "queue", "wrong data set", cancelled=True),
    Ending("Cancelled", "queue", "OutOfMemoryError is to be expected", cancelled=True),
    Ending("Terminated", "run", "Host EC2 is too slow for me", code=137, terminated=True),
    Ending(
        "Terminated", "run", "seen enough", "OutOfMemoryError: Container killed due to memory usage", 137, False, True
    ),
    Ending("Timeout", "run", "Job attempt duration exceeded timeout", code=137),
    Ending("SpotReclaim", "run", "Host EC2 (instance i-0123456789abcdef0) terminated."),
    Ending("SpotReclaim", "run", "Host EC2 (instance i-0123456789abcdef0) terminated.", code=137),
    Ending("SpotReclaim", "start", "Host EC2 (instance i-0123456789abcdef0) stopped."),
    Ending("OutOfMemory", "run", EXITED, "OutOfMemoryError: Container killed due to memory usage", 137),
    Ending("OutOfMemory", "run", "OutOfMemoryError: Container killed due to memory usage"),
    Ending("ImagePull", "start", "Task failed to start", "CannotPullContainerError: manifest unknown"),
    Ending("ImagePull", "start", "Task failed: CannotPullECRContainerError: no such repository"),
    Ending("Capacity", "queue", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - The fleet has no capacity"),
    Ending("Capacity", "start", "Launch failed with InsufficientInstanceCapacity"),
    Ending("ExitCode", "run", EXITED, code=1),
    Ending("ExitCode", "run", EXITED, "killed", 137),
    Ending("Other", "queue", "Dependent Job failed"),
    Ending("Other", "start", "Task failed to start", "ResourceInitializationError: no secrets"),
    Ending("Other", "start", "Task failed to start", "InternalError: no device"),
    Ending("Other", "run", EXITED, code=0),
    Ending("Other", "run"),
)

SERVICE_ENDINGS = (
    *_REQUESTED,
    Ending("Terminated", "run", "AlgorithmError is no surprise", terminated=True),
    Ending("Timeout", "run", "Service job attempt duration exceeded timeout"),
    Ending("Timeout", "run", FROM_SAGEMAKER + "MaxRuntimeExceeded: stopped after 86400 seconds"),
    Ending("Capacity", "start", FROM_SAGEMAKER + "CapacityError: Unable to provision requested ML compute capacity"),
    Ending("Capacity", "start", FROM_SAGEMAKER + "InsufficientCapacityError: none left"),
    Ending("Capacity", "start", FROM_SAGEMAKER + "ResourceLimitExceeded: The account-level service limit"),
    Ending("Capacity", "queue", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - No capacity"),
    Ending("SageMakerInternalError", "run", FROM_SAGEMAKER + "InternalServerError: We encountered an error"),
    Ending("SageMakerInternalError", "start", FROM_SAGEMAKER + "InternalError: please try again"),
    Ending("AlgorithmError", "run", FROM_SAGEMAKER + "AlgorithmError: ExecuteUserScriptError: ExitCode 1"),
    Ending("AlgorithmError", "run", FROM_SAGEMAKER + "AlgorithmError: torch.OutOfMemoryError: CUDA out of memory"),
    Ending("ImagePull", "start", FROM_SAGEMAKER + "ClientError: CannotPullContainerError: no such image"),
    Ending("Other", "run", FROM_SAGEMAKER + "ClientError: Data download failed"),
    Ending("Other", "queue", "Preempted too often"),
    Ending("Other", "run"),
)

PREEMPTIONS = (
    Ending("", "run", "Cross-share preemption triggered to reclaim borrowed capacity", preempted=True),
    Ending("", "start", "Preempted by a job of higher priority", preempted=True),
)

_BLOCK_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
)

BLOCKS = (
    *(Block(reason, f"{reason} - Ask your administrator - or wait") for reason in _BLOCK_REASONS),
    Block("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"),
    Block("ACTION_REQUIRED", "ACTION_REQUIRED - The compute environments of the queue are in INVALID state."),
    Block("UNDETERMINED", "UNDETERMINED - Batch has no explanation."),
    Block("Other", "CAPACITY:SOMETHING_NEW - Not known to anybody yet."),
    Block("Other", "The queue is stuck: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - somewhere"),
    Block("Other", ""),
)
