"""Rules of AWS Batch for job definitions of GPU containers. Imports no aws_cdk."""

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
from fairlane.jobs.needs_rules import instance_problems, job_needs, without_tokens
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
_PARAMETER: Final = re.compile(r"Ref::([\w.-]+)")
_FIXED_BYTES: Final = 1_500  # roles, logs, sizes, limits
_SECRET_BYTES: Final = 30
_ARN_BYTES: Final = 150
_VOLUME_BYTES: Final = 300
_DEVICE_BYTES: Final = 150

# AWS Batch gives the address of the main node to the other nodes only. The main node finds its own address.
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
    """Settings of job definitions with one node and with several nodes.

    Args:
        job_definition_name: Name of the job definition, 1 to 128 characters of A-Z, a-z, 0-9, - and _. Job submissions
            use this name.
        image: URI of the image, with a digest or with an immutable tag.
        instance_type: EC2 instance type that GPUs, vCPUs and memory are derived from, for example g5.12xlarge.
        memory_mib: Memory of each container in MiB, 4 or more, including shared memory. Default: the part of the
            instance's memory that belongs to the job's GPUs.
        shared_memory_mib: Size of /dev/shm in MiB, 1 to the memory of the container. Default: half of the memory.
        environment: Environment variables. Names cannot start with AWS_BATCH. All principals that can describe jobs can
            read the values. Default: none.
        secrets: Environment variables from AWS Secrets Manager: a mapping of names to ARNs of secrets. Default: none.
        read: S3 URIs of the prefixes that jobs read from, for example s3://datasets/imagenet/. Each ends with /.
            Default: none.
        write: S3 URIs of the prefixes that jobs write to and read from. Each ends with /. Default: none.
        volumes: Folders of the instance and EFS file systems that containers mount. Default: none.
        retries: Number of attempts, and the failures after which AWS Batch tries again. Default: 3 attempts, with
            retries after Spot reclaims and failed image pulls.
        timeout_seconds: Number of seconds after which AWS Batch stops an attempt, 60 or more. Default: no limit.
        scheduling_priority: Priority of the jobs in their share, 0 to 9,999. Jobs with a higher priority start first. A
            submission can override it. Default: 0.
        tags: Tags of the job definition, at most 50. Default: none.
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
        """Resources of one node. Missing settings default to the part of the instance that belongs to the GPUs."""
        raise NotImplementedError

    @property
    def size(self) -> JobSize:
        """Resources that queues check."""
        raise NotImplementedError

    @property
    def container_command(self) -> Sequence[str]:
        """Command of the container. Empty for the command of the image."""
        raise NotImplementedError

    @property
    def parameter_names(self) -> frozenset[str] | None:
        """Names of the parameters that the command has as `Ref::NAME`. None if the command is unknown at synth."""
        words = self.container_command
        if not isinstance(words, Sequence) or is_token(words) or any(map(is_token, words)):
            return None
        return frozenset(name for word in words for name in _PARAMETER.findall(str(word)))

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of the container."""
        return self.environment

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse."""
        problems = list(self.own_problems())
        yield from problems or self._size_problems()

    def own_problems(self) -> Iterator[Problem]:
        """Yield the problems of single values, and of values that exclude each other."""
        yield from check_name(("job_definition_name",), self.job_definition_name)
        yield from check_text(("image",), self.image, re.compile(r"\S+").fullmatch, "the URI of an image")
        for name, value, lowest in (
            ("memory_mib", self.memory_mib, MIN_MEMORY_MIB),
            ("shared_memory_mib", self.shared_memory_mib, 1),
        ):
            if value is not None:
                yield from check_whole_number((name,), value, lowest, unit="MiB")
        comparable = all(
            isinstance(size, int) and not is_token(size) for size in (self.memory_mib, self.shared_memory_mib)
        )
        if comparable and (self.shared_memory_mib or 0) > (self.memory_mib or 0) >= MIN_MEMORY_MIB:
            allowed = f"at most the memory of the container, {self.memory_mib} MiB"
            yield Problem(("shared_memory_mib",), self.shared_memory_mib, allowed)
        if is_token(self.memory_mib) and self.shared_memory_mib is None:
            yield Problem(("shared_memory_mib",), None, "a size in MiB, because memory_mib is known only at deployment")
        yield from _variable_problems(self.environment, self.secrets)
        if isinstance(self.retries, JobRetries):
            for problem in self.retries.problems():
                yield problem.within("retries")
        else:
            yield Problem(("retries",), self.retries, "a JobRetries")
        if self.timeout_seconds is not None:
            yield from check_whole_number(
                ("timeout_seconds",), self.timeout_seconds, MIN_TIMEOUT_SECONDS, unit="seconds"
            )
        yield from check_whole_number(("scheduling_priority",), self.scheduling_priority, 0, MAX_JOB_PRIORITY)
        yield from check_tags(self.tags)
        yield from training_permission_problems(read=self.read, write=self.write, repositories=(), kms_keys=())
        yield from volume_problems(self.volumes)

    def _size_problems(self) -> Iterator[Problem]:
        """Yield the problems of sizes: shared memory, the policy of the role, and the whole definition."""
        shared, needs = self.shared_memory_mib, self.needs
        if not any(map(is_token, (shared, needs.memory_mib))) and (shared or 0) > needs.memory_mib:
            allowed = f"at most the memory of the container, {needs.memory_mib} MiB"
            yield Problem(("shared_memory_mib",), shared, allowed)
        yield from policy_size_problems(self.read, self.write)
        variables = [{"name": name, "value": value} for name, value in self.environment.items()]
        secrets = [[name, arn if isinstance(arn, str) else "?" * _ARN_BYTES] for name, arn in self.secrets.items()]
        rules = [[rule.on_status_reason, rule.on_reason, rule.on_exit_code] for rule in self.retries.rules]
        volumes = [asdict(volume) for volume in self.volumes]
        rendered = [self.image, list(self.container_command), variables, secrets, rules, volumes]
        # Values that are unknown before rendering, such as roles, logs and limits, count with a margin.
        size = len(json.dumps(rendered, ensure_ascii=False).encode()) + _FIXED_BYTES
        size += _SECRET_BYTES * len(secrets) + _VOLUME_BYTES * len(volumes) + _DEVICE_BYTES * needs.efa
        if size > MAX_DEFINITION_BYTES:
            sentence = (
                f"the job definition has about {size} bytes, with image, command and all other settings, but AWS Batch "
                f"accepts at most {MAX_DEFINITION_BYTES}: move large values to a file in S3"
            )
            yield Problem.relation(("environment",), sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuJobSpec(JobSpec):
    """Job definition of a container on one GPU instance.

    Args:
        instance_type: EC2 instance type that GPUs, vCPUs and memory are derived from, for example g5.12xlarge. Jobs can
            run on other instance types with enough resources. Default: none; then `gpus`, `vcpus` and `memory_mib` are
            required.
        command: Command of the container and its arguments. Default: the command of the image.
        gpus: Number of whole GPUs, 1 to the number of the instance type. Default: all GPUs of the instance type.
        vcpus: Number of vCPUs, 1 or more. Default: the part of the instance's vCPUs that belongs to the job's GPUs.
    """

    command: Sequence[str] = ()
    gpus: int | None = None
    vcpus: int | None = None

    @property
    def needs(self) -> JobNeeds:
        """Resources of the job. Missing settings default to the part of the instance that belongs to the GPUs."""
        return job_needs(self.instance_type, self.gpus, self.vcpus, self.memory_mib)

    @property
    def size(self) -> JobSize:
        """Resources that queues check."""
        return JobSize(needs=without_tokens(self.needs), nodes=1, instance_type=None)

    @property
    def container_command(self) -> Sequence[str]:
        """Command of the container."""
        return self.command

    def own_problems(self) -> Iterator[Problem]:
        """Yield the problems of single values, and of values that exclude each other."""
        yield from JobSpec.own_problems(self)
        yield from check_list(("command",), self.command, str, "the command and its arguments")
        yield from instance_problems(self.gpus, self.instance_type, self.vcpus, self.memory_mib)
        if self.vcpus is not None:
            yield from check_whole_number(("vcpus",), self.vcpus, 1, unit="vCPUs")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiNodeJobSpec(JobSpec):
    """Job definition of containers on several GPU instances, with torchrun on each instance.

    Args:
        instance_type: EC2 instance type of all nodes, for example p5.48xlarge. Each node uses all GPUs of its instance.
            Required.
        memory_mib: Memory of each container in MiB, 4 to the usable memory of the instance type, including shared
            memory. Default: all usable memory.
        script: Script that torchrun runs on each GPU, and its arguments.
        nodes: Number of nodes, 2 to 1,000. Each node has its own instance. A submission can override it.
        efa: True to give the containers the Elastic Fabric Adapter (EFA) interfaces of the instances. The compute
            environments must have `efa`, too. Default: True.
    """

    script: Sequence[str]
    nodes: int
    efa: bool = True

    @property
    def needs(self) -> JobNeeds:
        """Resources of one node, which uses all GPUs of its instance."""
        return job_needs(self.instance_type, None, None, self.memory_mib, efa=self.efa)

    @property
    def size(self) -> JobSize:
        """Resources that queues check."""
        return JobSize(needs=without_tokens(self.needs), nodes=self.nodes, instance_type=self.instance_type)

    @property
    def container_command(self) -> Sequence[str]:
        """Command that runs the script with torchrun on each GPU of each node."""
        return ["/bin/bash", "-c", _RENDEZVOUS, "torchrun", *self.script]

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of the containers."""
        return {**self.environment, GPUS_PER_NODE: str(self.needs.gpus)}

    def own_problems(self) -> Iterator[Problem]:
        """Yield the problems of single values, and of values that exclude each other."""
        instance_type, memory = self.instance_type, self.memory_mib
        yield from JobSpec.own_problems(self)
        yield from check_list(("script",), self.script, str, "the script and its arguments")
        yield from check_whole_number(("nodes",), self.nodes, 2, MAX_NODES, unit="nodes")
        yield from check_flag(("efa",), self.efa)
        if isinstance(self.script, Sequence) and (not self.script or is_token(self.script)):
            suffix = ", known at synth" if is_token(self.script) else ""
            yield Problem(("script",), self.script or None, f"a list of the script and its arguments{suffix}")
        instance = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
        if type_problems := list(check_gpu_instance_type(("instance_type",), instance_type)):
            yield from type_problems
        elif instance is None:
            allowed = "an instance type of Fairlane's catalog, because each node uses all GPUs of its instance"
            yield Problem(("instance_type",), instance_type, allowed)
        yield from efa_job_problems(instance_type, self.efa)
        mappings = [mapping for mapping in (self.environment, self.secrets) if isinstance(mapping, Mapping)]
        if any(GPUS_PER_NODE in mapping for mapping in mappings):
            sentence = f"Fairlane sets {GPUS_PER_NODE} itself: use another name for the variable"
            yield Problem.relation(("environment",), sentence)
        comparable = isinstance(memory, int) and not is_token(memory)
        if instance and comparable and (memory or 0) > instance.usable_memory_mib:
            allowed = f"at most {instance.usable_memory_mib} MiB, the usable memory of a {instance_type}"
            yield Problem(("memory_mib",), memory, allowed)


def _variable_problems(environment: Mapping[str, str], secrets: Mapping[str, object]) -> Iterator[Problem]:
    allowed = "a name of letters, digits and _ that does not start with a digit or with AWS_BATCH, which AWS reserves"
    for name, variables in (("environment", environment), ("secrets", secrets)):
        if not isinstance(variables, Mapping):
            yield Problem((name,), variables, "a mapping of variable names to values")
            continue
        for variable, value in variables.items():
            yield from check_text((name, str(variable)), variable, _VARIABLE.fullmatch, allowed)
            if name == "environment":
                yield from check_text((name, str(variable)), value, lambda _: True, "a text")
            elif isinstance(environment, Mapping) and variable in environment:
                sentence = f"{variable} is in environment and in secrets: remove it from one of them"
                yield Problem.relation((name, str(variable)), sentence)
