"""ECS tasks that container jobs run as, with their log streams. No task exists."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from moto.utilities.utils import get_partition

from fairlane_local.batch.jobs.job import Attempt
from fairlane_local.batch.jobs.log_streams import LogStreams
from fairlane_local.batch.store import Batch, Record, get

LOG_GROUP: Final = "/aws/batch/job"
_LOG_PREFIX: Final = 200
"""Characters of the name of a job definition that are in the name of a log stream."""


class Containers:
    """ECS tasks of one account and Region.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._log_streams = LogStreams(batch, LOG_GROUP)

    def create(self, queue: str, definition: str, nodes: int) -> Attempt:
        """Create the log streams of a job that starts, and return its attempt.

        The cluster is the one of the queue's first compute environment: the model does not place jobs on instances.

        Args:
            queue: ARN of the queue.
            definition: ARN of the job definition.
            nodes: Number of nodes of a multi-node job. 0 for other jobs.
        """
        batch = self._batch
        order = batch.queues[queue]["computeEnvironmentOrder"][0]
        environment = get(batch.compute_environments, order["computeEnvironment"])
        cluster = environment.get("ecsClusterArn", "").rpartition("/")[2] or environment["computeEnvironmentName"]
        prefix = f"arn:{get_partition(batch.region)}:ecs:{batch.region}:{batch.account_id}:task/{cluster}/"
        attempt = Attempt(resource=prefix + uuid4().hex)
        indexes = range(nodes) if nodes else [None]
        self._log_streams.create(attempt, [task(attempt, definition, node)["logStreamName"] for node in indexes])
        return attempt

    def forget(self, attempts: Iterable[Attempt]) -> None:
        """Delete the log streams of attempts."""
        self._log_streams.forget(attempts)


def task(attempt: Attempt, definition: str, node: int | None = None) -> Record:
    """Return the task of an attempt: its ARN, container instance and log stream.

    Args:
        attempt: Attempt of a job.
        definition: ARN of the job definition.
        node: Index of the node of a multi-node job.
    """
    prefix, _, identifier = attempt.resource.rpartition("/")
    if node is not None:
        identifier = _hash(f"{identifier}#{node}")
    name = definition.rpartition("/")[2].rpartition(":")[0]
    instance = prefix.replace(":task/", ":container-instance/")
    return {
        "containerInstanceArn": f"{instance}/{_hash(f'instance {identifier}')}",
        "taskArn": f"{prefix}/{identifier}",
        "logStreamName": f"{name[:_LOG_PREFIX]}/default/{identifier}",
    }


def describe_attempt(attempt: Attempt, definition: str, names: list[str], node: int | None = None) -> Record:
    """Return an attempt as DescribeJobs describes it.

    Args:
        attempt: Attempt that has ended.
        definition: ARN of the job definition.
        names: Names of the containers of a job with several containers.
        node: Index of the node of a multi-node job.
    """
    times = {"startedAt": attempt.started, "stoppedAt": attempt.stopped}
    described: Record = {name: value for name, value in times.items() if value is not None}
    container = {**task(attempt, definition, node), **exit_members(attempt)}
    if names:
        members = {name: container[name] for name in ("containerInstanceArn", "taskArn")}
        described["taskProperties"] = [{**members, "containers": [*_containers(container, names)]}]
    else:
        described["container"] = {**container, "networkInterfaces": []}
    return {**described, "statusReason": attempt.reason}


def exit_members(attempt: Attempt) -> Record:
    """Return the exit code of the container of an attempt that has ended, and ECS's reason."""
    if attempt.stopped is None:
        return {}
    members: dict[str, Any] = {"exitCode": attempt.exit_code, "reason": attempt.container_reason or None}
    return {name: value for name, value in members.items() if value is not None}


def _containers(container: Record, names: list[str]) -> Iterator[Record]:
    for name in names:
        yield {
            "name": name,
            **{key: container[key] for key in ("exitCode", "reason", "logStreamName") if key in container},
            "networkInterfaces": [],
        }


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
