"""SageMaker training jobs that service jobs run as, with their log streams."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from moto.utilities.utils import get_partition

from fairlane.scheduler import Outcome
from fairlane_local.batch.jobs.job import Attempt, ServiceJob
from fairlane_local.batch.jobs.log_streams import LogStreams
from fairlane_local.batch.store import Batch

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
STATUS_REASON: Final = "Received status from SageMaker: "
MAX_RUNTIME_EXCEEDED: Final = f"{STATUS_REASON}MaxRuntimeExceeded"
STOPPED: Final = f"{STATUS_REASON}Stopped"
_MAX_NAME: Final = 63
_UNTIL_TRAINING: Final = {"SCHEDULED": "Pending", "STARTING": "Downloading"}


class TrainingJobs:
    """Training jobs of one account and Region, by name.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._arn = f"arn:{get_partition(batch.region)}:sagemaker:{batch.region}:{batch.account_id}:training-job/"
        self._jobs: dict[str, tuple[ServiceJob, Attempt]] = {}
        self._log_streams = LogStreams(batch, LOG_GROUP)

    def create(self, job: ServiceJob) -> Attempt:
        """Create a training job with its log streams, and return the attempt that it is."""
        suffix = uuid4().hex
        name = f"AWSBatch{job.name[: _MAX_NAME - len('AWSBatch') - len(suffix)]}{suffix}"
        attempt = Attempt(resource=self._arn + name)
        second = self._batch.now() // 1000
        self._log_streams.create(attempt, [f"{name}/algo-{index}-{second}" for index in range(1, job.units + 1)])
        self._jobs[name] = (job, attempt)
        return attempt

    def find(self, name: str) -> tuple[ServiceJob, Attempt] | None:
        """Return the service job and the attempt of a training job. None if no service job runs as it."""
        return self._jobs.get(name)

    def forget(self, job: ServiceJob) -> None:
        """Forget the training jobs of a service job, with their log streams."""
        attempts = [*job.attempts, *job.preempted]
        self._log_streams.forget(attempts)
        for attempt in attempts:
            self._jobs.pop(attempt.resource.rpartition("/")[2], None)

    def describe(self, name: str) -> dict[str, Any] | None:
        """Return the response of DescribeTrainingJob. None if no service job runs as the training job."""
        if name not in self._jobs:
            return None
        job, attempt = self._jobs[name]
        request = json.loads(job.payload)
        status, secondary = _statuses(job, attempt)
        output_config = {"KmsKeyId": "", **request.get("OutputDataConfig", {})}  # SageMaker returns the key without one
        output = output_config.get("S3OutputPath", "").rstrip("/")
        ended = attempt.stopped is not None
        optional: dict[str, Any] = {
            "TrainingStartTime": _time(attempt.started),
            "TrainingEndTime": _time(attempt.stopped),
            "FailureReason": attempt.reason.removeprefix(STATUS_REASON) if status == "Failed" else None,
            "TrainingTimeInSeconds": _seconds(attempt),
            "BillableTimeInSeconds": _seconds(attempt),
        }
        if "InstancePreferences" in request["ResourceConfig"] and attempt.instance_type:
            request["ResourceConfig"]["SelectedInstanceType"] = attempt.instance_type
        return {
            **{key: value for key, value in request.items() if key not in ("Tags", "TrainingJobName")},
            "OutputDataConfig": output_config,
            "TrainingJobName": name,
            "TrainingJobArn": attempt.resource,
            "TrainingJobStatus": status,
            "SecondaryStatus": secondary,
            "SecondaryStatusTransitions": _transitions(attempt, secondary),
            "CreationTime": _time(attempt.scheduled),
            "LastModifiedTime": _time(attempt.stopped or attempt.started or attempt.scheduled),
            "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{name}/output/model.tar.gz" if ended and output else ""},
            **{key: value for key, value in optional.items() if value is not None},
        }

    def tags(self, arn: str) -> list[dict[str, str]] | None:
        """Return the tags of a training job. None if no service job runs as it."""
        found = self.find(arn.removeprefix(self._arn))
        if found is None:
            return None
        tags: list[dict[str, str]] = json.loads(found[0].payload).get("Tags", [])
        return tags

    def summaries(self) -> list[dict[str, Any]]:
        """Return the training jobs as ListTrainingJobs lists them, newest first."""
        keys = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        descriptions = [description for name in reversed(self._jobs) if (description := self.describe(name))]
        return [{key: job[key] for key in keys if key in job} for job in descriptions]


def _statuses(job: ServiceJob, attempt: Attempt) -> tuple[str, str]:
    """Return the status and the secondary status of a training job."""
    if attempt.stopped is None:
        if job.is_stopping:
            return "Stopping", "Stopping"
        if attempt.uploading is not None:
            return "InProgress", "Uploading"
        return "InProgress", _UNTIL_TRAINING.get(job.status, "Training")
    if attempt.outcome is Outcome.SUCCEEDED:
        return "Completed", "Completed"
    if attempt.reason == MAX_RUNTIME_EXCEEDED:
        return "Stopped", "MaxRuntimeExceeded"
    failed = attempt.reason.startswith(STATUS_REASON) and attempt.reason != STOPPED
    return ("Failed", "Failed") if failed else ("Stopped", "Stopped")


def _transitions(attempt: Attempt, secondary: str) -> list[dict[str, Any]]:
    """Return the secondary statuses of a training job, with the times of their starts and ends."""
    starts = [
        ("Starting", attempt.scheduled),
        ("Downloading", attempt.downloading),
        ("Training", attempt.started),
        ("Uploading", attempt.uploading),
        (secondary, attempt.stopped),
    ]
    known = [(status, start) for status, start in starts if start is not None]
    ends = [start for _, start in known[1:]] + [known[-1][1] if attempt.stopped else None]
    return [
        {"Status": status, "StartTime": _time(start), "StatusMessage": status}
        | ({} if end is None else {"EndTime": _time(end)})
        for (status, start), end in zip(known, ends, strict=True)
    ]


def _seconds(attempt: Attempt) -> int | None:
    if attempt.started is None or attempt.stopped is None:
        return None
    return (attempt.stopped - attempt.started) // 1000


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
