"""Whether jobs can run on the machines of a queue, and how well they divide them."""

from collections.abc import Iterator, Sequence

from fairlane._problems import Advice, Problem
from fairlane._tokens import is_token
from fairlane.capacity import GpuComputeEnvironment, Purchase
from fairlane.catalog import GpuInstanceType, JobNeeds, closest, gpu_instance_type, shortcomings
from fairlane.queues._job_definition import JobDefinitionBase


def fit_problems(job: JobDefinitionBase, environments: Sequence[GpuComputeEnvironment]) -> Iterator[Problem]:
    """Yields every environment that can never run the job; a machine that is not known could."""
    for environment in environments:
        field = (environment.node.path,)
        if job.nodes > 1 and environment.purchase == Purchase.SPOT:
            yield Problem(field, f"{job.nodes} nodes", "no multi-node job on SPOT, where AWS Batch runs none")
        if job.instance_type is not None and job.instance_type not in environment.instance_types:
            there = ", ".join(environment.instance_types)
            yield Problem(field, f"a job on {job.instance_type}", f"jobs on what machines are there: {there}")
            continue
        if job.needs is None:
            continue
        if job.needs.efa and not environment.efa:
            yield Problem(
                field, f"{job.needs.efa} EFA interfaces", "a job without EFA, as the environment has efa=False"
            )
        machines = [gpu_instance_type(name) for name in environment.instance_types]
        known = [machine for machine in machines if machine is not None]
        if len(known) < len(machines) or any(_fits(job.needs, machine) for machine in known):
            yield from _size_problems(job.needs, job.nodes, environment)
            continue
        nearest = closest(job.needs, known)
        lacks = ", ".join(shortcomings(job.needs, nearest))
        needs = f"{job.needs.gpus} GPUs, {job.needs.vcpus} vCPUs, {job.needs.memory_mib} MiB"
        yield Problem(field, needs, f"what a machine there has; {nearest.instance_type} comes closest, but {lacks}")


def _size_problems(needs: JobNeeds, nodes: int, environment: GpuComputeEnvironment) -> Iterator[Problem]:
    vcpus = nodes * needs.vcpus
    if not is_token(environment.max_vcpus) and vcpus > environment.max_vcpus:
        allowed = f"at most the {environment.max_vcpus} that the environment may have"
        yield Problem((environment.node.path,), f"{vcpus} vCPUs in all", allowed)


def splitting_advice(job: JobDefinitionBase, environments: Sequence[GpuComputeEnvironment]) -> Iterator[Advice]:
    """Yields machines whose other GPUs idle while the job runs, because it takes their memory or vCPUs."""
    names = {name for environment in environments for name in environment.instance_types}
    for machine in filter(None, map(gpu_instance_type, sorted(names))):
        if job.needs is None or not _fits(job.needs, machine):
            continue
        by_gpus = machine.gpus // job.needs.gpus
        at_once = min(by_gpus, machine.usable_memory_mib // job.needs.memory_mib, machine.vcpus // job.needs.vcpus)
        if at_once < by_gpus:
            yield Advice(
                "fairlane:GpuQueue.idleGpus",
                f"{at_once} of these jobs fill a {machine.instance_type}, which has GPUs for {by_gpus}: each takes "
                f"{job.needs.memory_mib} MiB and {job.needs.vcpus} vCPUs, and "
                f"{machine.gpus - at_once * job.needs.gpus} GPUs idle",
            )


def _fits(needs: JobNeeds, machine: GpuInstanceType) -> bool:
    return not any(shortcomings(needs, machine))
