"""Jobs of a run: submission, refusals and termination."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from fairlane_client.verify.account import Account
from fairlane_client.verify.findings import Unsettled

REFUSED: Final = "ClientException"
_PREFIX: Final = "fairlane-verify"
_REASON: Final = "fairlane verify has ended"
_INSTANCE_TYPE: Final = "ml.m5.large"


class Jobs:
    """Jobs that a run submits.

    Args:
        account: Account and Region of the jobs.
        outputs: Outputs of the stack.
    """

    def __init__(self, account: Account, outputs: Mapping[str, str]) -> None:
        self.batch = account.batch
        self._clock = account.clock
        self._outputs = outputs
        self._number = 0
        self._submitted: list[tuple[str, str]] = []

    def queue(self, name: str) -> str:
        """Return the ARN of a queue.

        Args:
            name: Logical ID of the queue.
        """
        return self._outputs[name]

    def submit(self, queue: str, **options: Any) -> dict[str, str]:
        """Submit a job that sleeps for two minutes, and return its name and ID.

        Args:
            queue: Logical ID of the queue.
            options: Further parameters of SubmitJob.
        """
        request = {"jobQueue": self.queue(queue), "jobDefinition": self._outputs["JobDefinition"], **options}
        return self._send("terminate_job", lambda name: self.batch.submit_job(jobName=name, **request))

    def submit_service_job(self, queue: str, **options: Any) -> dict[str, str]:
        """Submit a training job with more instances than its queue has, so that it never starts.

        Args:
            queue: Logical ID of the queue.
            options: Further parameters of SubmitServiceJob.
        """
        payload = {
            "RoleArn": self._outputs["TrainingRole"],
            "AlgorithmSpecification": {"TrainingImage": "none", "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://fairlane-verify-none/"},
            "ResourceConfig": {"InstanceType": _INSTANCE_TYPE, "InstanceCount": 2, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        request = {
            "jobName": f"{_PREFIX}-{queue}",
            "jobQueue": self.queue(queue),
            "serviceJobType": "SAGEMAKER_TRAINING",
            "serviceRequestPayload": json.dumps(payload),
            **options,
        }
        return self._send("terminate_service_job", lambda _: self.batch.submit_service_job(**request))

    def refusal(self, queue: str, **options: Any) -> str | None:
        """Submit a job that AWS may refuse. Return the message of the refusal, or None and terminate the job."""
        try:
            job = self.submit(queue, **options)
        except ClientError as error:
            return refusal_of(error)
        self.terminate(job["jobId"])
        return None

    def terminate(self, job: str) -> None:
        """Terminate a job."""
        self.batch.terminate_job(jobId=job, reason=_REASON)

    def terminate_all(self) -> None:
        """Terminate all jobs. Errors do not matter: the deletion of their queues terminates jobs, too."""
        for operation, job in self._submitted:
            try:
                getattr(self.batch, operation)(jobId=job, reason=_REASON)
            except Exception:
                continue

    def seconds_until_listed(self, operation: str, queue: str, job: Mapping[str, str], limit: int) -> int | None:
        """Return the number of seconds until a job is listed. None if it is not listed within the limit.

        Args:
            operation: `list_jobs` or `list_service_jobs`.
            queue: Logical ID of the queue.
            job: Answer to the submission.
            limit: Maximum number of seconds.
        """
        start = self._clock.now()
        while (passed := self._clock.now() - start) <= limit:
            if self.listed(operation, queue, job) is not None:
                return round(passed)
            self._clock.sleep(1)
        return None

    def listed(self, operation: str, queue: str, job: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the summary of a job by its name, or None if it is not listed."""
        filters = [{"name": "JOB_NAME", "values": [job["jobName"]]}]
        answer = getattr(self.batch, operation)(jobQueue=self.queue(queue), filters=filters)
        return next((each for each in answer["jobSummaryList"] if each["jobId"] == job["jobId"]), None)

    def wait(self, found: Callable[[], bool], what: str, limit: int) -> None:
        """Wait until a condition is true.

        Args:
            found: Condition.
            what: Words for what did not happen.
            limit: Maximum number of seconds.

        Raises:
            Unsettled: If the condition is not true within the limit.
        """
        for _ in self.polls(limit):
            if found():
                return
        raise Unsettled(f"{what} within {limit // 60} minutes")

    def polls(self, limit: int) -> Iterator[None]:
        """Yield every ten seconds until a number of seconds has passed."""
        end = self._clock.now() + limit
        while self._clock.now() < end:
            yield
            self._clock.sleep(10)

    def status(self, job: Mapping[str, str]) -> str:
        """Return the status of a job."""
        return str(self.batch.describe_jobs(jobs=[job["jobId"]])["jobs"][0]["status"])

    def _send(self, operation: str, send: Callable[[str], dict[str, str]]) -> dict[str, str]:
        self._number += 1
        job = send(f"{_PREFIX}-{self._number}")
        self._submitted.append((operation, job["jobId"]))
        return {"jobId": job["jobId"], "jobName": job["jobName"]}


def refusal_of(error: ClientError) -> str:
    """Return the message of AWS Batch if it refuses a request. Raise other errors."""
    if error.response["Error"]["Code"] != REFUSED:
        raise error
    return str(error.response["Error"]["Message"])
