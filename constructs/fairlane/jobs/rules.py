"""The rules of AWS Batch for job definitions of GPU containers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final, TypedDict, Unpack

from fairlane._internal.checks import check_flag, check_list, check_name, check_tags, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.catalog import JobNeeds, gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem
from fairlane.jobs.permission_rules import policy_size_problems, training_permission_problems
from fairlane.jobs.retries import JobRetries
from fairlane.jobs.volumes import EfsVolume, HostVolume, volume_problems

MIN_TIMEOUT_SECONDS: Final = 60
MAX_JOB_PRIORITY: Final = 9999
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


class JobArguments(TypedDict):
    """What job definitions of one node and of several take alike; as for `GpuJobDefinition`."""

    job_definition_name: str
    image: str
    instance_type: str | None
    memory_mib: int | None
    shared_memory_mib: int | None
    environment: Mapping[str, str]
    secrets: Mapping[str, object]
    read: Sequence[str]
    write: Sequence[str]
    volumes: Sequence[EfsVolume | HostVolume]
    retries: JobRetries
    timeout_seconds: int | None
    scheduling_priority: int
    tags: Mapping[str, str] | None


def rendezvous(script: Sequence[str]) -> list[str]:
    """The command that runs a script with torchrun on every GPU of every node."""
    return ["/bin/bash", "-c", _RENDEZVOUS, "torchrun", *script]


def needs_of(
    instance_type: str | None, gpus: int | None, vcpus: int | None, memory_mib: int | None, *, efa: bool = False
) -> JobNeeds:
    """What a job takes: what is said, and for the rest the part of the machine that belongs to its GPUs."""
    machine = gpu_instance_type(instance_type or "")
    wanted = gpus if gpus is not None else machine.gpus if machine else 1
    part = JobNeeds.part_of(machine, wanted, efa=efa) if machine and not is_token(wanted) else None
    return JobNeeds(
        gpus=wanted,
        vcpus=vcpus if vcpus is not None else part.vcpus if part else 1,
        memory_mib=memory_mib if memory_mib is not None else part.memory_mib if part else 1,
        efa=part.efa if part else 0,
        architecture=machine.architecture if machine else "x86_64",
    )


def known(needs: JobNeeds) -> JobNeeds | None:
    """What a job takes, if that is known at synth."""
    return None if any(map(is_token, (needs.gpus, needs.vcpus, needs.memory_mib))) else needs


def gpu_job_problems(
    *, command: Sequence[str], gpus: int | None, vcpus: int | None, **rest: Unpack[JobArguments]
) -> Iterator[Problem]:
    """Yields every mistake of a job definition of one node; arguments as for `GpuJobDefinition`."""
    problems = [*_problems(command, gpus, vcpus, rest)]
    needs = needs_of(rest["instance_type"], gpus, vcpus, rest["memory_mib"]) if not problems else None
    yield from problems or _size_problems(command, needs, rest)


def multi_node_job_problems(
    *, script: Sequence[str], nodes: int, efa: bool, **rest: Unpack[JobArguments]
) -> Iterator[Problem]:
    """Yields every mistake of a job definition of several; arguments as for `MultiNodeGpuJobDefinition`."""
    instance_type = rest["instance_type"]
    machine = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    problems = [
        replace(problem, field=("script",)) if problem.field == ("command",) else problem
        for problem in _problems(script, None, None, rest)
    ]
    problems += [*check_whole_number(("nodes",), nodes, 2, MAX_NODES, of="nodes"), *check_flag(("efa",), efa)]
    if isinstance(script, Sequence) and (not script or is_token(script)):
        problems.append(Problem(("script",), script or None, "what torchrun runs, known at synth"))
    if machine is None and not any(check_gpu_instance_type((), instance_type)):
        problems = [problem for problem in problems if problem.field != ("instance_type",)]
        allowed = "a machine that this release knows, as each node has all of its GPUs"
        problems.append(Problem(("instance_type",), instance_type, allowed))
    if machine and efa is True and not machine.efa_cards:
        problems.append(Problem(("efa",), efa, f"False, as {instance_type} has no EFA"))
    if GPUS_PER_NODE in {*rest["environment"], *rest["secrets"]}:
        problems.append(Problem(("environment",), GPUS_PER_NODE, "another name: Fairlane sets this one itself"))
    memory = rest["memory_mib"]
    if machine and memory is not None and not is_token(memory) and memory > machine.usable_memory_mib:
        most = f"at most the {machine.usable_memory_mib} MiB that a job can have of a {instance_type}"
        problems.append(Problem(("memory_mib",), memory, most))
    needs = needs_of(instance_type, None, None, memory, efa=efa) if not problems else None
    yield from problems or _size_problems(rendezvous(script), needs, rest)


def _problems(command: Sequence[str], gpus: int | None, vcpus: int | None, job: JobArguments) -> Iterator[Problem]:
    memory_mib, shared_memory_mib = job["memory_mib"], job["shared_memory_mib"]
    yield from check_name(("job_definition_name",), job["job_definition_name"])
    yield from check_text(("image",), job["image"], re.compile(r"\S+").fullmatch, "the URI of an image")
    yield from check_list(("command",), command, str, "the command and its arguments")
    yield from _machine_problems(gpus, job["instance_type"], vcpus, memory_mib)
    for name, value, lowest, of in (
        ("vcpus", vcpus, 1, "vCPUs"),
        ("memory_mib", memory_mib, MIN_MEMORY_MIB, "MiB"),
        ("shared_memory_mib", shared_memory_mib, 1, "MiB"),
    ):
        if value is not None:
            yield from check_whole_number((name,), value, lowest, of=of)
    known_sizes = all(isinstance(size, int) and not is_token(size) for size in (memory_mib, shared_memory_mib))
    if known_sizes and (shared_memory_mib or 0) > (memory_mib or 0) >= MIN_MEMORY_MIB:
        yield Problem(("shared_memory_mib",), shared_memory_mib, f"at most the memory, {memory_mib} MiB")
    if is_token(memory_mib) and shared_memory_mib is None:
        yield Problem(("shared_memory_mib",), None, "a size, where memory_mib is known only at deployment")
    yield from _variable_problems(job["environment"], job["secrets"])
    if isinstance(job["retries"], JobRetries):
        for problem in job["retries"].problems():
            yield problem.within("retries")
    else:
        yield Problem(("retries",), job["retries"], "a JobRetries")
    if job["timeout_seconds"] is not None:
        yield from check_whole_number(("timeout_seconds",), job["timeout_seconds"], MIN_TIMEOUT_SECONDS, of="seconds")
    yield from check_whole_number(("scheduling_priority",), job["scheduling_priority"], 0, MAX_JOB_PRIORITY)
    yield from check_tags(job["tags"])
    yield from training_permission_problems(read=job["read"], write=job["write"], repositories=(), kms_keys=())
    yield from volume_problems(job["volumes"])


def _size_problems(command: Sequence[str], needs: JobNeeds | None, job: JobArguments) -> Iterator[Problem]:
    """Yields what is too large in a definition that is right in all else: for itself, for its role, for AWS."""
    shared = job["shared_memory_mib"]
    if needs and not any(map(is_token, (shared, needs.memory_mib))) and (shared or 0) > needs.memory_mib:
        yield Problem(("shared_memory_mib",), shared, f"at most the memory, {needs.memory_mib} MiB")
    yield from policy_size_problems(job["read"], job["write"])
    variables = [{"name": name, "value": value} for name, value in job["environment"].items()]
    secrets = [[name, arn if isinstance(arn, str) else "?" * _ARN_BYTES] for name, arn in job["secrets"].items()]
    rules = [[rule.on_status_reason, rule.on_reason, rule.on_exit_code] for rule in job["retries"].rules]
    told = [job["image"], list(command), variables, secrets, rules, [asdict(volume) for volume in job["volumes"]]]
    # A margin for what is not known before it is rendered, such as roles, logs and limits.
    size = len(json.dumps(told, ensure_ascii=False).encode()) + _REST_BYTES
    size += (
        _SECRET_BYTES * len(secrets) + _VOLUME_BYTES * len(job["volumes"]) + _DEVICE_BYTES * (needs.efa if needs else 0)
    )
    if size > MAX_DEFINITION_BYTES:
        allowed = f"a definition of at most {MAX_DEFINITION_BYTES} bytes: put what is large into a file in S3"
        yield Problem(("environment",), f"about {size} bytes with image, command and all else", allowed)


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


def _machine_problems(
    gpus: int | None, instance_type: str | None, vcpus: int | None, memory_mib: int | None
) -> Iterator[Problem]:
    machine = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    most = machine.gpus if machine else None
    refused = list(check_gpu_instance_type(("instance_type",), instance_type)) if instance_type is not None else []
    yield from refused
    if is_token(gpus):
        yield Problem(("gpus",), gpus, "a number that is known at synth")
    elif gpus is not None:
        yield from check_whole_number(("gpus",), gpus, 1, most, of=f"GPUs of a {instance_type}" if most else "GPUs")
    if machine is not None or refused:
        return
    if vcpus is None or memory_mib is None:
        got = instance_type if instance_type is None or is_token(instance_type) else f"{instance_type}, not known"
        allowed = "an instance type to work vcpus and memory_mib out from, or both of them"
        yield Problem(("instance_type",), got, allowed)
    elif gpus is None:
        yield Problem(("gpus",), None, "a number, as the machine is not known")
