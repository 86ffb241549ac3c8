"""Jobs as processes of the local AWS, compared with the same commands that are started by hand.

Run it on an idle computer, in the virtual environment of this repository.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Event
from typing import Any, Final

from fairlane_local import LocalAws, client
from fairlane_local.batch.jobs.containers import LOG_GROUP
from fairlane_local.batch.jobs.job import Attempt, Job
from fairlane_local.batch.jobs.lifecycle import Lifecycle
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.processes.options import ProcessOptions

_ACCOUNT: Final = "123456789012"
_REGION: Final = "us-east-1"
_FIRST_LINE: Final = ["python3", "-c", "import time; print(time.time())"]
_SHORT: Final = ["python3", "-c", "sum(range(1_000_000))"]
_STARTS, _JOBS = 9, 100
_MAX_SECONDS: Final = 0.3


def by_hand(command: list[str]) -> str:
    """Run a command, and return its output."""
    return subprocess.run([sys.executable, *command[1:]], stdout=subprocess.PIPE, text=True, check=True).stdout


class Queue:
    """Queue of a local AWS with a job definition.

    Args:
        aws: Local AWS.
    """

    def __init__(self, aws: LocalAws) -> None:
        self.batch: Any = client("batch", aws.port, _ACCOUNT, _REGION)
        self.logs: Any = client("logs", aws.port, _ACCOUNT, _REGION)
        resources = {"type": "FARGATE", "maxvCpus": 256, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
        self.batch.create_compute_environment(computeEnvironmentName="here", type="MANAGED", computeResources=resources)
        order = [{"order": 1, "computeEnvironment": "here"}]
        self.batch.create_job_queue(jobQueueName="here", priority=1, computeEnvironmentOrder=order)
        container = {
            "image": "here",
            "executionRoleArn": f"arn:aws:iam::{_ACCOUNT}:role/execution",
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
        }
        self.batch.register_job_definition(
            jobDefinitionName="here", type="container", platformCapabilities=["FARGATE"], containerProperties=container
        )

    def run(self, command: list[str], **request: Any) -> str:
        """Submit a job, wait for its success, and return its identifier."""
        overrides = {"command": command}
        job = self.batch.submit_job(
            jobName="job", jobQueue="here", jobDefinition="here", containerOverrides=overrides, **request
        )["jobId"]
        while (status := self._status(job)) != "SUCCEEDED":
            if status == "FAILED":
                raise RuntimeError(f"the job failed: {self.batch.describe_jobs(jobs=[job])['jobs']}")
            Event().wait(0.02)
        return str(job)

    def output(self, job: str) -> str:
        """Return the first line of a job."""
        stream = self.batch.describe_jobs(jobs=[job])["jobs"][0]["container"]["logStreamName"]
        events = self.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True)["events"]
        return str(events[0]["message"])

    def _status(self, job: str) -> str:
        return str(self.batch.describe_jobs(jobs=[job])["jobs"][0]["status"])


def seconds(work: Callable[[], object]) -> float:
    """Return the number of seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Print the times. The exit code is 1 if the first line comes too late."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    running: list[float] = []
    begin = Lifecycle.begin

    def timed(self: Lifecycle, job: Job, attempt: Attempt) -> None:
        begin(self, job, attempt)
        running.append(time.time())

    Lifecycle.begin = timed  # type: ignore[method-assign]
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as image:
        options = JobOptions(throttle=False, processes=ProcessOptions(images={"here": image}))
        with LocalAws(options=options) as aws:
            queue = Queue(aws)
            hand, server = [], []
            for _ in range(_STARTS):
                start = time.time()
                hand.append(float(by_hand(_FIRST_LINE)) - start)
                server.append(float(queue.output(queue.run(_FIRST_LINE))) - running[-1])
            print(f"start to first line by hand:    {median(hand) * 1000:6.0f} ms")
            print(f"RUNNING to first line:          {median(server) * 1000:6.0f} ms")
            difference = median(server) - median(hand)
            print(f"difference (at most {_MAX_SECONDS * 1000:.0f} ms):    {difference * 1000:6.0f} ms")
            with ThreadPoolExecutor(cores) as pool:
                plain = seconds(lambda: list(pool.map(by_hand, [_SHORT] * _JOBS)))
            jobs = seconds(lambda: queue.run(_SHORT, arrayProperties={"size": _JOBS}))
            print(f"{_JOBS} short commands, {cores} at a time: {plain:6.1f} s")
            print(f"{_JOBS} container jobs:             {jobs:6.1f} s, {jobs / plain:.1f} times as long")
    return int(difference > _MAX_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
