"""Local AWS whose jobs run as processes, with its queues, jobs and logs."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import Any

from moto.logs.models import logs_backends

from fairlane_local import LocalAws, client
from fairlane_local.batch.api import batch_api
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.jobs.training_jobs import LOG_GROUP
from tests.fairlane_local.batch.jobs import containers, support
from tests.fairlane_local.batch.support import ACCOUNT

DEADLINE = 600  # seconds, so that a hang is a failure
REGION = "us-east-1"


@dataclass
class Here:
    """Local AWS of a test.

    Attributes:
        aws: Local AWS.
        changed: Condition that is notified when a job or a log stream may have changed.
    """

    aws: LocalAws
    changed: Condition

    def client(self, service: str) -> Any:
        return client(service, self.aws.port, ACCOUNT, REGION)

    def train(self, script: str, *, queue: str = "", language: str = "bash", **members: Any) -> Job:
        """Submit a training job that runs a script, and return the job."""
        request = {name: members.pop(name) for name in ("retryStrategy", "timeoutConfig") if name in members}
        instances = members.pop("instances", 1)
        entrypoint = {"bash": ["bash", "-c", script], "python": ["python3", "-c", script]}[language]
        algorithm = {"TrainingImage": "train", "ContainerEntrypoint": entrypoint}
        payload = support.payload(instances, **({"AlgorithmSpecification": algorithm} | members))
        batch = self.client("batch")
        queue = queue or support.fifo_queue(batch, 4)
        return self.job(support.submit(batch, queue, run=None, serviceRequestPayload=payload, **request))

    def container(self, command: list[str], definition: dict[str, Any] | None = None, **request: Any) -> Job:
        """Submit a container job with a command, and return the job."""
        batch = self.client("batch")
        requirements = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
        container = {"image": "train:1", "command": command, "resourceRequirements": requirements}
        queue = containers.fifo_queue(
            batch, 4, containerProperties=containers.one_vcpu(**(container)) | (definition or {})
        )
        return self.job(containers.submit(batch, queue, run=None, **request))

    def job(self, identifier: str) -> Job:
        job = batch_api(ACCOUNT, REGION).lifecycle.jobs.find(identifier)
        assert job is not None
        return job

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true."""
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), "the condition did not become true"

    def ended(self, job: Job) -> Job:
        """Wait for the end of a job, and return it."""
        self.until(lambda: job.has_ended)
        return job

    def lines(self, group: str = LOG_GROUP) -> dict[str, list[str]]:
        """Return the messages of the log streams of a group, by the name of the stream."""
        found = logs_backends[ACCOUNT][REGION].groups.get(group)
        streams = found.streams if found else {}
        return {name: [event.message for event in stream.events] for name, stream in list(streams.items())}

    def output(self, group: str = LOG_GROUP) -> list[str]:
        """Return the messages of all log streams of a group."""
        return [line for lines in self.lines(group).values() for line in lines]
