"""Training of `examples/toy` in a queue with two shares: a preemption, and a resume from the checkpoint."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console

from fairlane_local.batch.jobs.job import ENDED, RUNNABLE
from fairlane_local.batch.jobs.training_jobs import LOG_GROUP
from fairlane_local.console.tables import log_table, training_table
from fairlane_local.console.toy_image import IMAGE
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import client
from fairlane_local.server.background import queue_locations

_RUNNING: Final = "RUNNING"
_PREEMPTED: Final = f"{RUNNABLE}, preempted"
_QUEUE: Final = "training-demo"
INSTANCES: Final = 2
_TYPE: Final = "ml.g6.xlarge"
_OWNER, _BORROWER = "production", "research"
_STEPS: Final = 240
_OWNER_STEPS: Final = 60
_STEP_SECONDS: Final = 0.05
_TIMEOUT_SECONDS: Final = 90
_POLL_SECONDS: Final = 0.2
_EVENTS: Final = ("stopped ", "resumed ", "trained ")


def print_training(port: int) -> None:
    """Create a queue in the first account and Region with queues, train in it, and print statuses and logs.

    A share borrows the instance of another share, which then takes it back.

    Args:
        port: Port of a local AWS on the real clock, whose jobs run as processes, with the image of the toy.

    Raises:
        LocalAwsError: If a job does not reach its status.
    """
    locations = queue_locations(port)
    if not locations:
        return
    training = _Training(port, *locations[0])
    jobs = [training.submit(_BORROWER, name, _STEPS) for name in ("baseline", "sweep")]
    training.wait(jobs, lambda statuses: statuses == [_RUNNING, _RUNNING])
    at_first = training.wait(jobs, lambda _: all(training.lines(name) for name in ("baseline", "sweep")))
    jobs.append(training.submit(_OWNER, "urgent", _OWNER_STEPS))
    then = training.wait(jobs, lambda statuses: statuses[1:] == [_PREEMPTED, _RUNNING])
    at_end = training.wait(jobs, lambda statuses: all(status in ENDED for status in statuses))
    names, shares = ("baseline", "sweep", "urgent"), (_BORROWER, _BORROWER, _OWNER)
    rows = [*zip(names, shares, [*at_first, ""], then, at_end, strict=True)]
    lines = [
        (name, line) for name in ("sweep", "baseline") for line in training.lines(name) if line.startswith(_EVENTS)
    ]
    title = f"{_QUEUE}: {_BORROWER} borrows an instance, then {_OWNER} needs it"
    console = Console()
    for heading, table in ((title, training_table(rows, _OWNER)), ("Lines of their logs", log_table(lines))):
        console.print(f"\n{heading}", table, sep="\n", style="bold", highlight=False)


class _Training:
    """Queue for two instances, one for each share, and its jobs.

    Args:
        port: Port of the local AWS.
        account_id: Account of the queue.
        region: Region of the queue.
    """

    def __init__(self, port: int, account_id: str, region: str) -> None:
        self._batch = client("batch", port, account_id, region)
        self._logs = client("logs", port, account_id, region)
        client("s3", port, account_id, "us-east-1").create_bucket(Bucket=_QUEUE)
        batch: Any = self._batch
        batch.create_service_environment(
            serviceEnvironmentName=_QUEUE,
            serviceEnvironmentType="SAGEMAKER_TRAINING",
            capacityLimits=[{"maxCapacity": INSTANCES, "capacityUnit": _TYPE}],
        )
        policy = batch.create_scheduling_policy(
            name=_QUEUE, quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"}
        )
        batch.create_job_queue(
            jobQueueName=_QUEUE,
            jobQueueType="SAGEMAKER_TRAINING",
            priority=1,
            schedulingPolicyArn=policy["arn"],
            serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": _QUEUE}],
        )
        for share in (_OWNER, _BORROWER):
            batch.create_quota_share(
                quotaShareName=share,
                jobQueue=_QUEUE,
                capacityLimits=[{"maxCapacity": 1, "capacityUnit": _TYPE}],
                resourceSharingConfiguration={"strategy": "LEND_AND_BORROW", "borrowLimit": 100},
                preemptionConfiguration={"inSharePreemption": "DISABLED"},
            )

    def submit(self, share: str, name: str, steps: int) -> str:
        """Submit a job that trains, and return its ID."""
        payload = {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "ContainerEntrypoint": ["python3", "train.py"]},
            "ResourceConfig": {"InstanceType": _TYPE, "InstanceCount": 1},
            "HyperParameters": {"steps": str(steps), "step-seconds": str(_STEP_SECONDS)},
            "CheckpointConfig": {"S3Uri": f"s3://{_QUEUE}/checkpoints/{name}"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{_QUEUE}/models"},
        }
        response = self._batch.submit_service_job(
            jobName=name,
            jobQueue=_QUEUE,
            quotaShareName=share,
            serviceJobType="SAGEMAKER_TRAINING",
            serviceRequestPayload=json.dumps(payload),
        )
        return str(response["jobId"])

    def statuses(self, jobs: Sequence[str]) -> list[str]:
        """Return the statuses of jobs. A preempted job that waits is marked."""
        found = [self._batch.describe_service_job(jobId=job) for job in jobs]
        return [
            _PREEMPTED if "preemptionSummary" in job and job["status"] == RUNNABLE else job["status"] for job in found
        ]

    def lines(self, name: str) -> list[str]:
        """Return the log lines of all attempts of a job, in their order."""
        found = self._logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"AWSBatch{name}")
        lines: list[str] = []
        for stream in sorted(found["logStreams"], key=lambda stream: stream["creationTime"]):
            events = self._logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in events["events"]]
        return lines

    def wait(self, jobs: Sequence[str], condition: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the statuses of jobs fulfill a condition, and return the statuses.

        Raises:
            LocalAwsError: If they do not in time.
        """
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not condition(statuses := self.statuses(jobs)):
            if time.monotonic() > deadline:
                sentence = f"the jobs of {_QUEUE} take longer than {_TIMEOUT_SECONDS} s"
                raise LocalAwsError(f"{sentence}; their statuses: {', '.join(statuses)}")
            time.sleep(_POLL_SECONDS)
        return statuses
