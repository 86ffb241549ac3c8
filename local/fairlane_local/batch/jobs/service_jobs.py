"""Batch API calls for SageMaker training jobs of queues."""

import json
from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from typing import Final
from uuid import uuid4

from fairlane.scheduler import Outcome
from fairlane.scheduling import QuotaManagement
from fairlane_client.checks.request_rules import priority_refusals
from fairlane_client.checks.service_job_rules import read_training_request, service_job_refusals
from fairlane_local.batch.errors import RequestError, ThrottlingError, refuse
from fairlane_local.batch.jobs.job import ENDED, SERVICE_STATUSES, Attempt, ServiceJob
from fairlane_local.batch.jobs.job_lists import JOB_FILTERS, PAGE, page, select
from fairlane_local.batch.jobs.lifecycle import Lifecycle
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.batch.jobs.retries import retries_after
from fairlane_local.batch.jobs.share_rules import check_share
from fairlane_local.batch.jobs.simulation_tags import FAILS, run_seconds
from fairlane_local.batch.jobs.training_jobs import (
    LOG_GROUP,
    MAX_RUNTIME_EXCEEDED,
    STATUS_REASON,
    STOPPED,
    TrainingJobs,
)
from fairlane_local.batch.rules import check_bulk
from fairlane_local.batch.store import Batch, Record, Request, get
from fairlane_local.batch.throttle import Throttle
from fairlane_local.processes.runner import Runner
from fairlane_local.processes.storage import Storage
from fairlane_local.processes.training import TrainingWork
from fairlane_local.processes.work import End

_TIMED_OUT: Final = "Job attempt duration exceeded timeout"


class ServiceJobs:
    """Service jobs of one account and Region.

    Args:
        batch: Records of the account and Region.
        lifecycle: Lifecycle of all jobs.
        training_jobs: Training jobs that the service jobs run as.
        options: Options of the jobs.
        throttle: Request rates.

    Attributes:
        training_jobs: Training jobs that the service jobs run as.
    """

    def __init__(
        self, batch: Batch, lifecycle: Lifecycle, training_jobs: TrainingJobs, options: JobOptions, throttle: Throttle
    ) -> None:
        self._batch = batch
        self._lifecycle = lifecycle
        self.training_jobs = training_jobs
        self._options = options
        self._throttle = throttle
        self._numbers = count()
        self._digests: set[bytes] = set()

    def submit_service_job(self, request: Request) -> Record:
        if not self._throttle.admits("submit_service_job"):
            raise ThrottlingError("Too Many Requests")
        body = json.dumps(request)
        refuse(service_job_refusals(request))
        queue = self._queue(request["jobQueue"])
        if queue["state"] != "ENABLED":
            raise RequestError(f"Job queue {queue['jobQueueName']} is DISABLED.")
        training = read_training_request(request["serviceRequestPayload"])
        preemptions = request.get("preemptionConfiguration", {}).get("preemptionRetriesBeforeTermination")
        policy = check_share(self._batch, self._lifecycle.jobs, queue, request)
        is_quota = isinstance(policy, QuotaManagement)
        tags = dict(request.get("tags", {}))
        seconds = run_seconds(tags, self._options.run_seconds)
        digest = sha256(body.encode()).digest() if "clientToken" in request else b""
        if digest in self._digests:  # AWS's message is unknown
            raise RequestError("A request with the same clientToken and payload was already submitted.")
        instance_type, units = training.choices[0]
        job_id = str(uuid4())
        job = ServiceJob(
            kind=self,
            arn=self._batch.arn(f"service-job/{job_id}"),
            id=job_id,
            name=request["jobName"],
            number=next(self._numbers),
            queue=queue["jobQueueArn"],
            created=self._batch.now(),
            share=request.get("quotaShareName") or request.get("shareIdentifier") or "",
            priority=request.get("schedulingPriority"),
            instance_type=instance_type if is_quota else "",
            instance_types=tuple(name for name, _ in training.choices if name),
            units=units,
            run_seconds=seconds,
            failure=tags.get(FAILS),
            retry=request.get("retryStrategy", {}),
            timeout_seconds=request.get("timeoutConfig", {}).get("attemptDurationSeconds"),
            max_seconds=training.max_seconds,
            digest=digest,
            tags=tags,
            payload=request["serviceRequestPayload"],
            quota=is_quota,
            preemption_limit=preemptions,
        )
        if digest:
            self._digests.add(digest)
        self._lifecycle.add(job)
        self._lifecycle.submit(job)
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}

    def describe_service_job(self, request: Request) -> Record:
        return self._job(request["jobId"]).describe()

    def list_service_jobs(self, request: Request) -> Record:
        if "jobQueue" not in request:
            raise RequestError("jobQueue must be specified")
        queue = self._queue(request["jobQueue"])
        filters = {**JOB_FILTERS, "QUOTA_SHARE_NAME": JOB_FILTERS["SHARE_IDENTIFIER"]}
        statuses, matches = select(request, SERVICE_STATUSES, filters)
        jobs = self._lifecycle.jobs.of_queue(queue["jobQueueArn"], statuses)
        found, token = page((job for job in jobs if matches(job)), request, PAGE)
        return {"jobSummaryList": [job.summary() for job in found if isinstance(job, ServiceJob)], **token}

    def update_service_job(self, request: Request) -> Record:
        job = self._job(request["jobId"])
        refuse(priority_refusals(request["schedulingPriority"]))
        if job.status in ENDED:
            raise RequestError(f"Service job {job.id} has ended with the status {job.status}.")
        job.priority = request["schedulingPriority"]
        assert job.engine_id is not None
        self._lifecycle.engine.reprioritize(job.engine_id, job.priority)
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}

    def terminate_service_job(self, request: Request) -> Record:
        self._terminate([request["jobId"]], request["reason"])
        return {}

    def terminate_service_jobs(self, request: Request) -> Record:
        ids = request["jobs"]
        check_bulk(ids)
        self._terminate(ids, request["reason"])
        return {"successful": ids, "errors": []}

    def new_attempt(self, job: ServiceJob) -> Attempt:
        """Start a training job."""
        return self.training_jobs.create(job)

    def plan(self, job: ServiceJob) -> tuple[int, Outcome, str]:
        """Return when and how an attempt ends: as its tags say, or at a limit of the job."""
        ends = [(job.run_seconds, Outcome.SUCCEEDED, f"{STATUS_REASON}Completed")]
        if job.failure is not None:
            reason = job.failure if job.failure.startswith(STATUS_REASON) else STATUS_REASON + job.failure
            ends = [(job.run_seconds, self._failure(job, reason), reason)]
        if job.max_seconds is not None:
            ends.append((job.max_seconds, self._failure(job, MAX_RUNTIME_EXCEEDED), MAX_RUNTIME_EXCEEDED))
        if job.timeout_seconds is not None:
            ends.append((job.timeout_seconds, Outcome.REFUSED, _TIMED_OUT))
        return min(ends, key=lambda end: end[0])

    def work(self, job: ServiceJob, attempt: Attempt, runner: Runner) -> TrainingWork:
        """Return the processes of a training job."""
        account_id, region = self._batch.account_id, self._batch.region
        limits = {MAX_RUNTIME_EXCEEDED: job.max_seconds, _TIMED_OUT: job.timeout_seconds}
        return TrainingWork(
            job,
            attempt,
            options=runner.options,
            storage=Storage(account_id, region),
            log_group=LOG_GROUP,
            log_streams=attempt.log_streams,
            environment=lambda: runner.environment(account_id, region),
            milliseconds=runner.milliseconds,
            limits={reason: seconds for reason, seconds in limits.items() if seconds is not None},
        )

    def outcome(self, job: ServiceJob, end: End) -> tuple[Outcome, str]:
        """Return the outcome and the reason of an attempt whose processes have ended."""
        if end.limit:
            return Outcome.REFUSED if end.limit == _TIMED_OUT else self._failure(job, end.limit), end.limit
        if end.exit_code == 0 and not end.reason:
            return Outcome.SUCCEEDED, f"{STATUS_REASON}Completed"
        reason = STATUS_REASON + end.reason
        return self._failure(job, reason), reason

    def ended(self, job: ServiceJob) -> None:
        """Do nothing: no other job waits for a service job."""

    def forgotten(self, job: ServiceJob) -> None:
        """Forget the training jobs and the client token of a job."""
        self.training_jobs.forget(job)
        self._digests.discard(job.digest)

    def stop_training_job(self, name: str) -> bool:
        """Stop a training job, which fails the attempt. Return False if no service job runs as it."""
        found = self.training_jobs.find(name)
        if found is None:
            return False
        job, attempt = found
        if job.attempt is attempt:
            self._lifecycle.fail(job, self._failure(job, STOPPED), STOPPED)
        return True

    def _failure(self, job: ServiceJob, reason: str) -> Outcome:
        return Outcome.FAILED if retries_after(job.retry, {"onStatusReason": reason}) else Outcome.REFUSED

    def _terminate(self, ids: Iterable[str], reason: str) -> None:
        """Terminate jobs. Unknown jobs, and jobs that have ended, are ignored."""
        for id_or_arn in ids:
            job = self._lifecycle.jobs.find(id_or_arn)
            if isinstance(job, ServiceJob) and not job.has_ended:
                self._lifecycle.stop(job, reason)

    def _job(self, id_or_arn: str) -> ServiceJob:
        job = self._lifecycle.jobs.find(id_or_arn)
        if not isinstance(job, ServiceJob):
            raise RequestError(f"Service job {id_or_arn} does not exist")
        return job

    def _queue(self, name_or_arn: str) -> Record:
        queue = get(self._batch.queues, name_or_arn)
        if queue.get("jobQueueType") != "SAGEMAKER_TRAINING":
            raise RequestError(f"Job queue {queue['jobQueueName']} is not of the type SAGEMAKER_TRAINING.")
        return queue
