"""Submissions of jobs: SubmitServiceJob, SubmitJob, or only the CreateTrainingJob payload."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import QuotaManagement
from fairlane_client.checks.service_job_rules import PAYLOAD
from fairlane_client.queues.queue import Queue

Operation = Literal["SubmitServiceJob", "SubmitJob"]
_TRAINING: Final = frozenset({"AlgorithmSpecification", "ResourceConfig", "StoppingCondition", "OutputDataConfig"})
_ALLOWED: Final = (
    "the members of SubmitServiceJob (serviceRequestPayload), SubmitJob (jobDefinition) or CreateTrainingJob "
    "(ResourceConfig)"
)
_SHARES: Final = ("shareIdentifier", "quotaShareName")


@dataclass(frozen=True, slots=True)
class Submission:
    """Request of AWS Batch that a check reads.

    Attributes:
        operation: Operation of the request.
        request: Request with the share and the priority of the check.
        is_payload: True if the caller gave only the payload, so that its members are the outermost.
    """

    operation: Operation
    request: dict[str, Any]
    is_payload: bool = False


def read_submission(path: str | Path) -> Mapping[str, Any]:
    """Return the JSON object of a file.

    Raises:
        ConfigurationError: If the file has no JSON object.
        OSError: If the file cannot be read.
    """
    try:
        value = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(str(path), [Problem.relation((), f"no valid JSON: {error}")]) from None
    if not isinstance(value, dict):
        raise ConfigurationError(str(path), [Problem((), type(value).__name__, f"an object with {_ALLOWED}")])
    return value


def as_submission(value: Mapping[str, Any], queue: Queue, share: str = "", priority: int | None = None) -> Submission:
    """Return the request of a submission. Its members decide on the operation.

    Args:
        value: Request of SubmitServiceJob or SubmitJob, or payload of CreateTrainingJob.
        queue: Queue of the job.
        share: Share that replaces the one of the request. Default: that of the request.
        priority: Priority that replaces the one of the request. Default: that of the request.

    Raises:
        ConfigurationError: If the members are those of no submission.
    """
    if "serviceRequestPayload" in value or "serviceJobType" in value:
        submission = Submission("SubmitServiceJob", dict(value))
    elif "jobDefinition" in value:
        submission = Submission("SubmitJob", dict(value))
    elif _TRAINING & value.keys():
        members = {"jobName": "check", "jobQueue": queue.name, "serviceJobType": "SAGEMAKER_TRAINING"}
        submission = Submission("SubmitServiceJob", {**members, PAYLOAD: json.dumps(dict(value))}, is_payload=True)
    else:
        raise ConfigurationError("submission", [Problem((), ", ".join(map(str, value)) or "no member", _ALLOWED)])
    request = submission.request
    if share:
        is_quota = isinstance(queue.policy, QuotaManagement) and submission.operation == "SubmitServiceJob"
        for name in _SHARES:
            request.pop(name, None)
        request["quotaShareName" if is_quota else "shareIdentifier"] = share
    if priority is not None:
        member = "schedulingPriority" if submission.operation == "SubmitServiceJob" else "schedulingPriorityOverride"
        request[member] = priority
    return submission
