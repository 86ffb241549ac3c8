"""Local AWS Batch of a test."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, overload

import boto3
import pytest
from moto.events.models import events_backends

from fairlane.environment import load_environment
from fairlane.scheduler import hours
from fairlane_local.batch.api import batch_api, queue_locations
from fairlane_local.batch.errors import BatchError
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.batch.jobs.queue_jobs import find_queue, jobs_of, wait_texts
from fairlane_local.batch.jobs.simulation_tags import RUN_SECONDS
from fairlane_local.batch.store import Record, get
from fairlane_local.clock import Clock
from fairlane_local.console.cdk_deployment import deploy_app
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import ACCOUNT_ID, client, function_environment
from fairlane_local.server.local_aws import LocalAws
from fairlane_local.testing.environment_file import deploy_environment
from fairlane_local.testing.local_job import LocalJob

_REGION = "us-east-1"
_ARCHIVE = "local-batch-events"
_MAX_WAITS = 5
"""Maximum number of waiting jobs in an error."""


class LocalBatch:
    """Local AWS with a manual clock and without throttling. The fixture `local_batch` returns a new one for each test.

    Nothing happens between the calls of a test: `advance` and `until` move the clock, and jobs start and end meanwhile.
    During the test, the AWS environment variables are those of the local AWS, so that the code under test reaches no
    other AWS.
    """

    def __init__(self, aws: LocalAws, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._aws = aws
        self._timeline = aws.timeline
        self._directory = directory
        self._monkeypatch = monkeypatch
        self._locations: dict[tuple[str, str], None] = {}
        self._submitted = 0
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        self._use([(ACCOUNT_ID, _REGION)])

    @property
    def now(self) -> int:
        """Seconds since the start of the test, by the clock of the local AWS."""
        return self._timeline.second

    def deploy(self, path: str | Path, *, context: Mapping[str, str] | None = None) -> None:
        """Deploy an environment file or a CDK app.

        Of an environment file, the queues are created, with their shares, policies, service environments and compute
        environments. Neither the CDK nor Node.js is needed. A CDK app is deployed as a whole by the CDK CLI.

        Args:
            path: Environment file, or folder of a CDK app. Relative paths start at the root directory of pytest.
            context: Context values of the CDK app, for example `{"environment": "example"}`. Default: none.

        Raises:
            ConfigurationError: If the environment file has mistakes.
            LocalAwsError: If the deployment fails.
        """
        target = self._directory / path
        if target.is_dir():
            with warnings.catch_warnings():  # moto's warnings must not become errors of its responses
                warnings.simplefilter("default")
                deploy_app(target, context or {}, endpoint_url=self._aws.endpoint_url)
            self._use(queue_locations())
            return
        if context:
            raise LocalAwsError(f"{path} is not a folder with a CDK app: context applies to CDK apps only")
        environment = load_environment(target)
        account_id = environment.account or ACCOUNT_ID
        self._use([(account_id, region) for region in environment.by_region()])
        try:
            deploy_environment(environment, account_id)
        except BatchError as error:
            raise LocalAwsError(f"{path}: {error.message}") from error

    def submit(
        self,
        queue: str,
        *,
        share: str = "",
        instances: int = 1,
        instance_type: str | None = None,
        run: int = 60,
        priority: int | None = None,
        name: str | None = None,
    ) -> LocalJob:
        """Submit a training job to a queue, as SubmitServiceJob does.

        Args:
            queue: Name or ARN of a queue for SageMaker training jobs.
            share: Share identifier or quota share. A FIFO queue has none. Default: none.
            instances: Number of instances, 1 or more. Default: 1.
            instance_type: Instance type. Default: the only instance type of the queue.
            run: Number of seconds that each attempt runs, 1 or more. Default: 60.
            priority: Scheduling priority, 0 to 9999. Default: none.
            name: Name of the job. Default: `job-` and a number.

        Returns:
            Job, whose attributes always have the current values.

        Raises:
            LocalAwsError: If the queue does not exist, or if AWS Batch would refuse the job.
        """
        api, record = find_queue(queue)
        if record["jobQueueType"] != "SAGEMAKER_TRAINING":
            raise LocalAwsError(f"{queue} is a queue for containers: use client('batch').submit_job")
        policy = api.batch.policies.get(record.get("schedulingPolicyArn", ""), {})
        self._submitted += 1
        config = {"InstanceCount": instances, "InstanceType": instance_type or _instance_type(api.batch, record)}
        request = {
            "jobName": f"job-{self._submitted}" if name is None else name,
            "jobQueue": record["jobQueueArn"],
            "serviceJobType": "SAGEMAKER_TRAINING",
            "serviceRequestPayload": json.dumps({"ResourceConfig": config}),
            "tags": {RUN_SECONDS: str(run)},
            **({"quotaShareName" if "quotaSharePolicy" in policy else "shareIdentifier": share} if share else {}),
            **({} if priority is None else {"schedulingPriority": priority}),
        }
        try:
            job_id = api.call("SubmitServiceJob", request)["jobId"]
        except BatchError as error:
            raise LocalAwsError(f"{queue}: {error.message}") from error
        job = api.lifecycle.jobs.find(job_id)
        assert job is not None
        return LocalJob(job, api, self._timeline.clock.start)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. `fairlane.scheduler` has `minutes` and `hours`.

        Raises:
            LocalAwsError: If the number is negative.
        """
        self._timeline.advance(seconds)

    @overload
    def until(self, condition: Callable[[], object], *, limit: float = ...) -> None: ...
    @overload
    def until(self, condition: LocalJob, status: str, *, limit: float = ...) -> None: ...
    def until(
        self, condition: Callable[[], object] | LocalJob, status: str | None = None, *, limit: float = hours(24)
    ) -> None:
        """Move the clock forward until a condition is true, or until a job has a status.

        The condition is checked now, and after each second in which something happens.

        Args:
            condition: Function without arguments that returns true or false, or a job.
            status: Status of the job, for example `RUNNING`.
            limit: Maximum number of seconds. Default: 86,400, which is a day.

        Raises:
            LocalAwsError: If the condition is not true within the limit, with the reason why jobs wait.
        """
        job = condition if isinstance(condition, LocalJob) else None
        is_true = condition if callable(condition) else lambda: condition.status == status
        end = self.now + limit
        self._timeline.settle()
        while not is_true():
            if self.now >= end or (job is not None and job.end is not None):
                raise LocalAwsError(_not_reached(job, status, limit) if job else self._not_true(limit))
            moment = self._timeline.next_moment()
            target = end if moment is None else min(end, max(moment, self.now + 1))
            self._timeline.advance(target - self._timeline.clock.elapsed())

    def jobs(self, queue: str) -> list[LocalJob]:
        """Return the jobs of a queue in the order of their submission, whoever submitted them.

        Args:
            queue: Name or ARN of the queue.

        Raises:
            LocalAwsError: If the queue does not exist.
        """
        api, record = find_queue(queue)
        return [LocalJob(job, api, self._timeline.clock.start) for job in reversed(jobs_of(api, record))]

    def events(self) -> list[dict[str, Any]]:
        """Return the events of AWS Batch on the default event buses, in order, as targets of a rule receive them."""
        buses = [events_backends[account_id][region] for account_id, region in self._locations]
        events = [dict(event) for bus in buses for event in bus.archives[_ARCHIVE].events]
        return sorted(events, key=itemgetter("time"))

    def client(self, service: str, *, region: str | None = None) -> Any:
        """Return a boto3 client of a service of the local AWS.

        Args:
            service: Name of the service, for example `batch`.
            region: Region of the client. Default: the first Region of the latest deployment, or else us-east-1.
        """
        account_id, home = self._location
        return client(service, self._aws.port, account_id, region or home)

    def _use(self, locations: list[tuple[str, str]]) -> None:
        """Record the events of accounts and Regions, and set the environment variables of the first one."""
        for account_id, region in locations:
            batch_api(account_id, region)
            if (account_id, region) not in self._locations:
                bus = events_backends[account_id][region]
                bus.create_archive(
                    name=_ARCHIVE,
                    source_arn=bus.describe_event_bus("default").arn,
                    description="",
                    event_pattern=json.dumps({"source": ["aws.batch"]}),
                    retention="0",
                )
                self._locations[account_id, region] = None
        for location in locations[:1]:
            self._location = location
            self._set_variables(function_environment(self._aws.port, *location))

    def _set_variables(self, variables: Mapping[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_") and name not in variables]:
            self._monkeypatch.delenv(name)
        for name, value in variables.items():
            if os.environ.get(name) != value:
                self._monkeypatch.setenv(name, value)

    def _not_true(self, limit: float) -> str:
        waits = []
        for location in self._locations:
            api = batch_api(*location)
            jobs = [job for queue in api.batch.queues.values() for job in reversed(jobs_of(api, queue))]
            texts = wait_texts(api, jobs)
            waits += [f"{job.name} waits: {texts[job.id]}" for job in jobs if job.id in texts]
        more = [f"{len(waits) - _MAX_WAITS} more jobs wait"] if len(waits) > _MAX_WAITS else []
        listed = [*waits[:_MAX_WAITS], *more] or ["no job waits"]
        return "; ".join([f"the condition is not true after {limit:g} seconds", *listed])


def _not_reached(job: LocalJob, status: str | None, limit: float) -> str:
    if job.end is not None:
        return f"job {job.name} ended with the status {job.status} and not {status}: {job.reason}"
    reason = job.wait_reason or job.reason
    return f"job {job.name} has the status {job.status} after {limit:g} seconds and not {status}" + (
        f": {reason}" if reason else ""
    )


def _instance_type(batch: Any, queue: Record) -> str:
    """Return the only instance type of a queue. Any instance type for a queue that counts instances."""
    environments = [order["serviceEnvironment"] for order in queue["serviceEnvironmentOrder"]]
    limits = [limit for name in environments for limit in get(batch.service_environments, name)["capacityLimits"]]
    units = sorted({limit["capacityUnit"] for limit in limits})
    if len(units) > 1:
        choices = " or ".join(units)
        raise LocalAwsError(f"{queue['jobQueueName']} has several instance types: set instance_type to {choices}")
    return str(units[0]) if units[0].startswith("ml.") else "ml.m5.large"


@contextmanager
def start_local_batch(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBatch]:
    """Start a local AWS Batch, and stop it afterwards.

    Args:
        directory: Directory at which the paths of deployments start.
        monkeypatch: Fixture that restores the environment variables.
    """
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        yield LocalBatch(aws, directory, monkeypatch)
