"""Container jobs that can never start: GPUs, vCPUs, memory, EFA and architecture against the compute environments."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane.capacity.fit import NO_NODES_ON_SPOT, JobSize, fit_problems
from fairlane.capacity.rules import ComputeEnvironmentSpec
from fairlane.catalog import JobNeeds, gpu_instance_type, gpu_instance_types
from fairlane.errors import Path, Problem
from fairlane.scheduler import WaitReason
from fairlane.scheduling import TimeLimitReason
from fairlane_client.checks.overrides import node_counts, vcpus
from fairlane_client.checks.placement import disabled_problem, fate_of, limit_text, permanent_wait
from fairlane_client.queues.queue import VCPU, Queue, QueueEnvironment

_EFA_DEVICE: Final = "/dev/infiniband/uverbs"
_ARCHITECTURES: Final = {"X86_64": "x86_64", "ARM64": "arm64"}
_FIELD: Final[Path] = ("jobDefinition",)


def container_placement_problems(queue: Queue, share: str, properties: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the reasons why a container job can never start.

    A job fits if one compute environment has room for it. An instance type that Fairlane's catalog does not have
    counts as large enough. Pods on Amazon EKS are compared by their CPUs only.

    Args:
        queue: Queue of the job.
        share: Share identifier. Empty in a queue without shares.
        properties: Containers or nodes of the job, with its overrides.
    """
    nodes = node_counts(properties["nodeProperties"]) if "nodeProperties" in properties else []
    total = sum(count * vcpus(item) for item, count in nodes) if nodes else vcpus(properties)
    reason = permanent_wait(queue, share, total)
    if reason is WaitReason.DISABLED:
        yield disabled_problem(queue)
        return
    if reason is not None:
        most = max(environment.capacity.get(VCPU, 0) for environment in queue.environments)
        sentence = f"the job needs {total} vCPUs and the largest compute environment has {most}: use a smaller job"
        yield Problem.relation(_FIELD, f"{sentence}{fate_of(queue, reason)}")
        return
    items: list[Mapping[str, Any]] = [item for item, _ in nodes]
    for item in items or [properties]:
        unfit = {
            environment.name: [*_unfit(environment, item, multi_node=bool(nodes))]
            for environment in queue.environments
            if environment.is_enabled
        }
        if all(unfit.values()):
            end = limit_text(queue, TimeLimitReason.JOB_RESOURCE_REQUIREMENT)
            for sentence in dict.fromkeys(sentence for sentences in unfit.values() for sentence in sentences):
                names = ", ".join(name for name, sentences in unfit.items() if sentence in sentences)
                yield Problem.relation(_FIELD, f"{sentence} (in {names}){end}")
            return


def _unfit(environment: QueueEnvironment, item: Mapping[str, Any], *, multi_node: bool) -> Iterator[str]:
    if multi_node and environment.is_spot:
        yield NO_NODES_ON_SPOT
        return
    types = _expanded(environment.instance_types)
    container = _containers(item)
    if not types or not container:
        return
    required = item.get("instanceTypes", [None])[0] or container[0].get("instanceType") if multi_node else None
    instance = gpu_instance_type(types[0])
    needs = _needs(container, instance.architecture if instance else "x86_64")
    spec = ComputeEnvironmentSpec(instance_types=types, max_vcpus=environment.capacity[VCPU], efa=environment.has_efa)
    job = JobSize(needs=needs, nodes=1, instance_type=required)
    for problem in fit_problems(job, {environment.name: spec}):
        yield problem.sentence


def _expanded(instance_types: Sequence[str]) -> list[str]:
    """Return instance types, with the GPU instance types of families, for example of `g5`."""
    known = [instance.instance_type for instance in gpu_instance_types()]
    expanded = []
    for name in instance_types:
        expanded += [each for each in known if each.startswith(f"{name}.")] or [name]
    return expanded


def _containers(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "ecsProperties" in item:
        return [each for task in item["ecsProperties"]["taskProperties"] for each in task["containers"]]
    container = item.get("containerProperties") or item.get("container")
    return [container] if container else []


def _needs(containers: Sequence[Mapping[str, Any]], architecture: str) -> JobNeeds:
    total = dict.fromkeys(("GPU", "VCPU", "MEMORY"), 0)
    efa = 0
    for container in containers:
        own = {item["type"]: int(item["value"]) for item in container.get("resourceRequirements", [])}
        own = {"VCPU": container.get("vcpus", 0), "MEMORY": container.get("memory", 0)} | own
        for kind in total:
            total[kind] += own.get(kind, 0)
        devices = container.get("linuxParameters", {}).get("devices", [])
        efa += sum(device["hostPath"].startswith(_EFA_DEVICE) for device in devices)
        platform = container.get("runtimePlatform", {}).get("cpuArchitecture", "")
        architecture = _ARCHITECTURES.get(platform, architecture)
    return JobNeeds(
        gpus=total["GPU"], vcpus=total["VCPU"], memory_mib=total["MEMORY"], efa=efa, architecture=architecture
    )
