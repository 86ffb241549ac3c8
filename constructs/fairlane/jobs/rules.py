"""The rules of AWS Batch for job definitions of GPU containers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from fairlane._internal.checks import check_flag, check_list, check_name, check_tags, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_job_problems
from fairlane.capacity.fit import JobSize
from fairlane.catalog import JobNeeds, gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem
from fairlane.jobs.permission_rules import policy_size_problems, training_permission_problems
from fairlane.jobs.retries import DEFAULT_RETRIES, JobRetries
from fairlane.jobs.volumes import EfsVolume, HostVolume, volume_problems
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

MIN_TIMEOUT_SECONDS: Final = 60
MIN_MEMORY_MIB: Final = 4
MAX_NODES: Final = 1000
MAX_DEFINITION_BYTES: Final = 24 * 1024
GPUS_PER_NODE: Final = "FAIRLANE_GPUS_PER_NODE"

_VARIABLE: Final = re.compile(r"(?!AWS_BATCH)[A-Za-z_][A-Za-z0-9_]*")
_REST_BYTES: Final = 1_500  # roles, logs, sizes, limits
_SECRET_BYTES: Final = 30
_ARN_BYTES: Final = 150
_VOLUME_BYTES: Final = 300
_DEVICE_BYTES: Final = 150

# The main node's address is given to the other nodes only; the main node has to look for its own.
_RENDEZVOUS: Final = """\
set -euo pipefail
if [ "$AWS_BATCH_JOB_NODE_INDEX" = "$AWS_BATCH_JOB_MAIN_NODE_INDEX" ]; then
  main=$(hostname -I | awk '{print $1}')
else
  main=$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS
fi
export NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-^lo,docker,ecs}
exec torchrun --nnodes="$AWS_BATCH_JOB_NUM_NODES" --node_rank="$AWS_BATCH_JOB_NODE_INDEX" \\
  --nproc_per_node="$FAIRLANE_GPUS_PER_NODE" --master_addr="$main" --master_port=29500 "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """Settings that job definitions of one node and of several share.

    Args:
        job_definition_name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; people submit it by this name.
        image: URI of the image, by digest or by a tag that does not move.
        instance_type: Instance type that vCPUs and memory are derived from.
        memory_mib: Memory, 4 MiB or more, shared memory included. Default: the part of the instance that belongs to the
            job's GPUs.
        shared_memory_mib: Size of /dev/shm, at most the memory. Default: half of the memory.
        environment: Variables, which whoever describes jobs can read; none may begin with AWS_BATCH.
        secrets: Variables whose values come from AWS Secrets Manager, by the secrets' ARNs.
        read: S3 URIs of prefixes to read from, each with / at the end.
        write: S3 URIs of prefixes to write to and read from, each with / at the end.
        volumes: Folders from outside the container.
        retries: Number of attempts, and after which failures. Default: three, after Spot reclaims and failed image
            pulls.
        timeout_seconds: Seconds after which an attempt is stopped, 60 or more. Default: none.
        scheduling_priority: 0 to 9,999; higher goes first within a share.
        tags: At most 50.
    """

    job_definition_name: str
    image: str
    instance_type: str | None = None
    memory_mib: int | None = None
    shared_memory_mib: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, object] = field(default_factory=dict)
    read: Sequence[str] = ()
    write: Sequence[str] = ()
    volumes: Sequence[HostVolume | EfsVolume] = ()
    retries: JobRetries = DEFAULT_RETRIES
    timeout_seconds: int | None = None
    scheduling_priority: int = 0
    tags: Mapping[str, str] | None = None

    @property
    def needs(self) -> JobNeeds:
        """Return what a node takes: what is said, and for the rest the part of the instance that its GPUs have."""
        raise NotImplementedError

    @property
    def size(self) -> JobSize:
        """Return what queues are checked against."""
        raise NotImplementedError

    @property
    def container_command(self) -> Sequence[str]:
        """Return the container's command; empty for the image's own."""
        raise NotImplementedError

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the container's variables."""
        return self.environment

    def problems(self) -> Iterator[Problem]:
        """Yield every value that AWS would refuse."""
        problems = list(self.own_problems())
        yield from problems or self._size_problems()

    def own_problems(self) -> Iterator[Problem]:
        """Yield every value that is wrong by itself."""
        yield from check_name(("job_definition_name",), self.job_definition_name)
        yield from check_text(("image",), self.image, re.compile(r"\S+").fullmatch, "the URI of an image")
        for name, value, lowest in (
            ("memory_mib", self.memory_mib, MIN_MEMORY_MIB),
            ("shared_memory_mib", self.shared_memory_mib, 1),
        ):
            if value is not None:
                yield from check_whole_number((name,), value, lowest, unit="MiB")
        known = all(isinstance(size, int) and not is_token(size) for size in (self.memory_mib, self.shared_memory_mib))
        if known and (self.shared_memory_mib or 0) > (self.memory_mib or 0) >= MIN_MEMORY_MIB:
            yield Problem(("shared_memory_mib",), self.shared_memory_mib, f"at most the memory, {self.memory_mib} MiB")
        if is_token(self.memory_mib) and self.shared_memory_mib is None:
            yield Problem(("shared_memory_mib",), None, "a size, where memory_mib is known only at deployment")
        yield from _variable_problems(self.environment, self.secrets)
        if isinstance(self.retries, JobRetries):
            for problem in self.retries.problems():
                yield problem.within("retries")
        else:
            yield Problem(("retries",), self.retries, "a JobRetries")
        if self.timeout_seconds is not None:
            yield from check_whole_number(("timeout_seconds",), self.timeout_seconds, MIN_TIMEOUT_SECONDS, unit="seconds")
        yield from check_whole_number(("scheduling_priority",), self.scheduling_priority, 0, MAX_JOB_PRIORITY)
        yield from check_tags(self.tags)
        yield from training_permission_problems(read=self.read, write=self.write, repositories=(), kms_keys=())
        yield from volume_problems(self.volumes)

    def _size_problems(self) -> Iterator[Problem]:
        """Yield what is too large in a definition that is right in all else: for itself, for its role, for AWS."""
        shared, needs = self.shared_memory_mib, self.needs
        if not any(map(is_token, (shared, needs.memory_mib))) and (shared or 0) > needs.memory_mib:
            yield Problem(("shared_memory_mib",), shared, f"at most the memory, {needs.memory_mib} MiB")
        yield from policy_size_problems(self.read, self.write)
        variables = [{"name": name, "value": value} for name, value in self.environment.items()]
        secrets = [[name, arn if isinstance(arn, str) else "?" * _ARN_BYTES] for name, arn in self.secrets.items()]
        rules = [[rule.on_status_reason, rule.on_reason, rule.on_exit_code] for rule in self.retries.rules]
        volumes = [asdict(volume) for volume in self.volumes]
        rendered = [self.image, list(self.container_command), variables, secrets, rules, volumes]
        # A margin for what is not known before it is rendered, such as roles, logs and limits.
        size = len(json.dumps(rendered, ensure_ascii=False).encode()) + _REST_BYTES
        size += _SECRET_BYTES * len(secrets) + _VOLUME_BYTES * len(volumes) + _DEVICE_BYTES * needs.efa
        if size > MAX_DEFINITION_BYTES:
            allowed = f"a definition of at most {MAX_DEFINITION_BYTES} bytes: put what is large into a file in S3"
            yield Problem(("environment",), f"about {size} bytes with image, command and all else", allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuJobSpec(JobSpec):
    """A container that a job runs on a GPU instance.

    Args:
        command: Command of the container. Default: that of the image.
        gpus: Whole GPUs. Default: all of the instance.
        vcpus: Virtual CPUs, 1 or more. Default: the part of the instance that belongs to the job's GPUs.
    """

    command: Sequence[str] = ()
    gpus: int | None = None
    vcpus: int | None = None

    @property
    def needs(self) -> JobNeeds:
        """Return what the job takes: what is said, and for the rest the part of the instance that its GPUs have."""
        return _needs_of(self.instance_type, self.gpus, self.vcpus, self.memory_mib)

    @property
    def size(self) -> JobSize:
        """Return what queues are checked against."""
        return JobSize(needs=_known(self.needs), nodes=1, instance_type=None)

    @property
    def container_command(self) -> Sequence[str]:
        """Return the command."""
        return self.command

    def own_problems(self) -> Iterator[Problem]:
        """Yield every value that is wrong by itself."""
        yield from JobSpec.own_problems(self)
        yield from check_list(("command",), self.command, str, "the command and its arguments")
        yield from _instance_problems(self.gpus, self.instance_type, self.vcpus, self.memory_mib)
        if self.vcpus is not None:
            yield from check_whole_number(("vcpus",), self.vcpus, 1, unit="vCPUs")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiNodeJobSpec(JobSpec):
    """Containers that a job runs on several GPU instances: torchrun on each.

    Args:
        script: Script that torchrun runs on every GPU, and its arguments.
        nodes: Number of instances, 2 to 1,000, unless the job says otherwise.
        efa: Gives the containers the instances' EFA interfaces.
    """

    script: Sequence[str]
    nodes: int
    efa: bool = True

    @property
    def needs(self) -> JobNeeds:
        """Return what a node takes: all GPUs of its instance."""
        return _needs_of(self.instance_type, None, None, self.memory_mib, efa=self.efa)

    @property
    def size(self) -> JobSize:
        """Return what queues are checked against."""
        return JobSize(needs=_known(self.needs), nodes=self.nodes, instance_type=self.instance_type)

    @property
    def container_command(self) -> Sequence[str]:
        """Return the command that runs the script with torchrun on every GPU of every node."""
        return ["/bin/bash", "-c", _RENDEZVOUS, "torchrun", *self.script]

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the containers' variables."""
        return {**self.environment, GPUS_PER_NODE: str(self.needs.gpus)}

    def own_problems(self) -> Iterator[Problem]:
        """Yield every value that is wrong by itself."""
        instance_type, memory = self.instance_type, self.memory_mib
        yield from JobSpec.own_problems(self)
        yield from check_list(("script",), self.script, str, "the command and its arguments")
        yield from check_whole_number(("nodes",), self.nodes, 2, MAX_NODES, unit="nodes")
        yield from check_flag(("efa",), self.efa)
        if isinstance(self.script, Sequence) and (not self.script or is_token(self.script)):
            yield Problem(("script",), self.script or None, "what torchrun runs, known at synth")
        instance = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
        if refused := list(check_gpu_instance_type(("instance_type",), instance_type)):
            yield from refused
        elif instance is None:
            allowed = "a machine that this release knows, as each node has all of its GPUs"
            yield Problem(("instance_type",), instance_type, allowed)
        yield from efa_job_problems(instance_type, self.efa)
        mappings = [some for some in (self.environment, self.secrets) if isinstance(some, Mapping)]
        if any(GPUS_PER_NODE in some for some in mappings):
            yield Problem(("environment",), GPUS_PER_NODE, "another name: Fairlane sets this one itself")
        sized = isinstance(memory, int) and not is_token(memory)
        if instance and sized and (memory or 0) > instance.usable_memory_mib:
            most = f"at most the {instance.usable_memory_mib} MiB that a job can have of a {instance_type}"
            yield Problem(("memory_mib",), memory, most)


def _needs_of(
    instance_type: str | None, gpus: int | None, vcpus: int | None, memory_mib: int | None, *, efa: bool = False
) -> JobNeeds:
    instance = gpu_instance_type(instance_type or "")
    wanted = gpus if gpus is not None else instance.gpus if instance else 1
    part = JobNeeds.part_of(instance, wanted, efa=efa) if instance and not is_token(wanted) else None
    return JobNeeds(
        gpus=wanted,
        vcpus=vcpus if vcpus is not None else part.vcpus if part else 1,
        memory_mib=memory_mib if memory_mib is not None else part.memory_mib if part else 1,
        efa=part.efa if part else 0,
        architecture=instance.architecture if instance else "x86_64",
    )


def _known(needs: JobNeeds) -> JobNeeds | None:
    return None if any(map(is_token, (needs.gpus, needs.vcpus, needs.memory_mib))) else needs


def _variable_problems(environment: Mapping[str, str], secrets: Mapping[str, object]) -> Iterator[Problem]:
    allowed = "letters, digits and _, not beginning with AWS_BATCH, which AWS keeps for itself"
    for name, variables in (("environment", environment), ("secrets", secrets)):
        if not isinstance(variables, Mapping):
            yield Problem((name,), variables, "a mapping of names of variables")
            continue
        for variable, value in variables.items():
            yield from check_text((name, str(variable)), variable, _VARIABLE.fullmatch, allowed)
            if name == "environment":
                yield from check_text((name, str(variable)), value, lambda _: True, "a text")
            elif isinstance(environment, Mapping) and variable in environment:
                yield Problem((name, str(variable)), variable, "a variable that environment does not have as well")


def _instance_problems(
    gpus: int | None, instance_type: str | None, vcpus: int | None, memory_mib: int | None
) -> Iterator[Problem]:
    machine = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    most = machine.gpus if machine else None
    refused = list(check_gpu_instance_type(("instance_type",), instance_type)) if instance_type is not None else []
    yield from refused
    if is_token(gpus):
        yield Problem(("gpus",), gpus, "a number that is known at synth")
    elif gpus is not None:
        yield from check_whole_number(("gpus",), gpus, 1, most, unit=f"GPUs of a {instance_type}" if most else "GPUs")
    if machine is not None or refused:
        return
    if vcpus is None or memory_mib is None:
        got = instance_type if instance_type is None or is_token(instance_type) else f"{instance_type}, not known"
        allowed = "an instance type to work vcpus and memory_mib out from, or both of them"
        yield Problem(("instance_type",), got, allowed)
    elif gpus is None:
        yield Problem(("gpus",), None, "a number, as the machine is not known")
