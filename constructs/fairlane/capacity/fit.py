"""Whether jobs can run on the machines of a queue, and how well they divide them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_fit_problems
from fairlane.capacity.rules import ComputeEnvironmentSpec, Purchase
from fairlane.catalog import GpuInstanceType, JobNeeds, gpu_instance_type
from fairlane.catalog.job_needs import closest, shortcomings
from fairlane.errors import Advice, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSize:
    """What a job takes; as for `JobDefinitionBase`."""

    needs: JobNeeds | None
    nodes: int
    instance_type: str | None


def fit_problems(job: JobSize, environments: Mapping[str, ComputeEnvironmentSpec]) -> Iterator[Problem]:
    """Yields every environment, by its name, that can never run the job; a machine that is not known could."""
    for name, environment in environments.items():
        field = (name,)
        if job.nodes > 1 and environment.purchase == Purchase.SPOT:
            yield Problem(field, f"{job.nodes} nodes", "no multi-node job on SPOT, where AWS Batch runs none")
        if job.instance_type is not None and job.instance_type not in environment.instance_types:
            there = ", ".join(environment.instance_types)
            yield Problem(field, f"a job on {job.instance_type}", f"jobs on what machines are there: {there}")
            continue
        if job.needs is None:
            continue
        yield from efa_fit_problems(name, job.needs.efa, efa=environment.efa)
        machines = [gpu_instance_type(instance_type) for instance_type in environment.instance_types]
        known = [machine for machine in machines if machine is not None]
        if len(known) < len(machines) or any(_fits(job.needs, machine) for machine in known):
            vcpus = job.nodes * job.needs.vcpus
            if not is_token(environment.vcpus) and vcpus > environment.vcpus:
                allowed = f"at most the {environment.vcpus} that the environment may have"
                yield Problem(field, f"{vcpus} vCPUs in all", allowed)
            continue
        nearest = closest(job.needs, known)
        lacks = ", ".join(shortcomings(job.needs, nearest))
        needs = f"{job.needs.gpus} GPUs, {job.needs.vcpus} vCPUs, {job.needs.memory_mib} MiB"
        yield Problem(field, needs, f"what a machine there has; {nearest.instance_type} comes closest, but {lacks}")


def splitting_advice(job: JobSize, instance_types: Sequence[str]) -> Iterator[Advice]:
    """Yields machines whose other GPUs idle while the job runs, because it takes their memory or vCPUs."""
    for machine in filter(None, map(gpu_instance_type, sorted(set(instance_types)))):
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
