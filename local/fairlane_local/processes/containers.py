"""Container job of AWS Batch as a process, and a multi-node job as a process for each node."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fairlane_client.checks.overrides import node_owner
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.containers import LOG_GROUP, task
from fairlane_local.batch.jobs.job import Attempt
from fairlane_local.batch.store import Record
from fairlane_local.processes.images import image_directory
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.processes.work import AttemptError, Command, End

_PLACEHOLDER: Final = re.compile(r"Ref::([\w.-]+)")
_ONE_CONTAINER: Final = "jobs with several containers, and jobs on Amazon EKS, cannot run as processes"


class ContainerWork:
    """Attempt of a container job.

    Args:
        job: Container job. An array job has no attempt, its children have.
        attempt: Attempt of the job.
        environment_name: Name of the compute environment.
        options: Options of the processes.
        environment: Function that returns the environment variables of an AWS client, and the files that they name.
        secret: Function that returns the value of a secret or parameter by its name or ARN.
        limits: Time limits in seconds, by their reason.
    """

    def __init__(
        self,
        job: ContainerJob,
        attempt: Attempt,
        *,
        environment_name: str,
        options: ProcessOptions,
        environment: Callable[[], tuple[dict[str, str], dict[str, str]]],
        secret: Callable[[str], str],
        limits: Mapping[str, float],
    ) -> None:
        self._job = job
        self._attempt = attempt
        self._environment_name = environment_name
        self._options = options
        self._environment = environment
        self._secret = secret
        self.limits = limits
        self.notice = options.container_notice
        self.main: int = job.spec.detail["nodeProperties"]["mainNode"] if job.spec.nodes else 0

    def commands(self) -> list[Command]:
        """Return the command of the job, or of each node."""
        return [self._command(node) for node in ([*self._job.nodes] or [None])]

    def prepare(self, roots: Sequence[Path]) -> None:
        """Do nothing: a container reads its data itself."""

    def copy(self, roots: Sequence[Path]) -> None:
        """Do nothing: a container stores its data itself."""

    def collect(self, roots: Sequence[Path], end: End, *, is_stopped: bool) -> End:
        """Return the end of the attempt."""
        return end

    def _command(self, node: int | None) -> Command:
        container = self._container(node)
        own, files = self._environment()
        parameters = self._job.spec.detail["parameters"]
        logs = container.get("logConfiguration", {}).get("options", {})
        given = {item["name"]: item.get("value", "") for item in container.get("environment", [])}
        secrets = {item["name"]: self._secret(item["valueFrom"]) for item in container.get("secrets", [])}
        requirements = {item["type"]: item["value"] for item in container.get("resourceRequirements", [])}
        memory = int(float(requirements.get("MEMORY") or container.get("memory") or self._options.memory_mib))
        words = container.get("command", [])
        command = [_PLACEHOLDER.sub(lambda match: parameters.get(match[1], match[0]), word) for word in words]
        if not command:
            raise AttemptError("the command is empty: a directory that stands for an image has no default command")
        return Command(
            host="localhost" if node is None else f"node-{node}",
            arguments=command,
            environment={**own, **given, **secrets, **self._variables(node)},
            image=image_directory(self._options.images, container["image"]),
            memory_mib=min(memory, self._options.memory_mib),
            log_group=logs.get("awslogs-group", LOG_GROUP),
            log_stream=task(self._attempt, self._job.spec.definition, node)["logStreamName"],
            files=files,
            is_init=container.get("linuxParameters", {}).get("initProcessEnabled", False),
        )

    def _container(self, node: int | None) -> Record:
        detail: Any = self._job.spec.detail
        owner = detail if node is None else node_owner(detail["nodeProperties"], node)
        tasks = owner.get("ecsProperties", {}).get("taskProperties", [])
        containers = [container for task in tasks for container in task["containers"]] or [owner.get("container")]
        if len(containers) > 1 or containers[0] is None:
            raise AttemptError(_ONE_CONTAINER)
        found: Record = containers[0]
        return found

    def _variables(self, node: int | None) -> dict[str, str]:
        """Return the variables that AWS Batch sets."""
        job = self._job
        variables = {
            "AWS_BATCH_JOB_ID": job.id if node is None else f"{job.id}#{node}",
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
            "AWS_BATCH_JQ_NAME": job.queue.rpartition("/")[2],
            "AWS_BATCH_CE_NAME": self._environment_name,
        }
        if job.index is not None and job.parent is not None:
            variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
            variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
        if node is not None:
            variables["AWS_BATCH_JOB_NODE_INDEX"] = str(node)
            variables["AWS_BATCH_JOB_NUM_NODES"] = str(job.spec.nodes)
            variables["AWS_BATCH_JOB_MAIN_NODE_INDEX"] = str(self.main)
            if node != self.main:
                variables["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = "127.0.0.1"
        return variables
